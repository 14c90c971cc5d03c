/** usage: node test/bench/dns-load.ts PORT SECONDS WINDOW NAMES. Prints how many questions were answered, and how many not. */
import { createSocket } from 'node:dgram';
import { questionBytes } from '../support/dns/ask.ts';

const [port, seconds, window, names] = process.argv.slice(2).map(Number) as [number, number, number, number];
/** Each asks from an address of its own, so that none asks more than it may. */
const SOURCES = 8;
/** A source to which nothing came for so long has lost what was under way. */
const STALLED_MS = 250;
const RCODE = 15;

const questions = Array.from({ length: names }, (_, index) => questionBytes(`box${index}.mesh.internal`));
const total = { asked: 0, answered: 0, lost: 0 };

/** Keeps a part of the window under way; gives how to end it. */
function startSource(address: string): () => void {
  const share = window / SOURCES;
  const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 }).bind(0, address);
  let moved = performance.now();
  const ask = (): void => {
    const question = questions[total.asked % names]!;
    question.writeUInt16BE(total.asked & 0xffff, 0);
    total.asked += 1;
    socket.send(question);
  };
  const fill = (): void => {
    for (let count = 0; count < share; count += 1) ask();
  };
  socket.on('message', bytes => {
    if (bytes.length < 28 || (bytes[3]! & RCODE) !== 0) throw new Error('this is no answer');
    total.answered += 1;
    moved = performance.now();
    ask();
  });
  socket.connect(port, '127.0.0.1', fill);
  const watch = setInterval(() => {
    if (performance.now() - moved < STALLED_MS) return;
    total.lost += share;
    fill();
  }, STALLED_MS);
  return () => {
    clearInterval(watch);
    socket.close();
  };
}

const ends = Array.from({ length: SOURCES }, (_, index) => startSource(`127.0.0.${index + 2}`));
setTimeout(() => {
  for (const end of ends) end();
  process.stdout.write(`${JSON.stringify(total)}\n`);
}, seconds * 1_000);
