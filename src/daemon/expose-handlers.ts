import type { ControlHandlers } from '../api/control/contract.ts';
import type { Cidr } from '../core/address.ts';
import { HOST_LEG } from '../core/endpoints/attachment.ts';
import { ok, type Result, refuse } from '../core/errors.ts';
import { LEG } from '../core/host/leg.ts';
import type { Command, Reply } from '../core/host/step.ts';
import { DEFAULT_NETWORK } from '../core/networks/network.ts';
import type { Report } from '../core/report.ts';
import { attachedIn, parseAddresses, parseSubnets, withPrefixes } from './cidrs.ts';
import { parseNames } from './name-handlers.ts';

export interface ExposeHandlerParts {
  readonly zone: string;
  readonly defaultSubnet: Cidr | undefined;
  ask(command: Command): Promise<Result<Reply>>;
  report(): Report;
}

type Handlers = Pick<ControlHandlers, 'expose' | 'hide'>;

/** The host's own leg in the network. */
export function exposeHandlers(parts: ExposeHandlerParts): Handlers {
  const { zone, defaultSubnet, ask, report } = parts;
  const network = DEFAULT_NETWORK.name;

  return {
    async expose({ addresses: texts = [], subnets: spaces = [], names: called = [], masquerade = true }) {
      const addresses = parseAddresses(texts);
      if (!addresses.ok) return addresses;
      const subnets = parseSubnets(spaces, defaultSubnet);
      if (!subnets.ok) return subnets;
      const names = parseNames(called, zone);
      if (!names.ok) return names;
      const wanted = { addresses: addresses.value, subnets: subnets.value, names: names.value };
      const reply = await ask({ kind: 'attach', container: LEG, network, ...wanted, masquerade });
      return reply.ok ? ok({ addresses: withPrefixes(reply.value.addresses, attachedIn(report())) }) : reply;
    },

    async hide({ addresses: texts = [] }) {
      const addresses = parseAddresses(texts);
      if (!addresses.ok) return addresses;
      const before = attachedIn(report());
      const command = { kind: 'detach', container: HOST_LEG, network, addresses: addresses.value } as const;
      const reply = await ask(command);
      if (reply.ok) return ok({ addresses: withPrefixes(reply.value.addresses, before) });
      const { problem } = reply;
      return problem.code === 'not-attached'
        ? refuse({ code: 'not-exposed', address: problem.address })
        : reply;
    },
  };
}
