import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { macFromNumber } from '../../../../src/adapters/linux/bytes.ts';
import {
  isOurs,
  isPortName,
  networkAlias,
  networkOfAlias,
  plumbedOfAlias,
  portAlias,
  portName,
} from '../../../../src/adapters/linux/names.ts';

const network = fc.stringMatching(/^[a-z][a-z0-9_.-]{0,30}$/);
const container = fc.oneof(
  fc.stringMatching(/^[0-9a-f]{64}$/),
  fc.stringMatching(/^netns:(\/[A-Za-z0-9 _.-]{1,20}){1,6}$/),
);
const mac = fc.integer({ min: 0, max: 2 ** 48 - 1 }).map(macFromNumber);

describe('names in the switch', () => {
  test('what an alias records is read back', () => {
    fc.assert(
      fc.property(fc.record({ network, container, mac }), plumbed => {
        const alias = portAlias(plumbed);
        if (alias === undefined) expect(JSON.stringify(plumbed).length).toBeGreaterThan(200);
        else expect(plumbedOfAlias(alias)).toEqual(plumbed);
        expect(networkOfAlias(networkAlias(plumbed.network))).toBe(plumbed.network);
      }),
    );
  });

  test('no other text is taken for an alias of ours', () => {
    for (const alias of [
      undefined,
      '',
      'mesh',
      'mesh/',
      'mesh/a/b',
      'mesh/a/b/0a:00',
      'other/a/b/0a:00:00:00:00:01',
    ]) {
      expect(plumbedOfAlias(alias)).toBeUndefined();
    }
    fc.assert(fc.property(fc.string(), text => void plumbedOfAlias(text)));
  });

  test('a port is called the same each time, and within what the kernel allows', () => {
    fc.assert(
      fc.property(network, container, (of, box) => {
        const name = portName(of, box);
        expect(name.length).toBeLessThanOrEqual(15);
        expect(isPortName(name)).toBe(true);
        expect(portName(of, box)).toBe(name);
        expect(portName(`${of}x`, box)).not.toBe(name);
      }),
    );
  });

  test('links of others are not ours', () => {
    for (const name of [
      'lo',
      'eth0',
      'docker0',
      'br-0123456789ab',
      'br-lan',
      'veth12345678',
      'mv0',
      'vx-',
      'vx-1a',
    ]) {
      expect(isOurs(name)).toBe(false);
    }
    for (const name of ['br-7', 'vx-16777215', portName('mesh', 'box')]) expect(isOurs(name)).toBe(true);
  });
});
