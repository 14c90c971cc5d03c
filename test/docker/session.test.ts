import { createDockerLab } from '../support/docker-lab/docker-lab.ts';
import { playSession } from '../support/session.ts';

const docker = {
  create: createDockerLab,
  // An engine's bridge gets its last address, and loses its carrier; the host's namespace gets a file.
  settle: `docker run --rm busybox true; docker run --rm --net=host busybox true
    until ip link show docker0 | grep -q NO-CARRIER; do sleep 0.1; done`,
  start: (name: string) => `docker run -dit --name ${name} busybox`,
  reference: (name: string) => name,
  enter: (name: string) => `docker exec ${name}`,
  remove: (name: string) => `docker rm -f ${name}`,
};

playSession('Docker hosts, routers as containers', { ...docker, launch: 'mesh launch' });
playSession('Docker hosts, native routers', { ...docker, launch: 'mesh launch --native' });
