import { expect, test } from 'vitest';
import { dialProblem, listenProblem } from '../../../../src/adapters/libp2p/problems.ts';

const peer = '192.0.2.1:6783';
const failed = (code: string): Error => Object.assign(new Error(`connect ${code} ${peer}`), { code });
const named = (name: string): Error => Object.assign(new Error('over'), { name });

test('errors of connecting', () => {
  expect(dialProblem(peer, false, failed('ECONNREFUSED'))).toEqual({ code: 'peer-refused', peer });
  expect(dialProblem(peer, false, failed('EHOSTUNREACH'))).toEqual({ code: 'peer-no-route', peer });
  expect(dialProblem(peer, false, failed('ENETUNREACH'))).toEqual({ code: 'peer-no-route', peer });
  expect(dialProblem(peer, false, failed('ETIMEDOUT'))).toEqual({ code: 'peer-timeout', peer });
  expect(dialProblem(peer, false, named('TimeoutError'))).toEqual({ code: 'peer-timeout', peer });
  expect(dialProblem(peer, false, failed('EADDRNOTAVAIL'))).toMatchObject({ code: 'peer-failed' });
  expect(dialProblem(peer, false, new AggregateError([failed('ECONNREFUSED')]))).toEqual({
    code: 'peer-refused',
    peer,
  });
  expect(dialProblem(peer, false, 'odd')).toEqual({ code: 'peer-failed', peer, why: 'odd' });
});

test('errors of talking: the same codes mean something else', () => {
  expect(dialProblem(peer, true, failed('ECONNRESET'))).toMatchObject({ code: 'peer-failed' });
  expect(dialProblem(peer, true, named('TimeoutError'))).toMatchObject({ code: 'peer-failed' });
});

test('errors of listening, of which libp2p hands on the text', () => {
  const at = { host: '192.0.2.1', port: 80 };
  const text = (code: string): Error =>
    new Error(`Some configured addresses failed:\n Error: listen ${code}`);
  expect(listenProblem(at, text('EADDRINUSE'))).toEqual({ code: 'port-in-use', port: 80, protocol: 'tcp' });
  expect(listenProblem(at, text('EACCES'))).toEqual({ code: 'no-permission', what: 'listen on port 80' });
  expect(listenProblem(at, text('EADDRNOTAVAIL'))).toEqual({
    code: 'no-such-host-address',
    value: '192.0.2.1',
  });
  expect(listenProblem(at, text('EMFILE'))).toMatchObject({ code: 'kernel-refused' });
});
