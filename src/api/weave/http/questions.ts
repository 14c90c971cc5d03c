import type { Result } from '../../../core/errors.ts';
import type { Known } from '../known.ts';
import { LAYOUTS } from '../layout.ts';
import { renderMetrics } from '../metrics.ts';
import { reportJson, weaveReport } from '../report.ts';
import { renderTemplate } from '../template/render.ts';
import { BAD_REQUEST, NOT_FOUND, type Reply, refusal, text } from './reply.ts';
import type { Asked, Routes } from './route.ts';

const UNREADY = 503;

export interface QuestionParts {
  /** What the router knows now. */
  known(): Promise<Result<Known>>;
}

/** What changes nothing. */
export function questionRoutes({ known }: QuestionParts): Routes {
  const of = async (answer: (now: Known) => Reply | Promise<Reply>): Promise<Reply> => {
    const now = await known();
    return now.ok ? answer(now.value) : refusal(now.problem);
  };
  const status = (now: Known): Reply => {
    const report = weaveReport(now);
    return text(LAYOUTS.summary(report), report.Ready ? 200 : UNREADY);
  };
  return [
    ['GET', '/status', () => of(status)],
    ['GET', '/status/{view}', ({ parameters }) => of(now => view(now, parameters['view'] ?? ''))],
    ['GET', '/report', asked => of(now => report(now, asked))],
    [
      'GET',
      '/metrics',
      () =>
        of(async now => {
          const { contentType, text: body } = await renderMetrics(now);
          return { status: 200, text: body, type: contentType };
        }),
    ],
  ];
}

function view(now: Known, name: string): Reply {
  const layouts: Readonly<Record<string, (typeof LAYOUTS)[keyof typeof LAYOUTS]>> = LAYOUTS;
  const layout = name === 'summary' || !Object.hasOwn(layouts, name) ? undefined : layouts[name];
  return layout === undefined ? NOT_FOUND : text(layout(weaveReport(now)));
}

/** By `?format=`, else as JSON for who wants that. */
function report(now: Known, { query, accept }: Asked): Reply {
  const templates = query.getAll('format');
  if (templates.length === 0 && accept.includes('application/json'))
    return { status: 200, text: reportJson(weaveReport(now)), type: 'application/json' };
  const [template, ...more] = templates;
  if (template === undefined || more.length > 0)
    return text('error: must supply one format parameter\n', BAD_REQUEST);
  const rendered = renderTemplate(template, weaveReport(now));
  return rendered.ok ? text(rendered.value) : refusal(rendered.problem);
}
