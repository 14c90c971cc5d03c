import { createDockerRuntime } from '../../src/adapters/docker/runtime.ts';
import { startFakeEngine } from '../support/fake-engine.ts';
import { createFakeLog } from '../support/fake-log.ts';
import { createFakeRuntime } from '../support/fake-runtime.ts';
import { EACH_RELEASE } from '../support/releases.ts';
import { until } from '../support/until.ts';
import { runtimeContract } from './runtime.contract.ts';

runtimeContract('fake', async () => {
  const runtime = createFakeRuntime();
  return {
    runtime,
    reference: name => name,
    start: async name => void runtime.start(name),
    die: async name => runtime.die(name),
    remove: async name => runtime.remove(name),
    dispose: async () => undefined,
  };
});

for (const release of EACH_RELEASE) {
  runtimeContract(`Docker ${release}, played`, async () => {
    const engine = await startFakeEngine(release);
    const runtime = createDockerRuntime({ address: engine.address, log: createFakeLog() });
    let watching = 0;
    /** Events from before the engine is followed are for `look-again` to make up for. */
    const followed = () =>
      until(
        () => (engine.followers() >= watching ? true : undefined),
        () => 'the engine is followed',
      );
    return {
      runtime: {
        inspect: runtime.inspect,
        watch(listener) {
          watching += 1;
          const stop = runtime.watch(listener);
          return () => {
            watching -= 1;
            stop();
          };
        },
      },
      reference: name => name,
      async start(name) {
        await followed();
        engine.start(name);
      },
      async die(name) {
        await followed();
        engine.die(name);
      },
      async remove(name) {
        await followed();
        engine.remove(name);
      },
      dispose: () => engine.dispose(),
    };
  });
}
