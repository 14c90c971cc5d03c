import { until } from '../support/until.ts';
import { type Figure, RAW_ATTACH_MS } from './measure.ts';
import { openRawBridge } from './raw-attach.ts';
import { addNamespaces, addressOf, attach, type Mesh, withMesh } from './stage.ts';
import { attachWitness } from './witness.ts';

const COUNT = 220;

/** From control request to answer, for namespaces, against the kernel's share of it alone. */
export async function run(): Promise<readonly Figure[]> {
  const { ours, theirs } = await withMesh(2, measure);
  const common = { ours, theirs, unit: 'ms', against: 'netlink requests alone', must: 'at-most' } as const;
  const value = { ...common, limited: 'value', control: RAW_ATTACH_MS } as const;
  return [
    { ...value, bench: 'attach-p50', limit: 5 },
    { ...value, bench: 'attach-p99', limit: 20, percentile: 99 },
    { ...common, bench: 'attach-ratio', limited: 'ratio', limit: 4, paired: true },
  ];
}

async function measure({ members }: Mesh): Promise<Pick<Figure, 'ours' | 'theirs'>> {
  const [member, other] = [members[0]!, members[1]!];
  await addNamespaces(member.host, 'box', COUNT + 2);
  await addNamespaces(member.host, 'raw', COUNT + 1);
  const witness = await attachWitness(member, `box${COUNT + 1}`, addressOf(COUNT + 1));
  const raw = openRawBridge(member);
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let index = 0; index <= COUNT; index += 1) {
    const address = addressOf(index);
    const took = await attach(member, `box${index}`, address);
    // The answer promises this much: the interface is there, for others on the host too.
    if (!(await witness.reaches(address))) throw new Error(`${address} was attached, but answers no echo`);
    const bare = raw.attach(`raw${index}`, address);
    if (index === 0) continue; // Warms both up.
    ours.push(took);
    theirs.push(bare);
  }
  raw.close();
  witness.close();
  let told = 0;
  await until(
    async () => {
      told = (await other.report()).endpoints.length;
      return told === COUNT + 2 || undefined;
    },
    () => `${other.host.name} was told of ${told} of ${COUNT + 2} endpoints`,
  );
  return { ours, theirs };
}
