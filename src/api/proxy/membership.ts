import { type Cidr, formatCidr, type Ipv4, parseCidr } from '../../core/address.ts';
import { describe, ok, type Result } from '../../core/errors.ts';
import { isObject } from '../../core/json.ts';
import { inTime, type Parts } from './rules.ts';
import type { Wish } from './wish.ts';

/** Tells the plugin whose endpoint it makes (see there). */
export const CONTAINER_OPTION = 'mesh.container';

/** What went wrong, for a person; undefined: nothing. */
export type Failure = string | undefined;

/** Puts containers on the mesh. */
export class Membership {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Before it runs: an address that stays its own, on the mesh's own Docker network. */
  async join(container: string, endpoint: Exclude<Wish['endpoint'], undefined>): Promise<Failure> {
    const { rules, engine, drivers, log } = this.#parts;
    const reserved = await this.#reserve(container, endpoint, rules.subnet);
    if (!reserved.ok) return describe(reserved.problem);
    const connect = () =>
      engine.call('POST', `/networks/${rules.network}/connect`, {
        Container: container,
        EndpointConfig: {
          IPAMConfig: { IPv4Address: reserved.value.address },
          DriverOpts: { [CONTAINER_OPTION]: container },
        },
      });
    let answer = await connect();
    if (answer.ok && answer.value.status === 404) {
      // The router may have started a moment ago.
      await drivers.settled();
      answer = await connect();
    }
    if (!answer.ok) return describe(answer.problem);
    if (answer.value.status === 200) {
      log.debug('joined', { container, address: formatCidr(reserved.value) });
      return undefined;
    }
    return `network ${rules.network}: ${messageOf(answer.value.body) ?? `status ${answer.value.status}`}`;
  }

  /** Before it runs: whether it could have now what it is attached with later, so that it does not run in vain. */
  async foresee(owner: string, { addresses, subnets }: Wish): Promise<Failure> {
    if (addresses.length + subnets.length === 0) return undefined;
    const { mesh, rules } = this.#parts;
    const given = [
      ...subnets.map(subnet => mesh.allocate({ owner, subnet })),
      ...addresses.map(address => mesh.claim({ owner, address })),
    ].map(reply => inTime(reply, () => void mesh.release({ owner }), rules.patienceMs));
    const replies = await Promise.all(given);
    await mesh.release({ owner });
    const failed = replies.find(
      // What the mesh gives to nobody may be a user's own; a subnet of it has to be the mesh's.
      (reply, index) => !reply.ok && !(index >= subnets.length && reply.problem.code === 'subnet-outside'),
    );
    return failed === undefined || failed.ok ? undefined : describe(failed.problem);
  }

  /** While it runs: what it wants with other subnets than that network has. */
  async attach(
    container: string,
    { addresses, subnets }: Wish,
    known: (addresses: readonly Ipv4[]) => Promise<void>,
  ): Promise<Failure> {
    if (addresses.length + subnets.length === 0) return undefined;
    const { mesh, rules } = this.#parts;
    if (rules.attaching?.rewritesHosts) {
      // It keeps these when it is attached.
      const given = await Promise.all(
        subnets.map(subnet =>
          inTime(mesh.allocate({ owner: container, subnet }), () => undefined, rules.patienceMs),
        ),
      );
      const all = [...addresses, ...given.flatMap(reply => (reply.ok ? reply.value.addresses : []))];
      await known(all.flatMap(text => parseCidr(text)?.address ?? []));
    }
    const attached = mesh.attach({
      container,
      addresses,
      subnets,
      withoutDns: rules.dns === undefined,
      ...(rules.attaching && { withoutMulticast: !rules.attaching.multicast }),
    });
    const result = await inTime(attached, () => undefined, rules.patienceMs);
    return result.ok ? undefined : describe(result.problem);
  }

  /** Takes a container back that could not be joined. */
  async remove(container: string): Promise<void> {
    const { engine, mesh, log } = this.#parts;
    await mesh.release({ owner: container });
    const removed = await engine.call('DELETE', `/containers/${container}?force=1&v=1`);
    if (!removed.ok || removed.value.status >= 300)
      log.error('a container that could not be joined could not be removed either', { container });
  }

  async kill(container: string): Promise<void> {
    await this.#parts.engine.call('POST', `/containers/${container}/kill`);
  }

  async #reserve(owner: string, wanted: Cidr | 'any', subnet: Cidr | undefined): Promise<Result<Cidr>> {
    const { mesh, rules } = this.#parts;
    const given =
      wanted === 'any'
        ? mesh.allocate({ owner, subnet: subnet && formatCidr(subnet) })
        : mesh.claim({ owner, address: formatCidr(wanted) });
    const reply = await inTime(given, () => void mesh.release({ owner }), rules.patienceMs);
    if (!reply.ok) return reply;
    return ok(parseCidr(reply.value.addresses[0] ?? '') as Cidr);
  }
}

/** What an engine says went wrong. */
export function messageOf(body: unknown): string | undefined {
  return isObject(body) && typeof body['message'] === 'string' ? body['message'] : undefined;
}
