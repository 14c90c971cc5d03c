import type { Cidr, Ipv4 } from '../../core/address.ts';
import type { Result } from '../../core/errors.ts';
import type { EngineApi } from '../../ports/engine.ts';
import type { Log } from '../../ports/log.ts';
import type { ControlHandlers } from '../control/contract.ts';
import type { NameRule } from './hostname.ts';

/** What the proxy does for containers. */
export interface Rules {
  /** Name of the variable by which a container says what it wants: `MESH_CIDR`. */
  readonly variable: string;
  /** The Docker network that containers are joined to, and its subnet; undefined where no addresses are given out. */
  readonly network: string;
  /** What the engine calls the driver of the mesh's networks, and of their addresses. */
  readonly driver: string;
  /** Driver option of a network: whether its containers have a route for multicast. */
  readonly multicastOption: string;
  readonly subnet: Cidr | undefined;
  /** Containers that say nothing are joined, too. */
  readonly isDefault: boolean;
  /** Undefined where containers are not told whom to ask for names. */
  readonly dns: { readonly zone: string; readonly service: Ipv4 | undefined } | undefined;
  readonly names: NameRule;
  /**
   * Containers are attached when they start, and wait for that before they run their own program; undefined: they are joined
   * to the Docker network before.
   */
  readonly attaching?: Attaching | undefined;
  /** How long somebody waits for an address at most, in ms; 10 s where left out. */
  readonly patienceMs?: number | undefined;
  /** An inspected container shows its address on the mesh as its own. */
  readonly rewriteInspect: boolean;
}

export interface Attaching {
  /** On this host: what waits in a container (`w`) and what it runs by; mounted there. */
  readonly folder: string;
  /** Their /etc/hosts says the address on the mesh in the place of the engine's. */
  readonly rewritesHosts: boolean;
  /** They get a route for multicast. */
  readonly multicast: boolean;
}

/** What the router does for the proxy. */
export type MeshCalls = Pick<
  ControlHandlers,
  'allocate' | 'claim' | 'release' | 'attach' | 'dns' | 'report' | 'createNetwork' | 'removeNetwork'
>;

/** What the drivers do for the proxy, which the engine of this host asks. */
export interface DriverCalls {
  /** Resolves when the engine has the networks of the mesh, as far as that can be. */
  settled(): Promise<void>;
  /** Resolves when the names of a container are those of its addresses, as far as that can be. */
  identify(container: string): Promise<void>;
}

export interface Parts {
  readonly rules: Rules;
  readonly mesh: MeshCalls;
  readonly drivers: DriverCalls;
  readonly engine: EngineApi;
  readonly log: Log;
}

/** Nobody waits longer than this for the mesh, unless the user wants it. */
const PATIENCE_MS = 10_000;

/** `call`'s result, if it comes in time; else a refusal, and `late` gets what came too late. */
export function inTime<Value>(
  call: Promise<Result<Value>>,
  late: (value: Value) => void,
  ms = PATIENCE_MS,
): Promise<Result<Value>> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      resolve({ ok: false, problem: { code: 'router-silent', seconds: ms / 1000 } });
      call.then(
        result => result.ok && late(result.value),
        () => undefined,
      );
    }, ms);
    call.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
