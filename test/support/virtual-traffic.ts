import type { VirtualHost, VirtualMesh } from './virtual-mesh.ts';

/** What kernels tell, every `everyMs`, of frames that flow between these hosts, for so long. */
export function traffic(
  of: VirtualMesh,
  ms: number,
  pairs: readonly (readonly [VirtualHost, VirtualHost])[],
  everyMs = 1_000,
): void {
  for (const end = of.now + ms; of.now < end; of.run(everyMs)) {
    for (const [a, b] of pairs)
      for (const [from, to] of [
        [a, b],
        [b, a],
      ] as const)
        of.deliver(from, {
          kind: 'traffic',
          to: from.host
            .forwarding()
            .networks[0]!.stations.filter(
              ({ address }) => address === to.host.forwarding().networks[0]!.own?.address.address,
            )
            .map(({ vtep }) => vtep),
        });
  }
}
