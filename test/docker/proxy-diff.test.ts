import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDockerLab, type DockerHost } from '../support/docker-lab/docker-lab.ts';
import type { Lab } from '../support/lab/lab.ts';
import { type } from '../support/lab/shell.ts';
import { Client, type Heard } from '../support/proxy-diff/client.ts';
import { compare, type Difference, KINDS, kindOf } from '../support/proxy-diff/compare.ts';
import { converse } from '../support/proxy-diff/conversations.ts';

/** Does a client see that it talks to the proxy? The same conversations twice with the engine itself, and once through the proxy. */

const CONVERSATIONS = 200;
/** Each time takes half a minute on a quiet machine. */
const PATIENCE_MS = 400_000;

const lineOf = ({ one, other, place, title }: Difference): string => `${title}, ${place}: ${one} | ${other}`;

describe('the proxy against the engine', () => {
  let lab: Lab<DockerHost>;
  let host: DockerHost;
  const hear = async (socket: string): Promise<readonly Heard[]> => {
    const client = new Client(`/proc/${host.pid}/root${socket}`);
    await converse(client);
    return client.heard;
  };

  beforeAll(async () => {
    lab = await createDockerLab({ hosts: 1 });
    [host] = lab.hosts as [DockerHost];
    await type(host, 'mesh launch --native');
    // The first container changes the engine for good.
    await type(host, 'docker run --rm busybox true');
  });
  afterAll(() => lab?.destroy());

  it('differs only in what it is for', { timeout: PATIENCE_MS }, async () => {
    const before = await hear('/run/docker.sock');
    const again = await hear('/run/docker.sock');
    expect(before.length).toBeGreaterThanOrEqual(CONVERSATIONS);
    expect(compare(before, again).map(lineOf)).toEqual([]);
    const differences = compare(again, await hear('/run/mesh/docker.sock'));
    expect(differences.filter(each => kindOf(each) === undefined).map(lineOf)).toEqual([]);
    // What it is for is seen, too.
    expect([...new Set(differences.map(kindOf))].sort()).toEqual([...KINDS].sort());
  });
});
