import type { Result } from '../../../core/errors.ts';
import type { ControlHandlers, DnsReport } from '../../control/contract.ts';
import { json, NOT_FOUND, NOTHING, type Reply, replyTo, text } from './reply.ts';
import type { Asked, Routes } from './route.ts';

const NAME_PORT = 53;
/** Whom an address is filed under that no container has. */
const NOBODY = '_';
const EXTERN = 'weave:extern';

/** What is answered at the control address only: addresses, names, peers. */
export function changeRoutes(mesh: ControlHandlers): Routes {
  return [...peerRoutes(mesh), ...addressRoutes(mesh), ...nameRoutes(mesh), ...placeRoutes(mesh)];
}

function peerRoutes(mesh: ControlHandlers): Routes {
  const well = (): Reply => text('');
  return [
    [
      'POST',
      '/connect',
      async ({ form }) =>
        replyTo(
          await mesh.connect({ peers: form.getAll('peer'), replace: form.get('replace') === 'true' }),
          well,
        ),
    ],
    ['POST', '/forget', async ({ form }) => replyTo(await mesh.forget({ peers: form.getAll('peer') }), well)],
    ['DELETE', '/peer', async () => replyTo(await mesh.leave(), () => NOTHING)],
    [
      'DELETE',
      '/peer/{peer}',
      async ({ parameters: { peer = '' } }) =>
        replyTo(await mesh.rmpeer({ peers: [peer] }), ({ removed }) => {
          const count = removed.reduce((sum, { addresses }) => sum + addresses, 0);
          return text(`${count} IPs taken over from ${peer}\n`);
        }),
    ],
  ];
}

function addressRoutes(mesh: ControlHandlers): Routes {
  const spaced = ({ addresses }: { readonly addresses: readonly string[] }): Reply =>
    text(addresses.join(' '));
  const owner = ({ parameters }: Asked): string => parameters['owner'] ?? '';
  const checkAlive = ({ query }: Asked): boolean => query.get('check-alive') === 'true';
  const allocate = async (asked: Asked): Promise<Reply> =>
    replyTo(
      await mesh.allocate({
        owner: owner(asked),
        subnet: asked.parameters['subnet'],
        checkAlive: checkAlive(asked),
      }),
      spaced,
    );
  const held = async (asked: Asked): Promise<Reply> =>
    replyTo(await mesh.held({ owner: owner(asked), subnet: asked.parameters['subnet'] }), spaced);
  const release = async (asked: Asked): Promise<Reply> =>
    replyTo(
      await mesh.release({ owner: owner(asked), address: asked.parameters['address'] }),
      () => NOTHING,
      asked.parameters['address'] === undefined ? 'Delete: ' : 'Free: ',
    );
  return [
    [
      'GET',
      '/ip',
      async () =>
        replyTo(await mesh.owned(), ({ owned }) =>
          json({ owned: owned.map(one => ({ containerid: one.owner, addrs: one.addresses })) }),
        ),
    ],
    ['GET', '/ip/{owner}', held],
    ['GET', '/ip/{owner}/{subnet...}', held],
    ['POST', '/ip/{owner}', allocate],
    ['POST', '/ip/{owner}/{subnet...}', allocate],
    [
      'PUT',
      '/ip/{owner}/{address...}',
      async asked =>
        replyTo(
          await mesh.claim({
            owner: owner(asked),
            address: asked.parameters['address'] ?? '',
            checkAlive: checkAlive(asked),
          }),
          () => NOTHING,
          'Unable to claim: ',
        ),
    ],
    ['DELETE', '/ip/{owner}', release],
    ['DELETE', '/ip/{owner}/{address...}', release],
    ['GET', '/ring', async () => replyTo(await mesh.prime(), () => text(''))],
    ['GET', '/ipinfo/defaultsubnet', async () => replyTo(await mesh.report(), ({ ipam }) => defaultOf(ipam))],
    [
      'POST',
      '/expose/{address...}',
      async ({ parameters, query }) =>
        replyTo(
          await mesh.expose({
            addresses: [parameters['address'] ?? ''],
            masquerade: query.get('skipNAT') !== 'true',
          }),
          () => NOTHING,
        ),
    ],
  ];
}

const defaultOf = (ipam: { readonly defaultSubnet: string } | undefined): Reply =>
  ipam === undefined ? NOT_FOUND : text(ipam.defaultSubnet);

function nameRoutes(mesh: ControlHandlers): Routes {
  const remove = async ({ parameters, query }: Asked): Promise<Reply> => {
    const { container = '*', address = '*' } = parameters;
    const name = query.get('fqdn') ?? '*';
    const request = {
      ...(isSome(container) && { container }),
      addresses: address === '*' ? [] : [address],
      names: name === '*' ? [] : [name],
    };
    // What is not there is gone.
    await mesh.unname(request);
    return NOTHING;
  };
  return [
    [
      'PUT',
      '/name/{container}/{address}',
      async ({ parameters: { container = '', address = '' }, form }) => {
        const names = form.getAll('fqdn');
        const named = await mesh.name({
          ...(isSome(container) && { container }),
          addresses: [address],
          names,
        });
        return isOutside(named) ? NOTHING : replyTo(named, () => NOTHING);
      },
    ],
    ['DELETE', '/name', remove],
    ['DELETE', '/name/{container}', remove],
    ['DELETE', '/name/{container}/{address}', remove],
    ['GET', '/name', async () => replyTo(await mesh.report(), ({ names }) => json(names))],
  ];
}

const isSome = (container: string): boolean => ![NOBODY, EXTERN, '*'].includes(container);

/** Weave says nothing of names in other zones. */
const isOutside = (result: Result<unknown>): boolean => !result.ok && result.problem.code === 'name-outside';

function placeRoutes(mesh: ControlHandlers): Routes {
  const dns = async (answer: (report: DnsReport) => Reply): Promise<Reply> =>
    replyTo(await mesh.dns(), answer);
  const place = ({ server }: DnsReport) => server?.listening.find(({ inSwitch }) => !inSwitch);
  return [
    ['GET', '/domain', () => dns(({ zone }) => text(`${zone}.`))],
    ['GET', '/dns-address', () => dns(report => text(placeText(place(report), false)))],
    ['GET', '/dns-address-port', () => dns(report => text(placeText(place(report), true)))],
    [
      'GET',
      '/proxyaddrs',
      async () => replyTo(await mesh.proxy(), ({ addresses }) => text(`${addresses.join('\n')}\n`)),
    ],
  ];
}

/** Nothing where DNS is off, or has a port that clients don't ask. */
function placeText(
  place: { readonly address: string; readonly port: number } | undefined,
  full: boolean,
): string {
  if (place === undefined) return '';
  if (full) return `${place.address}:${place.port}`;
  return place.port === NAME_PORT ? place.address : '';
}
