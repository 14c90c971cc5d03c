import type { DoctorContext } from './check.ts';
import type { Packet } from './matching.ts';

/** The ports that peers reach us by: the running router's, else those that one would be started with. */
export function portsOf({
  router,
  settings,
}: Pick<DoctorContext, 'router' | 'settings'>): readonly [control: Packet, data: Packet] {
  const portIn = (address: string | undefined, initial: number): number =>
    address === undefined ? initial : Number(address.slice(address.lastIndexOf(':') + 1));
  return [
    { protocol: 'tcp', port: portIn(router?.report.listen, settings.port) },
    { protocol: 'udp', port: portIn(router?.report.data, settings.dataPort) },
  ];
}
