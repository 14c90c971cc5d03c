import { type Figure, RAW_ATTACH_MS } from './measure.ts';
import { openRawBridge } from './raw-attach.ts';
import { addNamespaces, addressOf, attach, type Mesh, withMesh } from './stage.ts';
import { attachWitness } from './witness.ts';

const COUNT = 120;

/** From the answer to an attach on one host until a container on another has its first reply from there. */
export async function run(): Promise<readonly Figure[]> {
  const { ours, theirs } = await withMesh(2, measure);
  const against = 'netlink requests of an attach';
  const common = { ours, theirs, unit: 'ms', against, must: 'at-most', limited: 'value' } as const;
  return [
    { ...common, bench: 'reach-p50', limit: 15, control: RAW_ATTACH_MS },
    { ...common, bench: 'reach-p99', limit: 100, percentile: 99, control: RAW_ATTACH_MS },
  ];
}

async function measure({ members }: Mesh): Promise<Pick<Figure, 'ours' | 'theirs'>> {
  const [here, there] = [members[0]!, members[1]!];
  await addNamespaces(here.host, 'box', COUNT + 1);
  await addNamespaces(here.host, 'raw', COUNT + 1);
  await addNamespaces(there.host, 'witness', 1);
  const witness = await attachWitness(there, 'witness0', addressOf(COUNT + 1));
  const raw = openRawBridge(here);
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let index = 0; index <= COUNT; index += 1) {
    await attach(here, `box${index}`, addressOf(index));
    const took = await witness.firstReply(addressOf(index));
    const bare = raw.attach(`raw${index}`, addressOf(index));
    if (index === 0) continue; // Warms both up.
    ours.push(took);
    theirs.push(bare);
  }
  raw.close();
  witness.close();
  return { ours, theirs };
}
