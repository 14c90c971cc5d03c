import { type Cidr, formatCidr, type Ipv4, parseCidr, parseIpv4 } from '../../core/address.ts';
import { type Methods, method, must, type PluginHost, Refusal } from './host.ts';
import { EMPTY, RELEASE_ADDRESS, RELEASE_POOL, REQUEST_ADDRESS, REQUEST_POOL } from './requests.ts';

/** By it the network driver knows a subnet that comes from here. */
export const ADDRESS_SPACE = 'mesh';
const TYPE = 'RequestAddressType';
const GATEWAY = 'com.docker.network.gateway';
/** Engines since 20.10 say for whom an address is; to the mesh it is all the same. */
const SAID_WITH_ADDRESSES = [
  TYPE,
  'com.docker.network.endpoint.macaddress',
  'com.docker.network.ipam.serial',
];

/** Addresses come from the one ring of all hosts. A pool's id is its subnet: the same on every host, and after any restart. */
export function ipamDriver(host: PluginHost): Methods {
  return {
    GetCapabilities: method(EMPTY, async () => ({ RequiresMACAddress: false, RequiresRequestReplay: false })),
    GetDefaultAddressSpaces: method(EMPTY, async () => ({
      LocalDefaultAddressSpace: ADDRESS_SPACE,
      GlobalDefaultAddressSpace: ADDRESS_SPACE,
    })),
    RequestPool: method(REQUEST_POOL, async ({ Options, Pool, SubPool, V6 }) => {
      if (V6) throw new Refusal('the mesh has no IPv6: leave out --ipv6');
      refuseOptions(Options, []);
      if (SubPool !== '' && Pool === '')
        throw new Refusal('--ip-range takes --subnet, which it is a part of');
      const subnet = Pool === '' ? undefined : readSubnet(Pool);
      const range = SubPool === '' ? undefined : readSubnet(SubPool);
      const reserved = await must(host, { kind: 'reserve-subnet', subnet, range });
      const text = formatCidr(reserved.subnet!);
      return { PoolID: text, Pool: text, Data: {} };
    }),
    ReleasePool: method(RELEASE_POOL, async ({ PoolID }) => {
      await must(host, { kind: 'return-subnet', subnet: readSubnet(PoolID) });
      return {};
    }),
    RequestAddress: method(REQUEST_ADDRESS, async ({ Address, Options, PoolID }) => {
      refuseOptions(Options, SAID_WITH_ADDRESSES);
      const subnet = readSubnet(PoolID);
      const address = Address === '' ? undefined : readAddress(Address);
      const command = {
        kind: 'reserve-address',
        subnet,
        address,
        gateway: Options[TYPE] === GATEWAY,
      } as const;
      let given = await host.ask(command);
      if (!given.ok && given.problem.code === 'address-taken' && address !== undefined) {
        // An endpoint may have it whose end the engine could not tell.
        await host.compare(address);
        given = await host.ask(command);
      }
      const { addresses } = given.ok ? given.value : await must(host, command);
      return { Address: formatCidr({ address: addresses[0]!, prefix: subnet.prefix }), Data: {} };
    }),
    ReleaseAddress: method(RELEASE_ADDRESS, async ({ Address }) => {
      await must(host, { kind: 'return-address', address: readAddress(Address) });
      return {};
    }),
  };
}

function refuseOptions(options: Readonly<Record<string, unknown>>, known: readonly string[]): void {
  const unknown = Object.keys(options).find(name => !known.includes(name));
  if (unknown !== undefined) throw new Refusal(`--ipam-opt ${unknown}: the mesh knows no such option`);
}

function readSubnet(text: string): Cidr {
  const subnet = parseCidr(text);
  if (subnet === undefined) throw new Refusal(`"${text}" is not a subnet; write it like 10.40.0.0/16`);
  return subnet;
}

function readAddress(text: string): Ipv4 {
  const address = parseIpv4(text) ?? parseCidr(text)?.address;
  if (address === undefined) throw new Refusal(`"${text}" is not an IPv4 address`);
  return address;
}
