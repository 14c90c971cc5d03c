import { type Cidr, parseCidr } from '../../src/core/address.ts';
import type { Result } from '../../src/core/errors.ts';
import type { Command, IpamConfig, Reply } from '../../src/core/host/step.ts';
import { createVirtualMesh, type MeshOptions, type VirtualHost, type VirtualMesh } from './virtual-mesh.ts';

/** Hosts in virtual time that give out 10.32.0.0/24, and what tests ask of them. */

export const cidr = (text: string): Cidr => parseCidr(text)!;

/** A small universe, so that hosts soon need one another's space. */
export const ipam =
  (over: Partial<IpamConfig> = {}) =>
  (targets: readonly string[]): IpamConfig => ({
    universe: cidr('10.32.0.0/24'),
    defaultSubnet: cidr('10.32.0.0/24'),
    init: { kind: 'consensus', electorate: undefined, named: targets },
    timeoutMs: 10_000,
    quarantineMs: 600_000,
    ...over,
  });

/** Gives the reply once it is there. */
export function ask(mesh: VirtualMesh, host: VirtualHost, command: Command): Result<Reply> {
  const reply = mesh.command(host, command);
  mesh.until(() => reply() !== undefined);
  return reply()!;
}

const told = (result: Result<Reply>): string =>
  result.ok ? result.value.addresses.join(' ') : result.problem.code;

/** The address, or the code of the refusal; as `claim` and `attach` do. */
export function allocate(mesh: VirtualMesh, host: VirtualHost, owner: string, subnet?: string): string {
  return told(
    ask(mesh, host, { kind: 'allocate', owner, subnet: subnet === undefined ? undefined : cidr(subnet) }),
  );
}

export function claim(mesh: VirtualMesh, host: VirtualHost, owner: string, address: string): string {
  return told(ask(mesh, host, { kind: 'claim', owner, address: cidr(address) }));
}

export function attach(mesh: VirtualMesh, host: VirtualHost, name: string, ...addresses: string[]): string {
  return attachTo(mesh, host, 'mesh', name, ...addresses);
}

export function attachTo(
  mesh: VirtualMesh,
  host: VirtualHost,
  network: string,
  name: string,
  ...addresses: string[]
): string {
  const sandbox = host.running.get(name) ?? `/run/netns/${name}`;
  host.running.set(name, sandbox);
  const container = { id: name, name, sandbox };
  return told(ask(mesh, host, { kind: 'attach', container, network, addresses: addresses.map(cidr) }));
}

/** A founder and two that joined it. */
export function three(over: Partial<IpamConfig> = {}, options: Partial<MeshOptions> = {}) {
  const mesh = createVirtualMesh({ seed: 1, ipam: ipam(over), ...options });
  const a = mesh.add();
  const b = mesh.add([a]);
  const c = mesh.add([b]);
  mesh.run(3_000);
  return { mesh, a, b, c };
}
