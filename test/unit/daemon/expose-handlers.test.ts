import { describe, expect, it } from 'vitest';
import { type Ipv4, parseCidr } from '../../../src/core/address.ts';
import { ok, type Problem, type Result, refuse } from '../../../src/core/errors.ts';
import { LEG } from '../../../src/core/host/leg.ts';
import type { Command, Reply } from '../../../src/core/host/step.ts';
import { exposeHandlers } from '../../../src/daemon/expose-handlers.ts';
import { REPORT } from '../../support/fake-router.ts';

const cidr = (text: string) => parseCidr(text)!;
const [endpoint] = REPORT.endpoints;
const leg = { ...endpoint!, address: '10.32.0.1' as Ipv4, prefix: 12 };

function handlersOf(answer: Result<readonly string[]>, defaultSubnet = cidr('10.32.0.0/12')) {
  const asked: Command[] = [];
  const handlers = exposeHandlers({
    zone: 'mesh.internal',
    defaultSubnet,
    ask: async (command): Promise<Result<Reply>> => {
      asked.push(command);
      return answer.ok ? ok({ addresses: answer.value as Ipv4[], detached: [] }) : answer;
    },
    report: () => ({ ...REPORT, endpoints: [leg] }),
  });
  return { asked, handlers };
}

describe('the leg of this host over the control socket', () => {
  it('is attached as a container that is always there', async () => {
    const { asked, handlers } = handlersOf(ok(['10.32.0.1']));
    const told = ok({ addresses: ['10.32.0.1/12'] });
    expect(await handlers.expose({})).toEqual(told);
    const all = { addresses: ['10.0.0.1/24'], subnets: ['default', '10.40.0.0/16'], names: ['Gate'] };
    expect(await handlers.expose({ ...all, masquerade: false })).toEqual(told);
    expect(await handlers.hide({})).toEqual(told);
    const attach = { kind: 'attach', container: LEG, network: 'mesh' };
    expect(asked).toEqual([
      { ...attach, addresses: [], subnets: [], names: [], masquerade: true },
      {
        ...attach,
        addresses: [cidr('10.0.0.1/24')],
        subnets: [cidr('10.40.0.0/16'), cidr('10.32.0.0/12')],
        names: ['gate'],
        masquerade: false,
      },
      { kind: 'detach', container: LEG.id, network: 'mesh', addresses: [] },
    ]);
  });

  it.each([
    [{ addresses: ['10.0.0.1'] }, 'bad-address'],
    [{ subnets: ['all'] }, 'bad-address'],
    [{ names: ['a..b'] }, 'name-malformed'],
    [{ names: ['web.example.org'] }, 'name-outside'],
  ])('is asked for in vain with %j', async (request, code) => {
    const { asked, handlers } = handlersOf(ok([]));
    expect(await handlers.expose(request)).toMatchObject({ problem: { code } });
    expect(asked).toEqual([]);
  });

  it('can be hidden only where it is', async () => {
    const refused = (address: string | undefined): Problem => ({
      code: 'not-attached',
      container: LEG.id,
      address,
    });
    for (const address of [undefined, '10.0.0.1/24']) {
      const { handlers } = handlersOf(refuse(refused(address)));
      expect(await handlers.hide({})).toEqual(refuse({ code: 'not-exposed', address }));
    }
    const { handlers } = handlersOf(refuse({ code: 'router-leaving' }));
    expect(await handlers.hide({})).toEqual(refuse({ code: 'router-leaving' }));
    expect(await handlers.hide({ addresses: ['web'] })).toMatchObject({ problem: { code: 'bad-address' } });
  });
});
