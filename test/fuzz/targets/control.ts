import fc from 'fast-check';
import { ROUTES } from '../../../src/api/control/contract.ts';
import { parseRequest } from '../../../src/api/control/schema.ts';
import { insist, type Target } from '../target.ts';

const CALLS = Object.keys(ROUTES) as (keyof typeof ROUTES)[];
const BODIES = [
  { container: 'box1', addresses: ['10.0.0.11/24'] },
  { container: 'box1' },
  { peers: ['192.168.48.12'], replace: true },
  { peers: [] },
  {},
];

export const control: Target = {
  what: 'bodies of requests to the control socket',
  structured: fc
    .oneof(
      fc.constantFrom(...BODIES).map(body => JSON.stringify(body)),
      fc.json(),
    )
    .map(text => new TextEncoder().encode(text)),
  read(bytes) {
    const text = Buffer.from(bytes).toString();
    for (const name of CALLS) {
      const parsed = parseRequest(name, text);
      insist(parsed.ok || /^[^\n]+$/.test(parsed.why), 'a refusal is one line');
    }
  },
};
