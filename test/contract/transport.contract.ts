import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { PeerId } from '../../src/core/address.ts';
import type { Transport } from '../../src/ports/transport.ts';
import { createListeningRouter, type ListeningRouter } from '../support/listening-router.ts';
import { OWN_LOOPBACK } from '../support/own.ts';
import { until } from '../support/until.ts';

export interface TransportSettings {
  readonly id: PeerId;
  /** HOST:PORT; HOST is in 127.0.0.0/8. */
  readonly address: string;
  readonly password?: string;
  readonly trusted?: readonly PeerId[];
}

export interface TransportHarness {
  /** A new identity. */
  identity(): PeerId;
  open(settings: TransportSettings): Promise<Transport>;
  /** How many connections there are between these two. */
  connections(a: ListeningRouter, b: ListeningRouter): Promise<number>;
}

const bytes = (text: string): Uint8Array => Buffer.from(text);
/** Long enough to dial meanwhile, also where other work slows that down. */
const REFUSED_MS = 3_000;
const NOBODY = `${OWN_LOOPBACK}.251:6783`;
const MAX_BROADCAST = 64 * 1024;
const MAX_MESSAGE = 4 * 1024 * 1024;

/** Watches for a while that nothing happens that must not happen. */
async function stays(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = performance.now() + 200; performance.now() < end; await sleep(10)) {
    expect(await condition()).toBe(true);
  }
}

