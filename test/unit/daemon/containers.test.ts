import { expect, it } from 'vitest';
import { HOST_LEG } from '../../../src/core/endpoints/attachment.ts';
import { LEG } from '../../../src/core/host/leg.ts';
import type { Input } from '../../../src/core/host/step.ts';
import { createContainers } from '../../../src/daemon/containers.ts';
import { createFakeLog } from '../../support/fake-log.ts';
import { createFakeRuntime } from '../../support/fake-runtime.ts';

function setUp() {
  const [docker, bare] = [createFakeRuntime(), createFakeRuntime()];
  const inputs: Input[] = [];
  const containers = createContainers({
    docker,
    bare,
    log: createFakeLog(),
    deliver: input => void inputs.push(input),
  });
  return { docker, containers, inputs };
}

const settled = (): Promise<void> => new Promise(resolve => setImmediate(resolve));

it('tells of a container now, and after every change', async () => {
  const { docker, containers, inputs } = setUp();
  const box = docker.start('box1');
  containers.follow(box.id);
  await settled();
  docker.die('box1');
  const again = docker.start('box1');
  await settled();
  docker.remove('box1');
  expect(inputs).toEqual([
    { kind: 'container-started', container: box },
    { kind: 'container-died', id: box.id },
    { kind: 'container-started', container: again },
    { kind: 'container-died', id: box.id },
    { kind: 'container-removed', id: box.id },
  ]);
});

it('says nothing of a state that has passed by the time the engine answers', async () => {
  const { docker, containers, inputs } = setUp();
  const box = docker.start('box1');
  containers.follow(box.id);
  docker.die('box1');
  await settled();
  expect(inputs).toEqual([{ kind: 'container-died', id: box.id }]);
  const again = docker.start('box1');
  docker.die('box1');
  const last = docker.start('box1');
  await settled();
  expect(inputs).not.toContainEqual({ kind: 'container-started', container: again });
  expect(inputs.at(-1)).toEqual({ kind: 'container-started', container: last });
});

it('finds the leg of this host where it always is, and shows it to nobody as a container', async () => {
  const { containers, inputs } = setUp();
  containers.follow(HOST_LEG);
  expect(inputs).toEqual([{ kind: 'container-started', container: LEG }]);
  expect(await containers.inspect(HOST_LEG)).toMatchObject({ problem: { code: 'container-unknown' } });
});
