import type { NetworkRequest } from '../control/contract.ts';
import { Refusal } from '../plugin/host.ts';
import {
  GENERIC,
  isEncrypted,
  isUnicast,
  MTU_OPTIONS,
  NAME_OPTION,
  readOptions,
} from '../plugin/network-options.ts';
import { Refused } from './exchange.ts';
import { part, read } from './fields.ts';
import { type Fields, isFields } from './json.ts';
import type { Rules } from './rules.ts';

/** What the body of `POST /networks/create` asks for, where it is to be one of the mesh's. Throws `Refused` by the name of what can't be. */
export function readNetworkRequest(
  fields: Fields,
  { driver, multicastOption }: Pick<Rules, 'driver' | 'multicastOption'>,
): NetworkRequest {
  const name = read(fields, 'Name');
  if (typeof name !== 'string' || name === '') throw new Refused(400, 'a network needs a name');
  for (const [field, why] of Object.entries(NEVER)) {
    if (isSaid(read(fields, field))) throw new Refused(400, `${field}: ${why}`);
  }
  if (read(fields, 'EnableIPv4') === false)
    throw new Refused(400, 'EnableIPv4: a mesh network has IPv4 addresses');
  const scope = read(fields, 'Scope');
  if (isSaid(scope) && scope !== 'local')
    throw new Refused(400, `Scope: to Docker a mesh network is "local", though it is on all hosts`);
  return {
    name,
    ...readAddresses(fields, driver),
    ...readDriverOptions(name, texts(fields, 'Options'), multicastOption),
    ...(read(fields, 'Internal') === true && { internal: true }),
    labels: texts(fields, 'Labels'),
  };
}

/** Fields that change what a network is, to something that none of the mesh's is. */
const NEVER: Readonly<Record<string, string>> = {
  EnableIPv6: 'the mesh has no IPv6: leave out --ipv6',
  Ingress: 'a mesh network is none of Swarm: leave out --ingress',
  ConfigOnly: 'a mesh network is no mere configuration: leave out --config-only',
  ConfigFrom: 'a mesh network takes its options itself: leave out --config-from',
};

/** Command lines write what nobody has asked for, too. */
function isSaid(value: unknown): boolean {
  if (isFields(value)) return Object.values(value).some(isSaid);
  return value !== undefined && value !== null && value !== false && value !== '';
}

type Addresses = Pick<NetworkRequest, 'subnets' | 'range' | 'gateway' | 'aux'>;

function readAddresses(fields: Fields, driver: string): Addresses {
  const ipam = section(fields, 'IPAM');
  const named = read(ipam, 'Driver') ?? '';
  if (named !== '' && named !== 'default' && named !== driver)
    throw new Refused(
      400,
      `IPAM driver "${named}": addresses of a mesh network are the mesh's; leave it out, or write "${driver}"`,
    );
  const [option] = Object.keys(texts(ipam, 'Options'));
  if (option !== undefined) throw new Refused(400, `--ipam-opt ${option}: the mesh knows no such option`);
  const given = read(ipam, 'Config') ?? [];
  if (!Array.isArray(given) || !given.every(isFields)) throw new Refused(400, 'IPAM.Config is no list');
  const [first, ...more] = given.filter(isSaid);
  if (first === undefined) return {};
  if (more.length > 0)
    throw new Refused(400, 'a Docker network of the mesh has one subnet; make another network');
  const [subnet, range, gateway] = ['Subnet', 'IPRange', 'Gateway'].map(field => text(first, field));
  const aux = texts(first, 'AuxiliaryAddresses');
  if (subnet === undefined)
    throw new Refused(400, '--ip-range, --gateway and --aux-address take --subnet, which they are parts of');
  return {
    subnets: [subnet],
    ...(range !== undefined && { range }),
    ...(gateway !== undefined && { gateway }),
    ...(Object.keys(aux).length > 0 && { aux }),
  };
}

function readDriverOptions(
  name: string,
  options: Readonly<Record<string, string>>,
  multicastOption: string,
): Pick<NetworkRequest, 'mtu' | 'encrypted'> {
  try {
    const named = readOptions({ [GENERIC]: options }, multicastOption);
    if (named !== undefined && named !== name)
      throw new Refusal(`-o ${NAME_OPTION}=${named}: the network is called "${name}"`);
    if (isUnicast(options, multicastOption))
      throw new Refusal(
        `-o ${multicastOption}=false: it says something of one host, and the proxy makes networks on all; ask the engine itself`,
      );
  } catch (error) {
    if (error instanceof Refusal) throw new Refused(400, error.message);
    throw error;
  }
  const mtu = MTU_OPTIONS.map(option => options[option]).find(value => value !== undefined);
  return {
    ...(mtu !== undefined && { mtu: Number(mtu) }),
    ...(isEncrypted(options) && { encrypted: true }),
  };
}

function section(fields: Fields, name: string): Fields {
  const found = part(fields, name);
  if (found === undefined) throw new Refused(400, `${name} is no object`);
  return found;
}

function text(fields: Fields, name: string): string | undefined {
  const value = read(fields, name) ?? '';
  if (typeof value !== 'string') throw new Refused(400, `${name} is no text`);
  return value === '' ? undefined : value;
}

function texts(fields: Fields, name: string): Readonly<Record<string, string>> {
  const found = section(fields, name);
  const wrong = Object.entries(found).find(([, value]) => typeof value !== 'string');
  if (wrong !== undefined) throw new Refused(400, `${name}: ${wrong[0]} is no text`);
  return found as Readonly<Record<string, string>>;
}
