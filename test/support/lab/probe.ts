import type { Host } from './host.ts';

/** What came of probes. */
export interface Probed {
  readonly sent: number;
  readonly answered: number;
  /** How long nothing got through, all in all: the share that was lost, of the time. */
  readonly lostMs: number;
}

/** Echoes on their way. */
export interface Probing {
  readonly ended: Promise<Probed>;
  /** Sends no more. */
  stop(): Promise<Probed>;
}

/** Sends echoes from a namespace of the host to `address`, one each millisecond unless told otherwise. */
export async function startProbe(
  host: Host,
  namespace: string,
  address: string,
  count?: number,
  everyMs = 1,
): Promise<Probing> {
  const counted = count === undefined ? [] : ['-c', `${count}`];
  // Without `-W`, it would wait ten seconds for answers that are late.
  const program = await host.spawn([
    ...['ip', 'netns', 'exec', namespace],
    ...['ping', '-q', '-i', `${everyMs / 1_000}`, '-W', '1', ...counted, address],
  ]);
  const result = async (): Promise<Probed> => {
    const { stdout, stderr } = await program.ended;
    const [, sent, answered, ms] =
      /(\d+) packets transmitted, (\d+) received.*time (\d+)ms/.exec(stdout) ?? [];
    if (sent === undefined) throw new Error(`the probe said: ${stdout}${stderr}`);
    const lostMs = (1 - Number(answered) / Number(sent)) * Number(ms);
    return { sent: Number(sent), answered: Number(answered), lostMs };
  };
  const ended = result();
  // Who gave up before has another failure to tell.
  ended.catch(() => undefined);
  return {
    ended,
    async stop() {
      await program.stop('INT');
      return ended;
    },
  };
}
