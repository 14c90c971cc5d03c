import { createLab } from '../support/lab/lab.ts';
import { playSession } from '../support/session.ts';

playSession('hosts without Docker, namespaces for containers', {
  create: createLab,
  launch: 'mesh launch',
  settle: 'ip netns add first; ip netns delete first',
  start: name => `ip netns add ${name}`,
  reference: name => `netns:/run/netns/${name}`,
  enter: name => `ip netns exec ${name}`,
  remove: name => `ip netns delete ${name}`,
});
