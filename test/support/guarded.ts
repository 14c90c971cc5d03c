import { afterEach, beforeEach } from 'vitest';
import { createFirewall, type KernelFirewall } from '../../src/adapters/linux/firewall/firewall.ts';
import { createFakeLog, type FakeLog } from './fake-log.ts';
import { makeNamespace, openWire, type TestNamespace, type Wire } from './frames.ts';

/** Namespaces, firewalls and wires of a test. */
export interface Guarded {
  readonly log: FakeLog;
  namespace(name: string): TestNamespace;
  /** A firewall as a router on the host `host` would have it. */
  firewall(host: TestNamespace): KernelFirewall;
  wire(inside: TestNamespace, device: string): Wire;
}

/** To be called once in a test file; all that a test made is removed after it. */
export function useGuarded(): Guarded {
  const opened: { close(): void }[] = [];
  const namespaces: TestNamespace[] = [];
  let log = createFakeLog();

  const keep = <T extends { close(): void }>(made: T): T => {
    opened.push(made);
    return made;
  };

  beforeEach(() => {
    log = createFakeLog();
  });

  afterEach(() => {
    for (const each of opened.splice(0)) each.close();
    for (const each of namespaces.splice(0)) each.remove();
  });

  return {
    get log() {
      return log;
    },
    namespace: name => {
      const made = makeNamespace(name);
      namespaces.push(made);
      return made;
    },
    firewall: host => keep(createFirewall({ log, inHost: host.inside })),
    wire: (inside, device) => keep(openWire(inside, device)),
  };
}
