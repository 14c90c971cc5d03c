import type { Target } from './target.ts';
import { control } from './targets/control.ts';
import { dns } from './targets/dns.ts';
import { engine } from './targets/engine.ts';
import { facts } from './targets/facts.ts';
import { frames } from './targets/frames.ts';
import { identity } from './targets/identity.ts';
import { netlink } from './targets/netlink.ts';
import { proxy } from './targets/proxy.ts';
import { replica } from './targets/replica.ts';
import { settings } from './targets/settings.ts';
import { store } from './targets/store.ts';
import { wire } from './targets/wire.ts';

/** Everything that reads what others wrote. */
export const TARGETS: Readonly<Record<string, Target>> = {
  control,
  dns,
  engine,
  facts,
  frames,
  identity,
  netlink,
  proxy,
  replica,
  settings,
  store,
  wire,
};
