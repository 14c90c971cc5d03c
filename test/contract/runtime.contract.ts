import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Container, ContainerEvent, ContainerRuntime } from '../../src/ports/container-runtime.ts';
import { until } from '../support/until.ts';

/** A runtime with nothing in it, and hands to change that. */
export interface RuntimeHarness {
  readonly runtime: ContainerRuntime;
  /** What to call the container by that `start` brings up under this name. */
  reference(name: string): string;
  /** Also again, after it died. */
  start(name: string): Promise<void>;
  die(name: string): Promise<void>;
  remove(name: string): Promise<void>;
  dispose(): Promise<void>;
}

/** What every runtime must do (src/ports/container-runtime.ts). */
export function runtimeContract(name: string, make: () => Promise<RuntimeHarness>): void {
  describe(`container runtime: ${name}`, () => {
    let harness: RuntimeHarness;
    let unwatch: (() => void) | undefined;
    let events: ContainerEvent[];

    beforeEach(async () => {
      harness = await make();
      events = [];
    });
    afterEach(async () => {
      unwatch?.();
      unwatch = undefined;
      await harness.dispose();
    });

    async function inspect(which: string): Promise<Container> {
      const inspected = await harness.runtime.inspect(which);
      if (!inspected.ok) throw new Error(`refused: ${inspected.problem.code}`);
      return inspected.value;
    }

    async function refusal(which: string): Promise<string> {
      const inspected = await harness.runtime.inspect(which);
      return inspected.ok ? 'not refused' : inspected.problem.code;
    }

    function watch(): void {
      unwatch = harness.runtime.watch(event => void events.push(event));
    }

    /** What was told of a container, once `last` is the latest. */
    async function told(id: string, last: ContainerEvent['kind']): Promise<string[]> {
      const kinds = () =>
        events.flatMap(event => (event.kind !== 'look-again' && event.id === id ? [event.kind] : []));
      await until(
        () => (kinds().at(-1) === last ? true : undefined),
        () => `${last}, but had ${kinds()}`,
      );
      return kinds();
    }

    test('finds a container by name and by id', async () => {
      await harness.start('box1');
      const found = await inspect(harness.reference('box1'));
      expect(found.name).toBe('box1');
      expect(found.sandbox).toMatch(/^\//);
      expect(await inspect(found.id)).toEqual(found);
    });

    test('tells containers apart', async () => {
      await harness.start('box1');
      await harness.start('box2');
      const [one, two] = [await inspect(harness.reference('box1')), await inspect(harness.reference('box2'))];
      expect(one.id).not.toBe(two.id);
      expect(one.sandbox).not.toBe(two.sandbox);
    });

    test('refuses one that never was, one that ended and one that was removed', async () => {
      expect(await refusal(harness.reference('box1'))).toMatch(/^(container|namespace)-unknown$/);
      for (const nonsense of ['', '..', 'a/b', 'a b', '%2e', '-', '\n']) {
        expect(await refusal(nonsense)).toBe('container-unknown');
      }
      await harness.start('box1');
      const { id } = await inspect(harness.reference('box1'));
      await harness.die('box1');
      expect(await refusal(id)).toMatch(/^(container-not-running|namespace-unknown)$/);
      await harness.remove('box1');
      expect(await refusal(id)).toMatch(/^(container|namespace)-unknown$/);
    });

    test('tells of a death, a new start and a removal, in that order and of that container', async () => {
      await harness.start('box1');
      await harness.start('box2');
      const one = await inspect(harness.reference('box1'));
      const two = await inspect(harness.reference('box2'));
      watch();
      await harness.die('box1');
      expect(await told(one.id, 'died')).toEqual(['died']);
      await harness.start('box1');
      expect(await told(one.id, 'started')).toEqual(['died', 'started']);
      expect((await inspect(one.id)).id).toBe(one.id);
      await harness.remove('box1');
      expect(await told(one.id, 'removed')).toEqual(['died', 'started', 'died', 'removed']);
      expect(events.filter(event => event.kind !== 'look-again' && event.id === two.id)).toEqual([]);
    });

    test('tells of a restart however quick', async () => {
      await harness.start('box1');
      const { id } = await inspect(harness.reference('box1'));
      watch();
      await harness.die('box1');
      await harness.start('box1');
      expect(await told(id, 'started')).toEqual(['died', 'started']);
    });

    test('tells everyone who watches, and no more when they have stopped', async () => {
      await harness.start('box1');
      const { id } = await inspect(harness.reference('box1'));
      watch();
      const other: ContainerEvent[] = [];
      const stop = harness.runtime.watch(event => void other.push(event));
      await harness.die('box1');
      await told(id, 'died');
      await until(
        () => other.find(event => event.kind === 'died'),
        () => 'the other is told',
      );
      stop();
      const before = other.length;
      await harness.start('box1');
      await told(id, 'started');
      expect(other).toHaveLength(before);
    });
  });
}
