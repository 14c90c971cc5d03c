/**
 * Asks a running node, by its inspector, what it has in memory; prints numbers in bytes, by name, as JSON. Runs in the
 * host of that process. The inspector takes some memory itself. usage: inspect-memory.ts PID
 */
import { setTimeout as sleep } from 'node:timers/promises';

const INSPECTOR = 'http://127.0.0.1:9229/json/list';
const ATTEMPTS = 100;
const EXPRESSION = `JSON.stringify({
  ...process.memoryUsage(),
  heapCode: process.getBuiltinModule('node:v8').getHeapCodeStatistics().code_and_metadata_size,
})`;

async function findTarget(): Promise<string> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const answer = await fetch(INSPECTOR).catch(() => undefined);
    if (answer !== undefined) {
      const [target] = (await answer.json()) as { readonly webSocketDebuggerUrl: string }[];
      if (target !== undefined) return target.webSocketDebuggerUrl;
    }
    await sleep(50);
  }
  throw new Error('the process opened no inspector');
}

process.kill(Number(process.argv[2]), 'SIGUSR1');
const socket = new WebSocket(await findTarget());
socket.addEventListener('open', () =>
  socket.send(JSON.stringify({ id: 1, method: 'Runtime.evaluate', params: { expression: EXPRESSION } })),
);
socket.addEventListener('message', ({ data }) => {
  const { result } = JSON.parse(String(data)) as {
    readonly result: { readonly result: { readonly value: string } };
  };
  console.log(result.result.value);
  socket.close();
});
