import type { Settings } from '../src/api/control/options.ts';
import { formatSettings } from '../src/api/control/settings.ts';
import { PLUGIN_FOLDER } from '../src/api/plugin/folder.ts';
import { DAEMON } from './files.ts';
import { NODE_ENVIRONMENT, NODE_FLAGS } from './router-process.ts';

/** The native router as a service that Docker waits for. */
export const UNIT = 'mesh.service';

/** The same at every boot, so that each goes on with the peers that the router knew. */
const LAUNCH_ID = 'unit';
const READY_S = 30;

/** As systemd.unit(5) has it. Docker starts when the drivers are there, which a container on a mesh network needs. */
export function unitFile(settings: Settings): string {
  const words = formatSettings({ ...settings, launchId: LAUNCH_ID });
  const command = [process.execPath, ...NODE_FLAGS, DAEMON, ...words].map(quote).join(' ');
  const socket = `${PLUGIN_FOLDER}/mesh.sock`;
  const isOffered = settings.plugin && settings.docker !== '';
  const awaited = isOffered ? socket : `${settings.runDir}/mesh.sock`;
  const environment = Object.entries(NODE_ENVIRONMENT).map(([name, value]) => `Environment=${name}=${value}`);
  return [
    '# Written by "mesh install"; "mesh uninstall" takes it away.',
    '[Unit]',
    'Description=mesh: one network of all Docker hosts',
    'Wants=network-online.target',
    'After=network-online.target',
    'Before=docker.service',
    'StartLimitIntervalSec=0',
    '',
    '[Service]',
    'Type=exec',
    `ExecStart=${command}`,
    `ExecStartPost=/bin/sh -c 'until [ -S ${awaited} ]; do sleep 0.1; done'`,
    // A router that was killed leaves it, and an engine would wait for an answer. One that has ended by itself has removed
    // its own; what is there then is another router's.
    `ExecStopPost=/bin/sh -c '[ "$$EXIT_CODE" = exited ] || rm -f ${socket}'`,
    ...environment,
    `TimeoutStartSec=${READY_S}`,
    // Not where "mesh stop" has ended it.
    'Restart=on-failure',
    'RestartSec=1',
    'LimitNOFILE=65536',
    '',
    '[Install]',
    'WantedBy=multi-user.target',
    '',
  ].join('\n');
}

/** A word of a command line in a unit: `%` and `$` say something there. */
function quote(word: string): string {
  const plain = word.replace(/%/g, '%%').replace(/\$/g, '$$$$');
  return /^[\w./:=,@%+-]+$/.test(word) ? plain : `"${plain.replace(/(["\\])/g, '\\$1')}"`;
}
