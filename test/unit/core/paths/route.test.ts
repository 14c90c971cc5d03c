import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Ipv4, PeerId } from '../../../../src/core/address.ts';
import { createRandom } from '../../../../src/core/host/random.ts';
import { type Relay, Route } from '../../../../src/core/paths/route.ts';

const relay = (name: string, port: number): Relay => ({
  peer: name as PeerId,
  vtep: { address: '10.0.0.9' as Ipv4, port },
});
const B = relay('b', 7_001);
const D = relay('d', 7_002);

/** Echoes every second, and eight times a second while none is answered, as a busy path has them. */
class Play {
  readonly route = new Route(1_450);
  readonly changes: [number, string][] = [];
  now = 0;
  relays: readonly Relay[] = [B, D];

  /** `answers` tells of each echo whether it comes back. */
  run(ms: number, answers: (way: string) => boolean): void {
    for (const end = this.now + ms; this.now < end; this.now += 125) {
      const { direct, relayed } = this.route;
      for (const [way, name] of [
        [direct, 'direct'],
        [relayed?.way, relayed?.relay.peer ?? ''],
      ] as const) {
        if (way === undefined) continue;
        if (this.now % 1_000 !== 0 && !way.liveness.isDoubtful(this.now)) continue;
        way.liveness.sent(this.now);
        if (answers(name)) way.liveness.answered(this.now, 1);
        else way.liveness.lost();
      }
      if (this.route.review(this.now, () => this.relays)) {
        this.changes.push([this.now, this.route.relayed?.relay.peer ?? 'direct']);
      }
    }
  }
}

describe('a route', () => {
  it('goes the last way only while nothing better helps, however often each was tried', () => {
    const last: Relay = { ...relay('the peer itself', 6_784), isLast: true };
    const play = new Play();
    play.relays = [B, D, last];
    play.run(8_000, way => way === 'b');
    play.run(20_000, () => true);
    play.run(8_000, way => way === 'd');
    expect(play.changes.map(([, way]) => way)).toEqual(['b', 'direct', 'd']);
    play.run(60_000, way => way === 'the peer itself');
    expect(play.route.relayed?.relay).toBe(last);
    play.run(310_000, way => way !== 'direct');
    expect(play.route.relayed?.relay.isLast).toBeUndefined();
  });

  it('is left after three seconds without an answer, and taken again after ten good ones', () => {
    const play = new Play();
    play.run(10_000, () => true);
    play.run(20_000, way => way !== 'direct');
    play.run(20_000, () => true);
    expect(play.changes.map(([, way]) => way)).toEqual(['b', 'direct']);
    const [[left = 0] = [], [back = 0] = []] = play.changes;
    expect(left - 10_000).toBeGreaterThanOrEqual(3_000);
    expect(left - 10_000).toBeLessThanOrEqual(4_000);
    expect(back - 30_000).toBeGreaterThanOrEqual(9_000);
    expect(back - 30_000).toBeLessThanOrEqual(11_000);
    expect(play.route.why).toBeUndefined();
  });

  it('takes another relay when one dies or is offered elsewhere, and stays with one that answers', () => {
    const play = new Play();
    play.run(8_000, way => way === 'b');
    play.run(5_000, way => way === 'd');
    expect(play.changes.map(([, way]) => way)).toEqual(['b', 'd']);
    expect(play.changes[1]![0]).toBeLessThanOrEqual(12_000);
    play.relays = [B];
    play.run(1_000, way => way !== 'direct');
    expect(play.changes.length).toBe(2);
    const moved = relay('d', 7_003);
    play.relays = [B, moved];
    play.run(1_000, way => way !== 'direct');
    expect(play.changes.length).toBe(3);
  });

  it('says that it has no way, and takes the first that answers', () => {
    const play = new Play();
    play.relays = [];
    play.run(60_000, () => false);
    expect(play.changes).toEqual([]);
    expect(play.route.why).toMatch(/no relay/);
    play.run(1_000, () => true);
    expect(play.route).toMatchObject({ relayed: undefined, why: undefined });
    expect(play.route.chosen.liveness.state).toBe('up');
  });

  it('tries relays at leisure where none helps', () => {
    const play = new Play();
    play.run(600_000, () => false);
    expect(play.changes.length).toBeLessThan(30);
  });

  it('does not change in 24 hours at ten per cent loss', () => {
    const play = new Play();
    const random = createRandom(1);
    play.run(24 * 3_600_000, () => random.fraction() > 0.1 && random.fraction() > 0.1);
    expect(play.changes).toEqual([]);
    expect(play.route.direct.liveness.loss).toBeGreaterThan(0.05);
  });

  it('does not swing with a way that comes and goes', () => {
    const play = new Play();
    // Good for eleven seconds, gone for five: from the third on, each return that does not last costs twice the patience.
    for (let round = 0; round < 200; round += 1) {
      play.run(11_000, () => true);
      play.run(5_000, way => way !== 'direct');
    }
    expect(play.changes.length).toBeLessThanOrEqual(7);
  });

  it('takes what answers, whatever comes and goes', () => {
    const outages = fc.array(
      fc.record({
        ms: fc.integer({ min: 1, max: 40 }).map(n => n * 1_000),
        dead: fc.subarray(['direct', 'b', 'd']),
      }),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(outages, fc.constantFrom('direct', 'b', 'd'), (history, alive) => {
        const play = new Play();
        for (const { ms, dead } of history) play.run(ms, way => !dead.includes(way));
        play.run(45_000, way => way === alive);
        expect(play.route.relayed?.relay.peer ?? 'direct').toBe(alive);
        expect(play.route.chosen.liveness.state).toBe('up');
      }),
      { numRuns: 300 },
    );
  });
});