/** What every transport must do (src/ports/transport.ts). */
export function transportContract(name: string, harness: TransportHarness): void {
  describe(`transport: ${name}`, () => {
    let routers: ListeningRouter[] = [];
    let hosts = 0;

    beforeEach(() => {
      routers = [];
    });
    afterEach(async () => {
      await Promise.all(routers.map(({ transport }) => transport.stop()));
    });

    async function router(settings: Partial<TransportSettings> = {}): Promise<ListeningRouter> {
      hosts += 1;
      const address = settings.address ?? `${OWN_LOOPBACK}.${hosts}:6783`;
      const transport = await harness.open({ id: harness.identity(), ...settings, address });
      const listening = createListeningRouter(transport, address);
      routers.push(listening);
      expect(await listening.start()).toEqual({ ok: true, value: undefined });
      return listening;
    }

    async function join(from: ListeningRouter, to: ListeningRouter): Promise<void> {
      const [here, there] = [from.of('peer-up').length, to.of('peer-up').length];
      from.transport.dial(to.address);
      await Promise.all([from.wait('peer-up', here + 1), to.wait('peer-up', there + 1)]);
    }

    /** Waits until there is one connection between the two, and no second one comes. */
    async function onlyOne(a: ListeningRouter, b: ListeningRouter): Promise<void> {
      await until(
        async () => (await harness.connections(a, b)) === 1 || undefined,
        () => `one connection between ${a.address} and ${b.address}`,
      );
      await stays(async () => (await harness.connections(a, b)) === 1);
    }

    const heard = (who: ListeningRouter, count: number): Promise<unknown> => who.wait('message', count);

    test('both ends of a connection learn who the other is, and where', async () => {
      const [a, b] = [await router(), await router()];
      await join(a, b);
      expect(a.events).toEqual([{ kind: 'peer-up', peer: b.id, address: b.address, outbound: true }]);
      const [seen, ...others] = b.of('peer-up');
      expect(others).toEqual([]);
      expect(seen).toMatchObject({ peer: a.id, outbound: false });
      expect(seen?.address).toMatch(new RegExp(`^${a.address.split(':')[0]}:\\d+$`));
      expect(seen?.address).not.toBe(a.address);
    });

    test('what is sent arrives in its order, from both ends', async () => {
      const [a, b] = [await router(), await router()];
      await join(a, b);
      const words = Array.from({ length: 200 }, (_, index) => `${index} ${'x'.repeat((index * 37) % 3000)}`);
      for (const word of words) {
        a.transport.send(b.id, bytes(word));
        b.transport.send(a.id, bytes(word));
      }
      await Promise.all([heard(a, words.length), heard(b, words.length)]);
      expect(a.texts()).toEqual(words);
      expect(b.texts()).toEqual(words);
      expect(a.of('message').every(({ from }) => from === b.id)).toBe(true);
    });

    test('the sender may reuse its buffer', async () => {
      const [a, b] = [await router(), await router()];
      await join(a, b);
      const buffer = Buffer.from('first');
      a.transport.send(b.id, buffer);
      buffer.write('other');
      await heard(b, 1);
      a.transport.broadcast(buffer);
      buffer.write('third');
      await heard(b, 2);
      expect(b.texts()).toEqual(['first', 'other']);
    });

    test('the largest messages pass, larger ones are a fault of the caller', async () => {
      const [a, b] = [await router(), await router()];
      await join(a, b);
      a.transport.send(b.id, Buffer.alloc(MAX_MESSAGE, 1));
      await heard(b, 1);
      a.transport.broadcast(Buffer.alloc(MAX_BROADCAST, 2));
      await heard(b, 2);
      expect(b.of('message').map(message => [message.bytes.length, message.bytes[0]])).toEqual([
        [MAX_MESSAGE, 1],
        [MAX_BROADCAST, 2],
      ]);
      expect(() => a.transport.send(b.id, Buffer.alloc(MAX_MESSAGE + 1))).toThrow(RangeError);
      expect(() => a.transport.broadcast(Buffer.alloc(MAX_BROADCAST + 1))).toThrow(RangeError);
    });

    test('nothing happens on sending to one that is not up, or nothing at all', async () => {
      const [a, b, c] = [await router(), await router(), await router()];
      a.transport.send(b.id, bytes('too early'));
      a.transport.broadcast(bytes('nobody hears'));
      await join(a, b);
      a.transport.send(b.id, new Uint8Array(0));
      a.transport.send(c.id, bytes('not connected'));
      a.transport.hangUp(c.id, 'not connected');
      a.transport.send(b.id, bytes('now'));
      await heard(b, 1);
      expect(b.texts()).toEqual(['now']);
      expect(c.events).toEqual([]);
    });

    test('a broadcast right after peer-up arrives', async () => {
      const [a, b] = [await router(), await router()];
      for (const [who, other] of [
        [a, b],
        [b, a],
      ] as const) {
        who.react(event => {
          if (event.kind !== 'peer-up') return;
          who.transport.broadcast(bytes(`broadcast by ${who.id}`));
          who.transport.send(other.id, bytes(`sent by ${who.id}`));
        });
      }
      await join(a, b);
      await Promise.all([heard(a, 2), heard(b, 2)]);
      for (const { events } of [a, b]) expect(events[0]?.kind).toBe('peer-up');
      expect([...a.texts()].sort()).toEqual([`broadcast by ${b.id}`, `sent by ${b.id}`]);
      expect([...b.texts()].sort()).toEqual([`broadcast by ${a.id}`, `sent by ${a.id}`]);
    });

    test('a broadcast reaches those who are not neighbours, once, by way of the one between', async () => {
      const [a, b, c] = [await router(), await router(), await router()];
      await join(a, b);
      await join(c, b);
      a.transport.broadcast(bytes('one'));
      await Promise.all([heard(b, 1), heard(c, 1)]);
      c.transport.broadcast(bytes('two'));
      await Promise.all([heard(a, 1), heard(b, 2)]);
      expect(a.of('message')).toMatchObject([{ from: b.id }]);
      expect(c.of('message')).toMatchObject([{ from: b.id }]);
      expect([a.texts(), b.texts(), c.texts()]).toEqual([['two'], ['one', 'two'], ['one']]);
      expect(a.of('peer-up')).toHaveLength(1);
    });

    test('sixteen routers on one host, each connected to all others, all hear every broadcast', async () => {
      const all: ListeningRouter[] = [];
      for (let index = 0; index < 16; index++) {
        const next = await router({ address: `${OWN_LOOPBACK}.250:${7001 + index}` });
        for (const other of all) next.transport.dial(other.address);
        all.push(next);
        if (all.length > 1) await Promise.all(all.map(each => each.wait('peer-up', all.length - 1)));
      }
      for (let round = 0; round < 4; round++) {
        for (const { transport, id } of all) transport.broadcast(bytes(`${round} from ${id}`));
        await Promise.all(all.map(who => heard(who, (all.length - 1) * (round + 1))));
      }
      for (const who of all) {
        expect(new Set(who.texts()).size).toBe((all.length - 1) * 4);
        expect(who.of('peer-down')).toEqual([]);
        expect(who.of('peer-up')).toHaveLength(all.length - 1);
      }
    });

    test('two that dial each other at once end with one connection', async () => {
      for (let round = 0; round < 5; round++) {
        const [a, b] = [await router(), await router()];
        a.transport.dial(b.address);
        b.transport.dial(a.address);
        const [here, there] = await Promise.all([a.wait('peer-up'), b.wait('peer-up')]);
        expect(here.outbound).toBe(!there.outbound);
        await onlyOne(a, b);
        a.transport.send(b.id, bytes('there'));
        b.transport.send(a.id, bytes('and back'));
        await Promise.all([heard(a, 1), heard(b, 1)]);
        for (const { events } of [a, b]) {
          expect(events.map(({ kind }) => kind)).toEqual(['peer-up', 'message']);
        }
      }
    });

    test('dialling one that is up changes nothing', async () => {
      const [a, b] = [await router(), await router()];
      await join(a, b);
      for (let round = 0; round < 5; round++) {
        a.transport.dial(b.address);
        b.transport.dial(a.address);
        a.transport.send(b.id, bytes(`${round}`));
        await heard(b, round + 1);
      }
      await stays(() => a.events.length === 1 && b.events.length === 6);
      await onlyOne(a, b);
    });

    test('hanging up is told to both; then they may come back', async () => {
      const [a, b] = [await router(), await router()];
      for (let round = 1; round <= 3; round++) {
        await join(a, b);
        a.transport.send(b.id, bytes(`last word ${round}`));
        a.transport.hangUp(b.id, 'enough');
        expect(await a.wait('peer-down', round)).toEqual({ kind: 'peer-down', peer: b.id, reason: 'enough' });
        expect(await b.wait('peer-down', round)).toMatchObject({ peer: a.id });
        a.transport.send(b.id, bytes('not any more'));
      }
      expect(b.texts()).toEqual(['last word 1', 'last word 2', 'last word 3']);
      expect(a.of('peer-up')).toHaveLength(3);
      expect(b.of('peer-up')).toHaveLength(3);
      expect(a.of('dial-failed')).toEqual([]);
    });

    test('one that is refused gets no connection, whoever dials, until the time is over', async () => {
      const [a, b] = [await router(), await router()];
      await join(a, b);
      const until = performance.now() + REFUSED_MS;
      a.transport.hangUp(b.id, 'enough', REFUSED_MS);
      await Promise.all([a.wait('peer-down'), b.wait('peer-down')]);
      b.transport.dial(a.address);
      a.transport.dial(b.address);
      await Promise.all([a.wait('dial-failed'), b.wait('dial-failed')]);
      while (b.of('peer-up').length < 2) {
        b.transport.dial(a.address);
        await sleep(100);
      }
      expect(performance.now()).toBeGreaterThan(until);
      await a.wait('peer-up', 2);
    });

    test('a broadcast that its listener refuses is not handed on', async () => {
      const [a, b, c] = [await router(), await router(), await router()];
      b.react(event => event.kind !== 'message' || !Buffer.from(event.bytes).toString().startsWith('bad'));
      await join(a, b);
      await join(c, b);
      for (const text of ['bad 1', 'bad 2', 'good']) a.transport.broadcast(bytes(text));
      await heard(c, 1);
      await heard(b, 3);
      await stays(() => c.texts().join() === 'good');
    });

    test('one that stops is missed at once, says nothing more, and is known again when it returns', async () => {
      const [a, b] = [await router(), await router()];
      await join(a, b);
      await b.transport.stop();
      await a.wait('peer-down');
      const count = b.events.length;
      a.transport.dial(b.address);
      await a.wait('dial-failed');
      expect(b.events).toHaveLength(count);

      const again = await router({ id: b.id, address: b.address });
      await join(a, again);
      a.transport.broadcast(bytes('welcome back'));
      again.transport.broadcast(bytes('here I am'));
      await Promise.all([heard(a, 1), heard(again, 1)]);
      expect(a.events.map(({ kind }) => kind)).toEqual([
        'peer-up',
        'peer-down',
        'dial-failed',
        'peer-up',
        'message',
      ]);
    });

    test('one that has stopped takes no orders', async () => {
      const [a, b] = [await router(), await router()];
      await join(a, b);
      const count = a.events.length;
      await a.transport.stop();
      await a.transport.stop();
      a.transport.dial(b.address);
      a.transport.send(b.id, bytes('x'));
      a.transport.broadcast(bytes('x'));
      a.transport.hangUp(b.id, 'x');
      await b.wait('peer-down');
      await stays(() => a.events.length === count && b.of('message').length === 0);
    });

    test('why a dial fails', async () => {
      const a = await router();
      const failure = async (address: string, count: number): Promise<unknown> => {
        a.transport.dial(address);
        return (await a.wait('dial-failed', count)).problem;
      };
      expect(await failure(NOBODY, 1)).toEqual({ code: 'peer-refused', peer: NOBODY });
      expect(await failure(a.address, 2)).toEqual({ code: 'peer-is-self', peer: a.address });
      expect(await failure('127.0.0.9', 3)).toEqual({ code: 'bad-peer', value: '127.0.0.9' });
    });

    test('a dial while the same is under way ends with that', async () => {
      const a = await router();
      for (let times = 0; times < 5; times++) a.transport.dial(NOBODY);
      await a.wait('dial-failed');
      await stays(() => a.events.length === 1);
    });

    test('passwords must agree, whichever side lacks one or has another', async () => {
      const passwords = [undefined, 'one', 'two'];
      for (const mine of passwords) {
        for (const theirs of passwords) {
          const a = await router(mine === undefined ? {} : { password: mine });
          const b = await router(theirs === undefined ? {} : { password: theirs });
          a.transport.dial(b.address);
          if (mine === theirs) {
            await Promise.all([a.wait('peer-up'), b.wait('peer-up')]);
            a.transport.broadcast(bytes('password and all'));
            await heard(b, 1);
          } else {
            const { problem } = await a.wait('dial-failed');
            expect(problem).toEqual({ code: 'peer-wrong-password', peer: b.address });
            expect(b.events).toEqual([]);
          }
        }
      }
    });

    test('pinned: only those who are trusted get in, from either side', async () => {
      const b = await router();
      const stranger = await router();
      const a = await router({ trusted: [b.id] });
      a.transport.dial(stranger.address);
      const { problem } = await a.wait('dial-failed');
      expect(problem).toEqual({ code: 'peer-not-pinned', peer: stranger.address, id: stranger.id });
      stranger.transport.dial(a.address);
      expect((await stranger.wait('dial-failed')).problem).toMatchObject({
        code: 'peer-failed',
        peer: a.address,
      });
      expect(a.events).toHaveLength(1);
      expect(stranger.of('peer-up')).toEqual([]);
      await join(b, a);
    });

    test('what the listener does in answer to an event comes after that event', async () => {
      const [a, b] = [await router(), await router()];
      let depth = 0;
      let deepest = 0;
      a.react(event => {
        depth += 1;
        deepest = Math.max(deepest, depth);
        if (event.kind === 'peer-up') a.transport.hangUp(b.id, 'at once');
        depth -= 1;
      });
      a.transport.dial(b.address);
      await a.wait('peer-down');
      expect(deepest).toBe(1);
      await until(
        () => b.of('peer-up').length === b.of('peer-down').length || undefined,
        () => `b: ${JSON.stringify(b.events)}`,
      );
    });
  });
}
