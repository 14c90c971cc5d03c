import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask } from '../../src/api/control/client.ts';
import type { Host } from '../support/lab/host.ts';
import { createLab, type Lab } from '../support/lab/lab.ts';
import { expectRefused } from '../support/lab/refusals.ts';
import { type } from '../support/lab/shell.ts';
import { until } from '../support/until.ts';

/** Names of containers, asked for where containers ask, on hosts with real routers. */

const SERVICE = '10.39.255.254';
const LISTEN = '127.0.0.1:5300';
const LAUNCH = `mesh launch --native --dns-listen-address ${LISTEN}`;

/** What a container is told of a name, sorted; nothing where there is no such name. */
async function resolve(host: Host, from: string, name: string): Promise<string> {
  const command = ['ip', 'netns', 'exec', from, 'busybox', 'nslookup', '-type=a', name, SERVICE];
  const { stdout } = await host.exec(command);
  const answer = stdout.slice(stdout.indexOf('Name:'));
  return answer.startsWith('Name:')
    ? [...answer.matchAll(/Address: (\S+)/g)]
        .map(([, address]) => address)
        .sort()
        .join(' ')
    : '';
}

async function resolves(hosts: readonly Host[], name: string, addresses: string): Promise<void> {
  for (const host of hosts) {
    let last = '';
    await until(
      async () => {
        last = await resolve(host, 'box', name);
        return last === addresses || undefined;
      },
      () => `${host.name} answers "${last}" for ${name}, not "${addresses}"`,
    );
  }
}

describe('the names of containers', () => {
  let lab: Lab;
  let one: Host;
  let two: Host;
  const given: string[] = [];

  beforeAll(async () => {
    lab = await createLab({ hosts: 3 });
    [one, two] = lab.hosts as [Host, Host];
    for (const host of lab.hosts) for (const name of ['box', 'web']) await host.addNamespace(name);
    await type(one, LAUNCH);
    for (const host of lab.hosts.slice(1)) await type(host, `${LAUNCH} 192.168.48.11 --wait`);
    for (const host of lab.hosts) given.push((await type(host, 'mesh attach netns:/run/netns/box')).trim());
  });
  afterAll(() => lab?.destroy());

  it('are answered on every host, where each container asks', async () => {
    await resolves(lab.hosts, 'box.mesh.internal', [...given].sort().join(' '));
    await resolves(lab.hosts, 'BOX', [...given].sort().join(' '));
    expect(await resolve(one, 'box', 'nobody.mesh.internal')).toBe('');
  });

  it('are there when the container is, and gone when it is gone', async () => {
    const address = (
      await type(two, 'mesh attach netns:/run/netns/web --name shop --name a.b.mesh.internal')
    ).trim();
    for (const name of ['web', 'shop', 'a.b']) await resolves(lab.hosts, `${name}.mesh.internal`, address);
    expect(await type(one, 'mesh dns-lookup shop')).toBe(`${address}\n`);
    expect(await type(one, 'mesh status dns')).toMatch(new RegExp(`^shop {9}${address} +netns:/run/n `, 'm'));
    await type(two, 'mesh detach netns:/run/netns/web');
    for (const name of ['web', 'shop', 'a.b']) await resolves(lab.hosts, `${name}.mesh.internal`, '');
  });

  it('are given and taken by hand, also to what is outside the mesh', async () => {
    await type(one, 'mesh dns-add netns:/run/netns/box -h first');
    await type(one, 'mesh dns-add 192.168.7.7 -h printer.mesh.internal');
    await resolves(lab.hosts, 'first.mesh.internal', given[0]!);
    await resolves(lab.hosts, 'printer', '192.168.7.7');
    await type(one, 'mesh dns-remove netns:/run/netns/box -h first; mesh dns-remove 192.168.7.7');
    for (const name of ['first', 'printer']) await resolves(lab.hosts, `${name}.mesh.internal`, '');
  });

  it('are answered on the host where it is asked to', async () => {
    const asked = await type(one, `busybox nslookup -type=a box.mesh.internal ${LISTEN}`);
    for (const address of given) expect(asked).toContain(`Address: ${address}`);
    expect(await type(one, 'mesh status')).toMatch(
      /Service: dns\n +Domain: mesh\.internal\n +Listening: 127\.0\.0\.1:5300, 10\.39\.255\.254:53\n/,
    );
  });

  it('stay while the router is killed and started again', async () => {
    const health = await ask(`/proc/${one.pid}/root/run/mesh/mesh.sock`, 'health');
    await type(one, `kill -9 ${health.ok && health.value.pid}`);
    await resolves([two], 'box.mesh.internal', [...given].sort().join(' '));
    await type(one, `${LAUNCH} 192.168.48.12 --wait`);
    await resolves(lab.hosts, 'box.mesh.internal', [...given].sort().join(' '));
  });

  it("are refused where they can not be, or are nobody's to give", async () => {
    await expectRefused(
      one,
      {
        command: 'mesh dns-add netns:/run/netns/box -h web.example.org',
        status: 1,
        says: `"web.example.org" is not in mesh.internal, and what other zones hold is not the mesh's to say; write it like web or web.mesh.internal`,
      },
      {
        command: `mesh dns-add netns:/run/netns/box -h ${'a'.repeat(64)}`,
        status: 1,
        says: /^"a{64}" can't be a name: between two dots there are at most 63 characters$/,
      },
      {
        command: `mesh dns-add netns:/run/netns/box -h ${'a.'.repeat(125)}mesh.internal`,
        status: 1,
        says: /can't be a name: a name has at most 253 characters$/,
      },
      {
        command: 'mesh dns-add netns:/run/netns/box -h a/b',
        status: 1,
        says: `"a/b" can't be a name: it takes letters, digits, "_", and "-" between them`,
      },
      {
        command: `mesh dns-add ${given[1]} -h mine`,
        status: 1,
        says: `${given[1]} is the address of box on host2: name it there, so that its name ends with it`,
      },
      {
        command: 'mesh dns-add 10.32.99.99 -h mine',
        status: 1,
        says: '10.32.99.99 is an address of the mesh that no container has; attach one with it, or name an address outside',
      },
      {
        command: 'mesh dns-remove netns:/run/netns/box -h mine',
        status: 1,
        says: 'box has no such name on this host; "mesh status dns" lists them',
      },
      {
        command: 'mesh dns-add nothing -h mine',
        status: 1,
        says: '"nothing" is not attached; see "mesh status endpoints"',
      },
    );
  });
});
