import { ok, type Result } from '../../core/errors.ts';
import { bad, type Option } from './option.ts';

/** Where HTTP is answered as Weave Net's router does: `HOST:PORT`, or the path of a unix socket. */
export interface HttpSettings {
  /** All of it: who reaches this may change what this host does. */
  readonly httpAddresses: readonly string[];
  /** What changes nothing: status, report and metrics. */
  readonly statusAddresses: readonly string[];
}

const HOST_AND_PORT = /^(\d{1,3}(\.\d{1,3}){3}|localhost)?:([1-9]\d{0,4})$/;

function parseAddresses(text: string, name: string): Result<readonly string[]> {
  const addresses = text.split(',').filter(each => each !== '');
  const wrong = addresses.find(each => !/^\/[^\0]+$/.test(each) && !isHostAndPort(each));
  return wrong === undefined ? ok(addresses) : bad(name, wrong, 'ADDRESS:PORT, or the path of a socket');
}

const isHostAndPort = (text: string): boolean => {
  const port = HOST_AND_PORT.exec(text)?.[3];
  return port !== undefined && Number(port) <= 65_535;
};

const option = (flag: string, variable: string, help: string): Option<readonly string[]> => ({
  flag,
  repeats: true,
  value: 'ADDRESS:PORT',
  env: [variable],
  takesNothing: true,
  help,
  initial: [],
  reason: 'the control socket answers for who may use it; TCP knows nobody',
  parse: parseAddresses,
  format: addresses => addresses.join(','),
});

export const HTTP_OPTIONS: { readonly [K in keyof HttpSettings]: Option<HttpSettings[K]> } = {
  httpAddresses: option('http-addr', 'MESH_HTTP_ADDR', "where Weave Net's HTTP API is answered, all of it"),
  statusAddresses: option(
    'status-addr',
    'MESH_STATUS_ADDR',
    'where of that only /status, /report and /metrics are',
  ),
};
