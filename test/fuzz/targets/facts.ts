import fc from 'fast-check';
import { macOfAddress, parseIpv4 } from '../../../src/core/address.ts';
import { decodeEndpoint, encodeEndpoint } from '../../../src/core/endpoints/endpoint.ts';
import { toBytes } from '../../../src/core/json.ts';
import { decodeNetwork, encodeNetwork } from '../../../src/core/networks/fact.ts';
import {
  decodeConnection,
  decodeHost,
  encodeConnection,
  encodeHost,
} from '../../../src/core/topology/facts.ts';
import { insist, type Target } from '../target.ts';

const address = parseIpv4('10.0.0.11')!;
const mac = macOfAddress(1, address, 0);
const host = {
  ...{ name: mac, nickname: 'host1', version: '1', addresses: ['192.168.48.11:6783'], boot: '1-a' },
  ...{ vtep: { address, port: 6784 }, control: address },
};
const KEY = 'mesh/10.0.0.11';
const endpoint = {
  ...{
    network: 'mesh',
    address,
    prefix: 24,
    mac,
    container: 'f'.repeat(64),
    containerName: 'box1',
    names: [],
  },
};

export const facts: Target = {
  what: 'values of facts: hosts, connections, endpoints, networks',
  structured: fc.oneof(
    fc.constantFrom(
      encodeHost(host),
      encodeEndpoint(endpoint),
      encodeConnection({ address: '192.168.48.12:6783', outbound: true, established: false }),
      encodeNetwork({
        network: { name: 'blue', id: 'b', vni: 7, subnets: [{ address, prefix: 16 }] },
        origin: undefined,
      }),
    ),
    fc.object().map(toBytes),
  ),
  read(bytes) {
    const text = Buffer.from(bytes).toString();
    const decoded = decodeHost(bytes);
    if (decoded !== undefined) {
      insist(
        JSON.stringify(decodeHost(encodeHost(decoded))) === JSON.stringify(decoded),
        'a host is told on',
      );
    }
    const fact = decodeEndpoint(KEY, bytes);
    insist(fact === undefined || (fact.prefix >= 0 && fact.prefix <= 32), 'a prefix is one');
    decodeEndpoint(text, encodeEndpoint(endpoint));
    decodeConnection(bytes);
    const network = decodeNetwork('blue', bytes)?.network;
    insist(network === undefined || (network.vni > 0 && network.vni < 2 ** 24), 'a VNI has 24 bits');
    decodeNetwork(
      text,
      encodeNetwork({ network: { name: 'blue', id: 'b', vni: 7, subnets: [] }, origin: undefined }),
    );
  },
};
