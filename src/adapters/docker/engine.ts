import { type IncomingMessage, type RequestOptions, request } from 'node:http';
import { ok, type Problem, type Result, refuse } from '../../core/errors.ts';
import type { EngineAnswer, EngineApi } from '../../ports/engine.ts';

/** The little of the Engine API that the router needs. */
export interface Engine extends EngineApi {
  get(path: string): Promise<Result<EngineAnswer>>;
  /**
   * Opens an endless answer; `onLine` gets each of its lines, `onEnd` is called once when it ends, however it does.
   * Refuses with `docker-unreachable`. The function given closes it, without `onEnd`.
   */
  follow(path: string, onLine: (line: string) => void, onEnd: () => void): Promise<Result<() => void>>;
}

/** How long an engine may take unless told otherwise; a busy one is slow to inspect. */
const ANSWER_MS = 10_000;
/** An inspection of a container takes some 10 KiB, an event less than one. */
const BODY_LIMIT = 16 * 1024 * 1024;
const LINE_LIMIT = 1024 * 1024;

type Target = Pick<RequestOptions, 'socketPath' | 'host' | 'port'>;

/** `address` as in DOCKER_HOST: `unix:///var/run/docker.sock` or `tcp://HOST:PORT`. Nothing is asked yet. */
export function createEngine(address: string, answerMs = ANSWER_MS): Engine {
  const target = parseTarget(address);
  const unreachable = (why: string): Problem => ({ code: 'docker-unreachable', address, why });
  let version: string | undefined;

  /** `/v1.44`, asked for once; an engine that names none gets paths without. */
  async function prefix(to: Target): Promise<string> {
    if (version === undefined) {
      const { response } = await open(to, { method: 'GET', path: '/_ping' }, answerMs);
      response.resume();
      const named = response.headers['api-version'];
      version = typeof named === 'string' && /^\d+\.\d+$/.test(named) ? `/v${named}` : '';
    }
    return version;
  }

  /** The answer's head. Another engine may have come meanwhile: then it is asked for its version again, once. */
  async function openVersioned(to: Target, call: Call): Promise<Opened> {
    const known = version;
    const versioned = async (): Promise<Call> => ({ ...call, path: (await prefix(to)) + call.path });
    const opened = await open(to, await versioned(), answerMs);
    if (known === undefined || opened.response.statusCode !== 400) return opened;
    opened.close();
    version = undefined;
    return open(to, await versioned(), answerMs);
  }

  async function attempt<Value>(action: (to: Target) => Promise<Value>): Promise<Result<Value>> {
    if (target === undefined) return refuse(unreachable('write unix:///PATH or tcp://HOST:PORT'));
    try {
      return ok(await action(target));
    } catch (error) {
      version = undefined;
      return refuse(unreachable(reason(error)));
    }
  }

  const call: Engine['call'] = (method, path, body) =>
    attempt(async to => {
      const { response } = await openVersioned(to, { method, path, body });
      return { status: response.statusCode ?? 0, body: parseJson(await readBody(response, answerMs)) };
    });

  return {
    call,
    get: path => call('GET', path),
    follow: (path, onLine, onEnd) =>
      attempt(async to => {
        const opened = await openVersioned(to, { method: 'GET', path });
        if (opened.response.statusCode !== 200) {
          opened.close();
          throw new Error(`it answered ${path} with status ${opened.response.statusCode}`);
        }
        return followLines(opened, onLine, onEnd);
      }),
  };
}

function parseTarget(address: string): Target | undefined {
  if (address.startsWith('unix://')) return { socketPath: address.slice('unix://'.length) };
  const match = /^(?:tcp|http):\/\/([^/:]+|\[[^\]]+\])(?::(\d+))?\/?$/.exec(address);
  if (match === null) return undefined;
  return { host: match[1]?.replace(/^\[|\]$/g, '') ?? '', port: Number(match[2] ?? 2375) };
}

interface Call {
  readonly method: string;
  readonly path: string;
  readonly body?: object | undefined;
}

interface Opened {
  readonly response: IncomingMessage;
  /** Gives up the connection. */
  readonly close: () => void;
}

/** Resolves with the head of the answer. A connection of its own for each: they are few, and one may be long. */
function open(target: Target, { method, path, body }: Call, answerMs: number): Promise<Opened> {
  return new Promise((resolve, reject) => {
    // The engine ignores the name, but newer ones insist on there being one.
    const text = body === undefined ? undefined : JSON.stringify(body);
    const headers = {
      host: 'docker',
      ...(text === undefined
        ? {}
        : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
    };
    const options = { ...target, method, path, agent: false as const, headers };
    const asked = request(options, response => {
      clearTimeout(timer);
      resolve({ response, close: () => void asked.destroy() });
    });
    const timer = setTimeout(() => {
      asked.destroy(new Error(`no answer within ${answerMs / 1000} s`));
    }, answerMs);
    asked.on('error', error => {
      clearTimeout(timer);
      reject(error);
    });
    asked.on('socket', socket => socket.setKeepAlive(true, 30_000));
    asked.end(text);
  });
}

async function readBody(response: IncomingMessage, answerMs: number): Promise<string> {
  const timer = setTimeout(() => response.destroy(new Error('the answer broke off')), answerMs);
  try {
    const parts: Buffer[] = [];
    let size = 0;
    for await (const part of response) {
      size += part.length;
      if (size > BODY_LIMIT) throw new Error('the answer is too long');
      parts.push(part);
    }
    return Buffer.concat(parts).toString('utf8');
  } finally {
    clearTimeout(timer);
  }
}

function followLines(opened: Opened, onLine: (line: string) => void, onEnd: () => void): () => void {
  let text = '';
  let closed = false;
  const end = (): void => {
    if (closed) return;
    closed = true;
    opened.close();
    onEnd();
  };
  opened.response.setEncoding('utf8');
  opened.response.on('data', (part: string) => {
    const lines = (text + part).split('\n');
    text = lines.pop() ?? '';
    for (const line of lines) if (!closed && line.trim() !== '') onLine(line);
    if (text.length > LINE_LIMIT) end();
  });
  opened.response.on('close', end);
  opened.response.on('error', end);
  return () => {
    closed = true;
    opened.close();
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const WORDS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such socket',
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'the connection broke',
  EACCES: 'permission denied',
  ENOTFOUND: 'the name does not resolve',
  EHOSTUNREACH: 'there is no route',
};

function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error ? String(error.code) : '';
  return WORDS[code] ?? error.message;
}
