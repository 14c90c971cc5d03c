import { describe, expect, it } from 'vitest';
import { type Ipv4, parseCidr } from '../../../src/core/address.ts';
import { ok, type Result, refuse } from '../../../src/core/errors.ts';
import type { Allocation } from '../../../src/core/host/allocation.ts';
import type { Command, Reply } from '../../../src/core/host/step.ts';
import { addressHandlers } from '../../../src/daemon/address-handlers.ts';

const GIVEN: readonly Allocation[] = [
  { owner: 'zoe', cidr: parseCidr('10.32.0.1/12')! },
  { owner: 'amy', cidr: parseCidr('10.32.0.2/12')! },
  { owner: 'zoe', cidr: parseCidr('10.32.8.3/24')! },
];

/** The handlers over a host that has given out `GIVEN`, answers with `answer`, and what it was asked. */
function handlersOf(answer: Result<readonly string[]> = ok([]), running: readonly string[] = []) {
  const asked: Command[] = [];
  const handlers = addressHandlers({
    ask: async (command): Promise<Result<Reply>> => {
      asked.push(command);
      return answer.ok ? ok({ addresses: answer.value as Ipv4[], detached: [] }) : answer;
    },
    allocations: () => GIVEN,
    inspect: async container =>
      running.includes(container) ? ok(undefined) : refuse({ code: 'container-unknown', container }),
    allocatedTo: owner => GIVEN.filter(given => given.owner === owner).map(({ cidr }) => cidr),
  });
  return { asked, handlers };
}

describe('addresses over the control socket', () => {
  it('are told with the prefix that they were given with', async () => {
    const { asked, handlers } = handlersOf(ok(['10.32.8.3']));
    const told = ok({ addresses: ['10.32.8.3/24'] });
    expect(await handlers.allocate({ owner: 'zoe', subnet: '10.32.8.0/24' })).toEqual(told);
    expect(await handlers.claim({ owner: 'zoe', address: '10.32.8.3/24' })).toEqual(told);
    expect(await handlers.release({ owner: 'zoe', address: '10.32.8.3/24' })).toEqual(told);
    expect(asked).toEqual([
      { kind: 'allocate', owner: 'zoe', subnet: parseCidr('10.32.8.0/24') },
      { kind: 'claim', owner: 'zoe', address: parseCidr('10.32.8.3/24') },
      { kind: 'release', owner: 'zoe', addresses: ['10.32.8.3'] },
    ]);
  });

  it('are listed by owner, without asking the host for anything', async () => {
    const { asked, handlers } = handlersOf();
    expect(await handlers.owned()).toEqual(
      ok({
        owned: [
          { owner: 'amy', addresses: ['10.32.0.2/12'] },
          { owner: 'zoe', addresses: ['10.32.0.1/12', '10.32.8.3/24'] },
        ],
      }),
    );
    expect(await handlers.held({ owner: 'zoe', subnet: '10.32.8.0/24' })).toEqual(
      ok({ addresses: ['10.32.8.3/24'] }),
    );
    expect(await handlers.held({ owner: 'nobody' })).toEqual(ok({ addresses: [] }));
    expect(asked).toEqual([]);
  });

  it('are refused where the words are wrong, or nobody has any', async () => {
    const { asked, handlers } = handlersOf();
    const bad = (value: string) => refuse({ code: 'bad-address', value });
    expect(await handlers.allocate({ owner: 'a', subnet: '10.32.0.0' })).toEqual(bad('10.32.0.0'));
    expect(await handlers.claim({ owner: 'a', address: '10.32.0.1' })).toEqual(bad('10.32.0.1'));
    expect(await handlers.release({ owner: 'a', address: '10.32.0/12' })).toEqual(bad('10.32.0/12'));
    expect(await handlers.held({ owner: 'a', subnet: 'x' })).toEqual(bad('x'));
    expect(await handlers.release({ owner: 'nobody' })).toEqual(
      refuse({ code: 'owner-unknown', owner: 'nobody' }),
    );
    expect(asked).toEqual([]);
  });

  it('that nobody in particular asks for are their own', async () => {
    const { asked, handlers } = handlersOf(ok(['10.32.0.9']));
    await handlers.allocate({ owner: '_' });
    await handlers.release({ owner: '_', address: '10.32.0.9/12' });
    expect(asked).toEqual([
      { kind: 'allocate', owner: '_', subnet: undefined },
      { kind: 'release', owner: '10.32.0.9', addresses: ['10.32.0.9'] },
    ]);
    expect(await handlers.release({ owner: '_' })).toEqual(refuse({ code: 'owner-unknown', owner: '_' }));
  });

  it('are taken back where the container has to run and does not, unless it had them before', async () => {
    const gone = refuse({ code: 'container-unknown', container: 'tom' });
    const { asked, handlers } = handlersOf(ok(['10.32.0.9']), ['zoe']);
    expect(await handlers.allocate({ owner: 'tom', checkAlive: true })).toEqual(gone);
    expect(await handlers.claim({ owner: 'tom', address: '10.32.0.9/12', checkAlive: true })).toEqual(gone);
    expect(asked.filter(({ kind }) => kind === 'release')).toEqual(
      Array(2).fill({ kind: 'release', owner: 'tom', addresses: ['10.32.0.9'] }),
    );
    const had = handlersOf(ok(['10.32.0.1']), ['zoe']);
    const told = ok({ addresses: ['10.32.0.1/12'] });
    expect(await had.handlers.allocate({ owner: 'zoe', checkAlive: true })).toEqual(told);
    const dead = handlersOf(ok(['10.32.0.1']));
    expect((await dead.handlers.allocate({ owner: 'zoe', checkAlive: true })).ok).toBe(false);
    expect([...had.asked, ...dead.asked].map(({ kind }) => kind)).toEqual(['allocate', 'allocate']);
  });

  it('can be given out once the host says so, which takes none', async () => {
    const { asked, handlers } = handlersOf();
    expect(await handlers.prime()).toEqual(ok(undefined));
    expect(asked).toEqual([{ kind: 'prime' }]);
    const undivided = refuse({ code: 'ring-undivided', value: '10.32.0.0/12', why: 'too few' });
    expect(await handlersOf(undivided).handlers.prime()).toEqual(undivided);
  });
});
