import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { type } from '../support/lab/shell.ts';
import { type Asker, withDocker } from './docker-stage.ts';
import { type Figure, percentile } from './measure.ts';

const ROUNDS = 30;
const PIPE = '/tmp/first';
/** A second network of the engine's own, as cheap as it has one. */
const OWN = 'own';

/**
 * From the request that makes a container until its first instruction: through the proxy, on the engine's bridge and on the mesh,
 * against the engine itself, on its bridge. The detail tells how much of that is the engine's, which takes its time for any
 * second network.
 */
export async function run(): Promise<readonly Figure[]> {
  return withDocker(async ({ engine, host, path, proxy }) => {
    await type(host, `mkfifo ${PIPE}; docker network create ${OWN}`);
    const ours: number[] = [];
    const theirs: number[] = [];
    const second: number[] = [];
    const sides = [
      { asker: proxy, samples: ours },
      { asker: engine, samples: theirs },
      { asker: engine, samples: second, network: OWN },
    ];
    for (let round = 0; round <= ROUNDS; round += 1) {
      // None is always the last.
      for (const { asker, network, samples } of round % 2 === 0 ? sides : sides.toReversed()) {
        const took = await firstInstruction({ asker, engine, network, pipe: path(PIPE) });
        if (round > 0) samples.push(took);
      }
    }
    const detail = {
      'on two bridges of the engine itself, ratio': percentile(second, 50) / percentile(theirs, 50),
    };
    const common = {
      unit: 'ms',
      ours,
      theirs,
      against: "the engine's own socket, bridge alone",
      detail,
    } as const;
    return [{ ...common, bench: 'docker-run', limited: 'ratio', limit: 1.25, must: 'at-most', paired: true }];
  });
}

interface Side {
  readonly asker: Asker;
  readonly engine: Asker;
  readonly network: string | undefined;
  readonly pipe: string;
}

/** In milliseconds. */
async function firstInstruction({ asker, engine, network, pipe }: Side): Promise<number> {
  const opened = createReadStream(pipe);
  const HostConfig = { Binds: [`${PIPE}:/first`] };
  const began = performance.now();
  const body = { Image: 'busybox', Cmd: ['sh', '-c', 'echo >/first'], HostConfig };
  const { Id } = (await asker.ask('POST', '/containers/create', body)) as { Id: string };
  if (network !== undefined) await engine.ask('POST', `/networks/${network}/connect`, { Container: Id });
  const told = once(opened, 'data').then(() => performance.now() - began);
  const started = asker.ask('POST', `/containers/${Id}/start`);
  const took = await told;
  await started;
  opened.destroy();
  await engine.ask('POST', `/containers/${Id}/wait`);
  await engine.ask('DELETE', `/containers/${Id}`);
  return took;
}
