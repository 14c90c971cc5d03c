import { writeSync } from 'node:fs';
import type { ControlHandlers } from '../../src/api/control/contract.ts';
import { createControlServer } from '../../src/api/control/server.ts';
import { controlSocket, parseSettings } from '../../src/api/control/settings.ts';
import { ok, refuse } from '../../src/core/errors.ts';
import { createFakeLog } from './fake-log.ts';
import { DNS, REPORT } from './fake-router.ts';

/**
 * A router that only answers on its control socket, to be started by the command line in place of the real one.
 * It says on standard output how it was started; with the nickname `dies` it refuses to start,
 * with `hangs` it neither leaves nor stops.
 */
const CLEAN = '--clean';
const argv = process.argv.slice(2);
const say = (message: string): void => void writeSync(1, `${message}\n`);
const variables = Object.keys(process.env).filter(name => name.startsWith('MESH_') || name === 'DOCKER_HOST');

say(`started with ${JSON.stringify(argv)} in ${process.cwd()} knowing ${JSON.stringify(variables)}`);
if (argv[0] === CLEAN) process.exit(0);
const parsed = parseSettings(argv, process.env);
if (!parsed.ok) throw new Error(parsed.problem.code);
const settings = parsed.value;
if (settings.nickname === 'dies') {
  process.stderr.write('mesh: tcp port 6783 is in use on this host; free it or choose another\n');
  process.exit(1);
}

const hangs = settings.nickname === 'hangs';
const [established, refused] = REPORT.connections;
const connections = settings.peers.map(address => ({
  ...(address.includes('.12:') ? established : refused),
  address,
}));
const handlers: ControlHandlers = {
  health: async () => ok({ version: '0.1.0', pid: process.pid, state: 'ready', how: 'native' }),
  report: async () =>
    ok({ ...REPORT, targets: settings.peers, connections: connections as typeof REPORT.connections }),
  dataplane: async () => refuse({ code: 'kernel-lacks', feature: 'VXLAN' }),
  attach: async ({ addresses }) => ok({ addresses }),
  detach: async () => ok({ addresses: [] }),
  expose: async () => ok({ addresses: [] }),
  hide: async () => ok({ addresses: [] }),
  allocate: async () => ok({ addresses: [] }),
  claim: async () => ok({ addresses: [] }),
  release: async () => ok({ addresses: [] }),
  held: async () => ok({ addresses: [] }),
  owned: async () => ok({ owned: [] }),
  prime: async () => ok(undefined),
  name: async () => ok(undefined),
  unname: async () => ok(undefined),
  dns: async () => ok(DNS),
  proxy: async () => ok({ addresses: ['unix:///run/mesh/docker.sock'] }),
  lookup: async () => ok({ addresses: [] }),
  connect: async () => ok(undefined),
  forget: async () => ok(undefined),
  rmpeer: async () => ok({ removed: [] }),
  repair: async () => ok({ repaired: [] }),
  createNetwork: async ({ name }) => ok({ ...REPORT.networks[0]!, name }),
  removeNetwork: async () => ok(undefined),
  leave: async () =>
    hangs
      ? refuse({ code: 'state-full', path: settings.stateDir })
      : ok({ detached: [{ container: 'a'.repeat(64), containerName: 'box1', addresses: ['10.0.0.11/24'] }] }),
  stop: async () => {
    if (!hangs) setImmediate(end);
    return ok(undefined);
  },
};
const server = createControlServer({
  socketPath: controlSocket(settings.runDir),
  handlers,
  log: createFakeLog(),
});

function end(): void {
  server.close().then(() => process.exit(0));
}
process.once('SIGTERM', end);
// Where the test that started it died.
setTimeout(end, 120_000);
server.start().then(started => {
  if (!started.ok) throw new Error(started.problem.code);
});
