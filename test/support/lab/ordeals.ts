import { setTimeout as sleep } from 'node:timers/promises';
import { encodeHeader } from '../../../src/adapters/file/codec.ts';
import { until } from '../until.ts';
import type { Ordeal, RestartStage } from './restart-stage.ts';
import { type } from './shell.ts';

/** What may befall a router; each is over within about a minute. */

const STATE = '/var/lib/mesh';
const LAUNCH = 'mesh launch --native';

async function kill({ host, router }: RestartStage): Promise<void> {
  await type(host, `kill -KILL ${await router()}`);
}

/** What a command says that has to be refused. */
async function refusal({ host }: RestartStage, command: string): Promise<string> {
  const { status, stderr } = await host.exec(['sh', '-c', command]);
  if (status === 0) throw new Error(`not refused: ${command}`);
  return stderr.trim();
}

export const KILLED: Ordeal = {
  title: '`kill -9`, `mesh launch`',
  async befall(stage) {
    await kill(stage);
    await type(stage.host, LAUNCH);
    return undefined;
  },
};

export const standstill = (seconds: number): Ordeal => ({
  title: `SIGSTOP, SIGCONT after ${seconds} s`,
  async befall({ host, router }) {
    const pid = await router();
    await type(host, `kill -STOP ${pid}`);
    await sleep(seconds * 1_000);
    await type(host, `kill -CONT ${pid}`);
    return undefined;
  },
});

/** Between the two, the other host shows that it is the router that is gone, not its host. */
export const STOPPED: Ordeal = {
  title: '`mesh stop`, `mesh launch`',
  async befall({ host, other }) {
    await type(host, 'mesh stop');
    const said = await until(
      async () => /^\S+\(host1\) (.*)$/m.exec(await type(other, 'mesh status peers'))?.[1],
      () => 'the other host does not show that the router is gone',
    );
    await type(host, LAUNCH);
    return said;
  },
};

/** A router that stands still is no reason to be stuck. */
export const STUCK: Ordeal = {
  title: 'SIGSTOP, `mesh stop`, `mesh launch`',
  async befall({ host, router }) {
    await type(host, `kill -STOP ${await router()}`);
    const { stderr } = await host.exec(['mesh', 'stop']);
    await type(host, LAUNCH);
    return stderr.trim().replace(/process \d+/, 'process N');
  },
};

/** A newer build does not push a router aside that runs; it takes over what that one leaves when it is stopped. */
export const UPGRADED: Ordeal = {
  title: 'upgrade: `mesh stop`, `mesh launch` of a newer build',
  async befall(stage) {
    const { host, newer } = stage;
    const said = await refusal(stage, `${newer} launch --native`);
    await type(host, `${newer} stop; ${newer} launch --native`);
    return said.replace(/process \d+/, 'process N');
  },
};

export const DAMAGED: Ordeal = {
  title: 'state damaged, `mesh launch`',
  async befall(stage) {
    const { host } = stage;
    await kill(stage);
    const newest = `$(ls -v ${STATE}/*.snapshot | tail -1)`;
    await type(host, `printf X | dd of=${newest} bs=1 seek=40 conv=notrunc status=none; ${LAUNCH}`);
    const said = await type(host, `grep damaged ${STATE}/router.log | tail -1`);
    return said
      .trim()
      .replace(/^\S+ warn +/, '')
      .replace(/\d+\./, 'N.');
  },
};

export const FROM_THE_FUTURE: Ordeal = {
  title: 'state of a newer mesh, `mesh launch` refused, taken away, `mesh launch`',
  async befall(stage) {
    const { host } = stage;
    await kill(stage);
    await host.succeed(['sh', '-c', `cat >${STATE}/999.journal`], { input: encodeHeader('jrnl', 9) });
    const said = await refusal(stage, LAUNCH);
    await type(host, `rm ${STATE}/999.journal; ${LAUNCH}`);
    return said;
  },
};

/** What is reserved ahead carries a start, and goes on carrying commands for a while. */
export const FULL: Ordeal = {
  title: 'disk full, `kill -9`, `mesh launch`, `mesh attach`',
  async befall(stage) {
    const { host } = stage;
    await type(host, `cat /dev/zero >${STATE}/ballast || true`);
    await kill(stage);
    await type(host, LAUNCH);
    const said = await type(host, 'mesh attach 10.0.0.21/24 netns:/run/netns/box');
    await type(host, `mesh detach 10.0.0.21/24 netns:/run/netns/box; rm ${STATE}/ballast`);
    return said.trim();
  },
};

/** All of it, in an order in which none stands in the way of the next. */
export const ORDEALS: readonly Ordeal[] = [
  ...[KILLED, standstill(5), standstill(60), STOPPED, STUCK, UPGRADED],
  ...[DAMAGED, FROM_THE_FUTURE, FULL],
];
