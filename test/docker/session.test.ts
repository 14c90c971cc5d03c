import { createDockerLab } from '../support/docker-lab/docker-lab.ts';
import { playSession } from '../support/session.ts';

const docker = {
  create: createDockerLab,
  // The addresses of its bridge; the file of the host's namespace.
  settle: 'docker run --rm busybox true; docker run --rm --net=host busybox true',
  start: (name: string) => `docker run -dit --name ${name} busybox`,
  reference: (name: string) => name,
  enter: (name: string) => `docker exec ${name}`,
  remove: (name: string) => `docker rm -f ${name}`,
};

playSession('Docker hosts, routers as containers', { ...docker, launch: 'mesh launch' });
playSession('Docker hosts, native routers', { ...docker, launch: 'mesh launch --native' });
