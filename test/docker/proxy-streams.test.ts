import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDockerLab, type DockerHost } from '../support/docker-lab/docker-lab.ts';
import type { Lab } from '../support/lab/lab.ts';
import { type } from '../support/lab/shell.ts';
import { until } from '../support/until.ts';

/** What goes through the proxy for long: much of it, or until somebody has had enough. */

const GIGABYTE = 1_073_741_824;
/**
 * What of it may be in the router's memory at any time, beside what a router has anyway. V8 looks for buffers that nobody
 * holds any more once there are 64 MiB of them, so as much has passed already wherever little is kept.
 */
const KEPT_KB = 2 * 64 * 1024;
const PATIENCE_MS = 120_000;
/** What goes on for as long as somebody listens. */
const ENDLESS = [
  'GET /containers/work/logs?follow=1&stdout=1',
  'GET /containers/work/stats',
  'GET /events',
  'POST /containers/work/wait',
];

describe('long streams through the proxy', () => {
  let lab: Lab<DockerHost>;
  let host: DockerHost;

  beforeAll(async () => {
    lab = await createDockerLab({ hosts: 1 });
    [host] = lab.hosts as [DockerHost];
    await type(host, 'mesh launch --native');
    await turned('docker run -dit --name work busybox');
  });
  afterAll(() => lab?.destroy());

  const turned = (line: string): Promise<string> => type(host, `eval $(mesh env); ${line}`);
  /** The most that it ever had. */
  const peakKb = async (): Promise<number> => {
    const { pid } = JSON.parse(
      await type(host, 'curl -sf --unix-socket /run/mesh/mesh.sock http://mesh/health'),
    ) as { pid: number };
    return Number(/VmHWM:\s+(\d+)/.exec(await type(host, `cat /proc/${pid}/status`))?.[1]);
  };

  it('pass a gigabyte up and down, of which little is kept', { timeout: PATIENCE_MS }, async () => {
    const before = await peakKb();
    const piped = `head -c ${GIGABYTE} /dev/zero | docker exec -i work wc -c`;
    expect(await turned(piped)).toBe(`${GIGABYTE}\n`);
    const copied = `truncate -s ${GIGABYTE} /tmp/big; tar -C /tmp -c big | docker cp - work:/tmp; docker exec work wc -c /tmp/big`;
    expect(await turned(copied)).toContain(`${GIGABYTE} /tmp/big\n`);
    expect(await turned('docker cp work:/tmp/big - | tar -x -O | wc -c')).toBe(`${GIGABYTE}\n`);
    await turned('docker exec work rm /tmp/big');
    expect((await peakKb()) - before).toBeLessThan(KEPT_KB);
  });

  /** Of the engine, from this host. */
  const connections = async (): Promise<number> =>
    Number(await type(host, 'ss -xH state connected src /var/run/docker.sock | wc -l'));
  const settle = (wanted: number, meanwhile = ':'): Promise<unknown> =>
    until(
      async () => {
        await type(host, meanwhile);
        return (await connections()) === wanted || undefined;
      },
      () => `there are not ${wanted} connections to the engine`,
      5_000,
    );
  const begin = (line: string): Socket => {
    const socket = connect(`/proc/${host.pid}/root/run/mesh/docker.sock`);
    socket.write(`${line} HTTP/1.1\r\nHost: docker\r\n\r\n`);
    return socket.resume();
  };

  it('end for the engine when the client goes', async () => {
    const before = await connections();
    const sockets = ENDLESS.map(begin);
    await settle(before + ENDLESS.length);
    for (const socket of sockets) socket.destroy();
    await settle(before);
  });

  it('end for it when it has something to say, where a client that is gone could still be listening', async () => {
    const before = await connections();
    const socket = begin('POST /containers/work/attach?stream=1&stdout=1');
    await settle(before + 1);
    socket.destroy();
    await settle(before, 'docker exec work sh -c "echo said >/proc/1/fd/1"');
  });
});
