import type { ControlHandlers, NetworkRequest } from '../api/control/contract.ts';
import { type Cidr, type Ipv4, parseCidr, parseIpv4 } from '../core/address.ts';
import { ok, type Result, refuse } from '../core/errors.ts';
import type { NetworkWish } from '../core/host/networking.ts';
import type { Command, Reply } from '../core/host/step.ts';
import { AUX_MAX, LABELS_MAX, MTU_MIN } from '../core/networks/fact.ts';
import type { Report } from '../core/report.ts';
import { parseAddresses } from './cidrs.ts';

export interface NetworkHandlerParts {
  ask(command: Command): Promise<Result<Reply>>;
  report(): Report;
  /** Resolves when the engine of this host has the networks of the mesh, as far as that can be. */
  networksSettled(): Promise<void>;
}

type Handlers = Pick<ControlHandlers, 'createNetwork' | 'removeNetwork'>;

export function networkHandlers({ ask, networksSettled, report }: NetworkHandlerParts): Handlers {
  return {
    async createNetwork(request) {
      const network = readNetwork(request);
      if (!network.ok) return network;
      const reply = await ask({ kind: 'create-network', network: network.value });
      if (!reply.ok) return reply;
      await networksSettled();
      const made = report().networks.find(({ name }) => name === request.name);
      return made === undefined ? refuse({ code: 'network-unknown', network: request.name }) : ok(made);
    },

    async removeNetwork({ name }) {
      const reply = await ask({ kind: 'remove-network', network: name });
      if (!reply.ok) return reply;
      await networksSettled();
      return ok(undefined);
    },
  };
}

/** What a request asks for, as the core takes it. */
export function readNetwork(request: NetworkRequest): Result<NetworkWish> {
  const { name, mtu, internal, encrypted, labels } = request;
  const subnets = parseAddresses(request.subnets ?? []);
  if (!subnets.ok) return subnets;
  const range = readRange(request.range);
  if (!range.ok) return range;
  const kept = readKept(request);
  if (!kept.ok) return kept;
  if (mtu !== undefined && mtu < MTU_MIN)
    return refuse({
      code: 'bad-setting',
      name: 'mtu',
      value: `${mtu}`,
      allowed: `a size of ${MTU_MIN} bytes or more`,
    });
  if (Object.keys(labels ?? {}).length > LABELS_MAX)
    return refuse({ code: 'bad-setting', name: 'label', value: 'so many', allowed: `${LABELS_MAX} at most` });
  return ok({
    name,
    subnets: subnets.value,
    ...(range.value && { range: range.value }),
    ...kept.value,
    ...(mtu !== undefined && { mtu }),
    ...(internal && { internal }),
    ...(encrypted && { encrypted }),
    ...(labels && Object.keys(labels).length > 0 && { labels }),
  });
}

function readRange(text: string | undefined): Result<Cidr | undefined> {
  const range = text === undefined ? undefined : parseCidr(text);
  return text !== undefined && range === undefined ? refuse({ code: 'bad-address', value: text }) : ok(range);
}

/** Addresses that the network keeps back. */
function readKept({ gateway, aux = {} }: NetworkRequest): Result<Pick<NetworkWish, 'gateway' | 'aux'>> {
  const texts = [...(gateway === undefined ? [] : [gateway]), ...Object.values(aux)];
  const wrong = texts.find(text => parseIpv4(text) === undefined);
  if (wrong !== undefined) return refuse({ code: 'bad-host-address', value: wrong });
  if (Object.keys(aux).length > AUX_MAX)
    return refuse({
      code: 'bad-setting',
      name: 'aux-address',
      value: 'so many',
      allowed: `${AUX_MAX} at most`,
    });
  return ok({
    ...(gateway !== undefined && { gateway: gateway as Ipv4 }),
    ...(Object.keys(aux).length > 0 && { aux: aux as Readonly<Record<string, Ipv4>> }),
  });
}
