import { HOST_SANDBOX } from '../../core/endpoints/attachment.ts';
import { ok, type Result, refuse } from '../../core/errors.ts';
import type { Attachment } from '../../ports/dataplane.ts';
import { problemOf } from './kernel-problem.ts';
import { KernelError } from './libc.ts';
import { portAlias, portName } from './names.ts';
import type { Firewall } from './parts.ts';
import { configurePort, type Port, setPortMtu, unplumb } from './plumbing.ts';
import { findLink, type Link } from './rtnetlink/link-table.ts';
import { addVeth, setLink, silence } from './rtnetlink/links.ts';
import type { Switch } from './switch.ts';

/**
 * The link between the switch and a container whose end an engine takes from the host's namespace, and names, addresses and
 * raises itself. What has been taken is not looked for: the port here is right whatever becomes of the other end. On refusal
 * nothing is left.
 */
export function handOver(place: Switch, firewall: Firewall, attachment: Attachment): Result<Port> {
  const { route } = place;
  const { container, device, mac, mtu, network } = attachment;
  const name = portName(network, container);
  let complete = false;
  try {
    const outer = findLink(route, name) ?? connect(place, name, attachment);
    if (outer === undefined) return refuse({ code: 'host-interface-taken', name: device });
    firewall.allow(
      name,
      mac,
      attachment.addresses.map(({ address }) => address),
    );
    configurePort(route, outer, attachment);
    const inside = { sandbox: attachment.handed?.joined ?? HOST_SANDBOX, device: undefined, isRouted: false };
    const port = { name, index: outer.index, network, container, mac, mtu: outer.mtu, inside };
    complete = true;
    return ok(outer.mtu === mtu ? port : setPortMtu(place, port, mtu));
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    return refuse(problemOf(error));
  } finally {
    if (!complete) unplumb(route, firewall, network, container);
  }
}

/** Makes the pair; undefined where something else has the name that the end should wait under. */
function connect(place: Switch, name: string, attachment: Attachment): Link | undefined {
  const { route, host } = place;
  const { container, device, mac, mtu, network } = attachment;
  if (findLink(host, device) !== undefined) return undefined;
  const here = place.openSandbox(HOST_SANDBOX);
  try {
    route.run(
      addVeth(name, mtu, { name: device, mac, namespaceFd: here.fd }),
      setLink(name, { alias: portAlias({ network, container, mac }) ?? '' }),
      silence(name),
    );
  } finally {
    here.close();
  }
  const made = findLink(route, name);
  if (made === undefined) throw new KernelError(`find link ${name}`, 'ENODEV');
  return made;
}
