/**
 * A program that owns a lab and never ends by itself, for tests that end it. Prints the lab's name and the process
 * numbers of its hosts in one line. usage: owner.ts namespaces|docker
 */
import { createDockerLab } from '../docker-lab/docker-lab.ts';
import { createLab } from './lab.ts';

const create = process.argv[2] === 'docker' ? createDockerLab : createLab;
const { name, hosts } = await create({ hosts: 2 });
console.log([name, ...hosts.map(host => host.pid)].join(' '));
setInterval(() => undefined, 60_000);
