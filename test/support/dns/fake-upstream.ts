import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { decode, encode, type Answer as Record } from 'dns-packet';
import { Frames, framed } from '../../../src/api/dns/frames.ts';

/** What a server says to a question: records, an rcode, nothing at all, or bytes of its own. */
export type Reply = readonly Record[] | number | undefined | ((query: Buffer) => Buffer);

/** A DNS server on an address of loopback, over UDP and TCP. */
export async function startFakeUpstream(address: string, port: number, reply: (name: string) => Reply) {
  const asked: { readonly name: string; readonly id: number; readonly port: number }[] = [];
  const answer = (query: Buffer, from: number): Buffer | undefined => {
    const { id = 0, questions = [] } = decode(query);
    asked.push({ name: questions[0]!.name, id, port: from });
    const said = reply(questions[0]!.name);
    if (said === undefined) return undefined;
    if (typeof said === 'function') return said(query);
    const rcode = typeof said === 'number' ? said : 0;
    const answers = typeof said === 'number' ? [] : [...said];
    return encode({ type: 'response', id, flags: 0x180 | rcode, questions, answers });
  };
  const udp = createSocket('udp4').bind(port, address);
  udp.on('message', (query, from) => {
    const bytes = answer(query, from.port);
    if (bytes !== undefined) udp.send(bytes, from.port, from.address);
  });
  await once(udp, 'listening');
  const tcp = createServer(socket => {
    const frames = new Frames();
    socket.on('error', () => socket.destroy());
    socket.on('data', chunk => {
      for (const query of frames.take(chunk)) {
        const bytes = answer(query, socket.remotePort ?? 0);
        if (bytes !== undefined) socket.write(framed(bytes));
      }
    });
  }).listen(udp.address().port, address);
  await once(tcp, 'listening');
  return {
    port: udp.address().port,
    asked,
    close() {
      udp.close();
      tcp.close();
    },
  };
}
