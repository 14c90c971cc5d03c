import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDockerLab, type DockerHost } from '../support/docker-lab/docker-lab.ts';
import type { Lab } from '../support/lab/lab.ts';
import { type } from '../support/lab/shell.ts';
import { until } from '../support/until.ts';

/** The example for Compose, as it is written. */

const EXAMPLE = join(import.meta.dirname, '../../examples/compose');
const SECOND = 1_000;

describe('a database and a page that uses it, on two hosts', () => {
  let lab: Lab<DockerHost>;
  let one: DockerHost;
  let two: DockerHost;
  const compose = async (host: DockerHost, words: string): Promise<string> => {
    const line = `cd ${EXAMPLE}; eval $(mesh env); docker-compose ${words} 2>&1`;
    const { status, stdout } = await host.exec(['sh', '-c', line]);
    return `${stdout}${status === 0 ? '' : `\nstatus ${status}`}`;
  };

  beforeAll(async () => {
    lab = await createDockerLab({ hosts: 2 });
    [one, two] = lab.hosts as [DockerHost, DockerHost];
    await type(one, 'mesh launch --native');
    await type(two, 'mesh launch --native 192.168.48.11 --wait');
  });
  afterAll(() => lab?.destroy());

  it('find each other by name', async () => {
    expect(await compose(one, '-f db.yml up -d')).toMatch(
      /Creating network "shop" with driver "mesh"[\s\S]*done/,
    );
    await until(
      async () => (await two.docker(['network', 'inspect', 'shop'])).status === 0 || undefined,
      () => 'the network is not there',
      2 * SECOND,
    );
    expect(await compose(two, '-f web.yml up -d')).toMatch(/done/);
    let page = '';
    await until(
      async () => {
        page = (await two.exec(['curl', '-sf', 'http://127.0.0.1:8080/cgi-bin/greeting'])).stdout;
        return page.includes('The database says hello.') || undefined;
      },
      () => `the page is "${page}"`,
      5 * SECOND,
    );
  });

  it('are left as they are by the same command, since nothing has changed', async () => {
    const before = await type(one, 'docker ps -q');
    expect(await compose(one, '-f db.yml up -d')).toMatch(/up-to-date/);
    expect(await type(one, 'docker ps -q')).toBe(before);
  });

  it('go as they came, but for a network that is in use on another host', async () => {
    expect(await compose(one, '-f db.yml down -t 1')).toMatch(
      /"shop" is in use by .*web.* on host2.*\n\nstatus 1/,
    );
    expect(await compose(two, '-f web.yml down -t 1')).toMatch(/Network shop is external, skipping/);
    await until(
      async () => !(await compose(one, '-f db.yml down -t 1')).includes('status') || undefined,
      () => 'the network can not be removed',
      5 * SECOND,
    );
    await until(
      async () => (await two.docker(['network', 'inspect', 'shop'])).status !== 0 || undefined,
      () => 'the network is there still',
      5 * SECOND,
    );
  });
});
