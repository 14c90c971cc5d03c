import fc from 'fast-check';
import { parseInspection } from '../../../src/adapters/docker/container.ts';
import { parseEvent } from '../../../src/adapters/docker/event.ts';
import type { Target } from '../target.ts';

const INSPECTED = {
  Id: 'f'.repeat(64),
  Name: '/box1',
  State: { Status: 'running', Running: true, Paused: false, Pid: 7 },
  HostConfig: { NetworkMode: 'bridge' },
  NetworkSettings: { SandboxKey: '/var/run/docker/netns/0123456789ab' },
};
const EVENT = {
  Type: 'container',
  Action: 'start',
  id: 'f'.repeat(64),
  Actor: { ID: 'f'.repeat(64), Attributes: {} },
};

export const engine: Target = {
  what: "the engine's events and descriptions of containers",
  structured: fc
    .oneof(
      fc.constantFrom(INSPECTED, EVENT).map(value => JSON.stringify(value)),
      fc.json(),
    )
    .map(text => new TextEncoder().encode(text)),
  read(bytes) {
    const text = Buffer.from(bytes).toString();
    parseEvent(text);
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return;
    }
    parseInspection(value);
  },
};
