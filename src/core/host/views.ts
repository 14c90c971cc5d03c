import { createEndpointsView } from '../endpoints/view.ts';
import { createRingView } from '../ipam/view.ts';
import { NamesView } from '../names/view.ts';
import { createNetworksView } from '../networks/view.ts';
import { createRemovalsView } from '../removals/view.ts';
import { createTopologyView } from '../topology/view.ts';
import { Shield } from './shield.ts';
import type { HostConfig } from './step.ts';

type ViewsConfig = Pick<HostConfig, 'boot' | 'encryption' | 'ipam' | 'sleeve' | 'vtep'>;

/** What all facts mean together, a view for each domain. */
export function createViews(config: ViewsConfig) {
  const { ipam } = config;
  const topology = createTopologyView();
  const endpoints = createEndpointsView();
  return {
    endpoints,
    names: new NamesView(endpoints),
    networks: createNetworksView(ipam ? [ipam.defaultSubnet] : []),
    removals: createRemovalsView(),
    ring: createRingView(),
    shield: new Shield(config, topology),
    topology,
  };
}
