import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createEngine } from '../../adapters/docker/engine.ts';
import { lockHolder } from '../../adapters/file/lock.ts';
import { tryFeatures } from '../../adapters/linux/features.ts';
import { askNft, SEARCH_PATH } from '../../adapters/linux/firewall/nft.ts';
import { findSwitch, findUnderlay } from '../../adapters/linux/host-view.ts';
import type { Settings } from '../../api/control/options.ts';
import { ok, type Result } from '../../core/errors.ts';
import { ownAddress } from '../addresses.ts';
import type { Machine, Rules } from './check.ts';
import { lastErrorIn } from './last-error.ts';
import { isShared } from './mounts.ts';
import { portHolder } from './port-holder.ts';
import { spaceFor } from './space.ts';

/** Numbers from linux/capability.h: NET_ADMIN, NET_RAW, SYS_ADMIN. */
const NEEDED = [12, 13, 21];

/** The host that this process runs on. */
export function thisMachine(settings: Settings): Machine {
  const { docker, runDir, stateDir } = settings;
  let rules: Promise<Result<Rules>> | undefined;
  const machine: Machine = {
    capable: hasCapabilities(readText('/proc/self/status')),
    contained: process.env['MESH_HOW'] === 'container',
    engine: docker === '' ? undefined : createEngine(docker),
    hasProgram: name => SEARCH_PATH.split(':').some(folder => isProgram(join(folder, name))),
    features: () => tryFeatures(machine.hasProgram('nft')),
    rules: () => {
      rules ??= readRules();
      return rules;
    },
    legacyTables: () => readText('/proc/net/ip_tables_names').split('\n').filter(Boolean),
    dataAddress: () => settings.dataAddress ?? settings.host ?? ownAddress(settings.peers),
    underlay: findUnderlay,
    portHolder,
    switchLeft: () => findSwitch(runDir),
    stateHolder: () => lockHolder(stateDir),
    space: async directory => spaceFor(directory),
    isShared: path => isShared(readText('/proc/self/mountinfo'), path),
    lastError: () => lastErrorIn(readText(join(stateDir, 'router.log'))),
  };
  return machine;
}

/** Whether the process whose /proc/PID/status this is may do what a router does. */
export function hasCapabilities(status: string): boolean {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`);
  return NEEDED.every(bit => ((effective >> BigInt(bit)) & 1n) === 1n);
}

async function readRules(): Promise<Result<Rules>> {
  const json = await askNft(['-j', 'list', 'ruleset']);
  if (!json.ok) return json;
  const text = await askNft(['-a', 'list', 'ruleset']);
  return text.ok ? ok({ json: parse(json.value), text: text.value }) : text;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

const readText = (path: string): string => (existsSync(path) ? readFileSync(path, 'utf8') : '');
