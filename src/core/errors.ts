import { shortId } from './endpoints/engine-id.ts';

/** What can go wrong for a user, as data. Thrown are only broken invariants. */

export type Problem =
  | { readonly code: 'bad-address'; readonly value: string }
  | { readonly code: 'bad-host-address'; readonly value: string }
  | { readonly code: 'bad-port'; readonly value: string }
  | { readonly code: 'bad-peer'; readonly value: string }
  | { readonly code: 'bad-peer-name'; readonly value: string }
  | { readonly code: 'bad-setting'; readonly name: string; readonly value: string; readonly allowed: string }
  | { readonly code: 'bad-usage'; readonly why: string; readonly command: string }
  | { readonly code: 'unknown-option'; readonly option: string }
  | { readonly code: 'bad-template'; readonly line: number; readonly column: number; readonly why: string }
  | { readonly code: 'address-unusable'; readonly value: string; readonly why: string }
  | { readonly code: 'address-of-network'; readonly value: string; readonly network: string }
  | { readonly code: 'address-elsewhere'; readonly value: string; readonly host: string }
  | { readonly code: 'address-quarantined'; readonly value: string; readonly seconds: number }
  | { readonly code: 'address-unallocated'; readonly value: string }
  | { readonly code: 'owner-unknown'; readonly owner: string }
  | { readonly code: 'ipam-off' }
  | { readonly code: 'peer-alive'; readonly peer: string; readonly how: string }
  | { readonly code: 'peer-unknown'; readonly peer: string }
  | { readonly code: 'ring-undivided'; readonly value: string; readonly why: string }
  | { readonly code: 'space-exhausted'; readonly value: string }
  | { readonly code: 'space-silent'; readonly value: string; readonly holders: string }
  | { readonly code: 'range-changed'; readonly before: string; readonly now: string }
  | { readonly code: 'address-stray'; readonly value: string; readonly range: string }
  | { readonly code: 'range-routed'; readonly range: string; readonly route: string; readonly cure: string }
  | { readonly code: 'subnet-bits'; readonly value: string }
  | { readonly code: 'subnet-outside'; readonly value: string; readonly range: string }
  | { readonly code: 'subnet-small'; readonly value: string }
  | { readonly code: 'address-taken'; readonly value: string; readonly holder: string; readonly host: string }
  | { readonly code: 'container-unknown'; readonly container: string }
  | { readonly code: 'container-not-running'; readonly container: string; readonly state: string }
  | { readonly code: 'container-host-network'; readonly container: string }
  | { readonly code: 'container-gone'; readonly container: string }
  | { readonly code: 'container-foreign'; readonly container: string }
  | { readonly code: 'container-busy'; readonly container: string }
  | { readonly code: 'name-malformed'; readonly value: string; readonly why: string }
  | { readonly code: 'name-outside'; readonly value: string; readonly zone: string }
  | {
      readonly code: 'name-elsewhere';
      readonly value: string;
      readonly holder: string;
      readonly host: string;
    }
  | { readonly code: 'name-many'; readonly container: string; readonly limit: number }
  | { readonly code: 'name-nobodys'; readonly value: string }
  | { readonly code: 'name-unknown'; readonly what: string }
  | { readonly code: 'network-unknown'; readonly network: string }
  | { readonly code: 'endpoint-unknown'; readonly endpoint: string }
  | { readonly code: 'plugin-taken'; readonly path: string }
  | { readonly code: 'no-systemd'; readonly root: string }
  | { readonly code: 'install-taken'; readonly path: string }
  | { readonly code: 'mac-taken'; readonly value: string; readonly network: string }
  | { readonly code: 'network-name'; readonly value: string }
  | { readonly code: 'network-removed'; readonly network: string }
  | { readonly code: 'network-exists'; readonly network: string; readonly subnets: string }
  | { readonly code: 'network-default'; readonly network: string }
  | { readonly code: 'network-in-use'; readonly network: string; readonly holders: string }
  | { readonly code: 'network-refused'; readonly network: string; readonly why: string }
  | { readonly code: 'network-not-sealed'; readonly network: string }
  | { readonly code: 'network-no-room'; readonly network: string; readonly range: string }
  | {
      readonly code: 'subnet-overlaps';
      readonly value: string;
      readonly network: string;
      readonly other: string;
    }
  | { readonly code: 'subnet-used'; readonly value: string; readonly address: string }
  | { readonly code: 'namespace-unknown'; readonly path: string; readonly why: string }
  | { readonly code: 'interface-taken'; readonly container: string; readonly name: string }
  | { readonly code: 'host-interface-taken'; readonly name: string }
  | { readonly code: 'host-subnet-taken'; readonly value: string; readonly other: string }
  | { readonly code: 'container-is-host'; readonly container: string }
  | { readonly code: 'not-exposed'; readonly address: string | undefined }
  | { readonly code: 'not-attached'; readonly container: string; readonly address: string | undefined }
  | { readonly code: 'docker-refused'; readonly container: string; readonly why: string }
  | { readonly code: 'docker-unreachable'; readonly address: string; readonly why: string }
  | { readonly code: 'proxy-address'; readonly address: string; readonly why: string }
  | { readonly code: 'http-address'; readonly address: string; readonly why: string }
  | { readonly code: 'proxy-off' }
  | { readonly code: 'nothing-to-restore' }
  | { readonly code: 'router-not-running'; readonly socket: string }
  | { readonly code: 'router-silent'; readonly seconds: number }
  | { readonly code: 'router-running'; readonly how: string }
  | { readonly code: 'router-died'; readonly why: string }
  | { readonly code: 'router-leaving' }
  | { readonly code: 'router-refused'; readonly why: string }
  | { readonly code: 'launch-failed'; readonly why: string }
  | { readonly code: 'port-in-use'; readonly port: number; readonly protocol: 'tcp' | 'udp' }
  | { readonly code: 'dns-port-in-use'; readonly address: string; readonly port: number }
  | { readonly code: 'no-permission'; readonly what: string }
  | { readonly code: 'obstacles'; readonly count: number }
  | { readonly code: 'kernel-lacks'; readonly feature: string }
  | { readonly code: 'kernel-refused'; readonly what: string; readonly why: string }
  | { readonly code: 'program-missing'; readonly program: string; readonly package: string }
  | { readonly code: 'state-unwritable'; readonly path: string; readonly why: string }
  | { readonly code: 'state-damaged'; readonly path: string; readonly why: string }
  | { readonly code: 'state-full'; readonly path: string }
  | { readonly code: 'state-newer'; readonly path: string; readonly version: number; readonly known: number }
  | { readonly code: 'no-host-address' }
  | { readonly code: 'no-such-host-address'; readonly value: string }
  | { readonly code: 'peer-refused'; readonly peer: string }
  | { readonly code: 'peer-no-route'; readonly peer: string }
  | { readonly code: 'peer-timeout'; readonly peer: string }
  | { readonly code: 'peer-unresolved'; readonly peer: string }
  | { readonly code: 'peer-wrong-password'; readonly peer: string }
  | { readonly code: 'peer-is-self'; readonly peer: string }
  | { readonly code: 'peer-not-pinned'; readonly peer: string; readonly id: string }
  | { readonly code: 'peer-failed'; readonly peer: string; readonly why: string }
  | { readonly code: 'peer-name-taken'; readonly name: string; readonly host: string }
  | { readonly code: 'identity-cloned'; readonly id: string };

export type Result<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly problem: Problem };

export const ok = <Value>(value: Value): Result<Value> => ({ ok: true, value });
export const refuse = (problem: Problem): { ok: false; problem: Problem } => ({ ok: false, problem });

/** One line for a person: what was wrong, with the value, and the way out. */
export function describe(problem: Problem): string {
  const sentence = SENTENCES[problem.code] as (problem: Problem) => string;
  return sentence(problem);
}

/** Whether `code` is one that this version knows: what another version sends may not be. */
export function isProblemCode(code: unknown): code is Problem['code'] {
  return typeof code === 'string' && Object.hasOwn(SENTENCES, code);
}

/** The exit status of a command that ends with this problem (design: 0 done, 1 refused, 2 usage, 3, 7). */
export function exitStatus(problem: Problem): number {
  if (problem.code === 'router-running') return 3;
  if (problem.code === 'router-not-running') return 7;
  return USAGE.has(problem.code) ? 2 : 1;
}

const USAGE: ReadonlySet<Problem['code']> = new Set(['bad-setting', 'bad-usage', 'unknown-option']);

type Sentences = { [Code in Problem['code']]: (problem: Extract<Problem, { code: Code }>) => string };

const SENTENCES: Sentences = {
  'bad-address': p => `"${p.value}" is not an address with a prefix; write it like 10.0.0.11/24`,
  'bad-host-address': p => `"${p.value}" is not an address; write it without a prefix, like 10.0.0.11`,
  'bad-port': p => `"${p.value}" is not a port; give a number from 1 to 65535`,
  'bad-peer': p => `"${p.value}" is not a peer; write HOST or HOST:PORT, like 192.168.48.11 or node1:6783`,
  'bad-peer-name': p => `"${p.value}" is not a peer name; write six hex bytes, like e2:7e:49:7e:0f:1b`,
  'bad-setting': p => `${p.name}: "${p.value}" is not allowed; it takes ${p.allowed}`,
  'bad-usage': p => `${p.why}; see "mesh help ${p.command}"`,
  'unknown-option': p => `there is no option ${p.option}; "mesh help launch" lists them`,
  'bad-template': p => `template, line ${p.line}, column ${p.column}: ${p.why}`,
  'address-unusable': p => `${p.value} can't be given to a container: ${p.why}`,
  'address-of-network': p =>
    `${p.value} is an address of network "${p.network}"; attach it there with --network ${p.network}, or take another`,
  'address-elsewhere': p =>
    `${p.value} is among the addresses of ${p.host}, which has given it to something or does not answer; take another, or look at "mesh ps" there`,
  'address-quarantined': p =>
    `${p.value} was given to a container of a removed host, which may still use it: it is free in ${p.seconds} s; take another`,
  'address-unallocated': p => `${p.value} is not held by that owner; see "mesh ps"`,
  'owner-unknown': p => `no address is held by "${p.owner}" on this host; see "mesh ps"`,
  'ipam-off': () =>
    'this router gives out no addresses (--ipalloc-range is empty); name one, like 10.0.0.11/24',
  'peer-alive': p => `${p.peer} is not gone: ${p.how}; end it there with "mesh reset", or pass --force`,
  'peer-unknown': p => `no peer "${p.peer}" is known; "mesh status peers" lists them`,
  'ring-undivided': p =>
    `no address in ${p.value} yet: ${p.why}; connect more hosts, or launch with --ipalloc-init consensus=N or seed=NAME`,
  'space-exhausted': p => `no address in ${p.value} is free on any host; free some, or take another subnet`,
  'space-silent': p =>
    `no address in ${p.value} can be had now: it is held by ${p.holders}; wait, or if it is gone for good "mesh rmpeer" it`,
  'range-changed': p =>
    `this host has given out addresses of ${p.before}, and is to give out ${p.now} now; launch with --ipalloc-range ${p.before}, or begin anew with "mesh reset"`,
  'address-stray': p =>
    `this host has given out ${p.value}, which is not in --ipalloc-range ${p.range}; launch with the --ipalloc-range that it had, or begin anew with "mesh reset"`,
  'range-routed': p =>
    `the addresses that the mesh gives out, ${p.range}, overlap with the route ${p.route} of this host; ${p.cure}, or pass --force`,
  'subnet-bits': p => `${p.value} is no subnet: bits after the prefix are set; write its first address`,
  'subnet-outside': p => `${p.value} lies outside of ${p.range}, which is what the mesh gives out`,
  'subnet-small': p => `${p.value} is too small to give out addresses: it takes a prefix of /30 or shorter`,
  'address-taken': p => `${p.value} is held by ${p.holder} on ${p.host}; take another, or detach it there`,
  'container-unknown': p => `no container "${p.container}" here; "docker ps" lists those that run`,
  'container-not-running': p => `container "${p.container}" is ${p.state}; start it first`,
  'container-host-network': p =>
    `container "${p.container}" uses the host's network; start it without --net=host`,
  'container-gone': p => `container "${p.container}" ended while it was attached; start it and attach again`,
  'container-foreign': p =>
    `a container "${p.container}" that isn't ours is in the way; rename it, or pass --native`,
  'container-busy': p => `container "${p.container}" is being attached right now; try again`,
  'name-malformed': p => `"${p.value}" can't be a name: ${p.why}`,
  'name-outside': p =>
    `"${p.value}" is not in ${p.zone}, and what other zones hold is not the mesh's to say; write it like web or web.${p.zone}`,
  'name-elsewhere': p =>
    `${p.value} is the address of ${p.holder} on ${p.host}: name it there, so that its name ends with it`,
  'name-many': p =>
    `${p.container} would have more than ${p.limit} names; take some away with "mesh dns-remove"`,
  'name-nobodys': p =>
    `${p.value} is an address of the mesh that no container has; attach one with it, or name an address outside`,
  'name-unknown': p => `${p.what} has no such name on this host; "mesh status dns" lists them`,
  'network-unknown': p => `there is no network "${p.network}"; "mesh network ls" lists them`,
  'endpoint-unknown': p =>
    `no endpoint ${shortId(p.endpoint)} of the mesh on this host; "docker network disconnect --force" its container, and connect it again`,
  'plugin-taken': p => `something else is a Docker plugin at ${p.path}; end it, or pass --no-plugin`,
  'no-systemd': p =>
    `there is no systemd in ${p.root}, which would start a router at boot; have what starts services there run "mesh launch --native" before Docker`,
  'install-taken': p => `${p.path} is not ours; rename or remove it first`,
  'mac-taken': p => `${p.value} is in use on network "${p.network}"; take another, or none`,
  'network-name': p =>
    `"${p.value}" can't be the name of a network; it takes letters, digits, ".", "_" and "-", at most 63, the first a letter or digit`,
  'network-removed': p => `network ${p.network} was removed`,
  'network-exists': p =>
    `there is a network "${p.network}" already, with ${p.subnets}; take another name, or "mesh network rm" it first`,
  'network-default': p => `"${p.network}" is the network that every host has; "mesh reset" ends it`,
  'network-in-use': p => `network "${p.network}" is in use by ${p.holders}; detach or remove those first`,
  'network-refused': p => `Docker refused network "${p.network}": ${p.why}`,
  'network-not-sealed': p =>
    `this host can't encrypt for network "${p.network}": there is no /dev/net/tun; load the module tun, or make it on another host`,
  'network-no-room': p =>
    `no subnet of ${p.range} is left for "${p.network}"; remove a network, or launch with a smaller --ipalloc-default-subnet`,
  'subnet-overlaps': p => `${p.value} overlaps with ${p.other} of network "${p.network}"; take another`,
  'subnet-used': p =>
    `${p.value} has ${p.address} in it, which a container has on another network; take another`,
  'namespace-unknown': p => `"${p.path}" is not a network namespace: ${p.why}`,
  'interface-taken': p => `"${p.container}" has an interface ${p.name} that isn't ours; remove it first`,
  'host-interface-taken': p =>
    `this host has an interface ${p.name} that isn't ours; rename or remove it first`,
  'host-subnet-taken': p =>
    `${p.value} overlaps with ${p.other} of this host: what that leads to could not be reached any more; take another`,
  'container-is-host': p =>
    `"${p.container}" is no container but this host itself; "mesh hide" takes its addresses away`,
  'not-exposed': p =>
    `this host is not exposed${p.address === undefined ? '' : ` with ${p.address}`}; "mesh ps mesh:expose" shows with what it is`,
  'not-attached': p =>
    `"${p.container}" is not attached${p.address ? ` with ${p.address}` : ''}; see "mesh status endpoints"`,
  'docker-refused': p => `Docker gave no answer about "${p.container}": ${p.why}`,
  'docker-unreachable': p => `no Docker engine at ${p.address} (${p.why}); start it, or set DOCKER_HOST`,
  'proxy-address': p =>
    `the Docker proxy can't listen on ${p.address}: ${p.why}; free it, choose another with --proxy-listen, or pass --no-proxy`,
  'http-address': p =>
    `HTTP can't be answered at ${p.address}: ${p.why}; free it, or choose another with --http-addr or --status-addr`,
  'proxy-off': () =>
    'this router has no Docker proxy; launch it with an engine, and without --no-proxy or --no-plugin',
  'nothing-to-restore': () => 'nothing to restore: "eval $(mesh env)" was not called in this shell',
  'router-not-running': p => `no router answers on ${p.socket}; start one with "mesh launch"`,
  'router-silent': p =>
    `the router gave no answer within ${p.seconds} s: it stands still, or this host is overloaded; "mesh stop" ends it`,
  'router-running': p => `a router is running already (${p.how}); "mesh stop" ends it`,
  'router-leaving': () => 'this host is leaving the mesh; "mesh launch" it again first',
  'router-died': p => `the router ended while starting: ${p.why}`,
  'router-refused': p => `the router refused: ${p.why}`,
  'launch-failed': p => `the router could not be started: ${p.why}`,
  'port-in-use': p => `${p.protocol} port ${p.port} is in use on this host; free it or choose another`,
  'dns-port-in-use': p =>
    `another DNS server has port ${p.port} of ${p.address} (systemd-resolved, dnsmasq?); end it, or choose another place with --dns-listen-address`,
  'no-permission': p => `no permission to ${p.what}; run as root`,
  obstacles: p =>
    `${p.count} ${p.count === 1 ? 'thing stands' : 'things stand'} in the way; what helps is written beside each`,
  'kernel-lacks': p => `this kernel has no ${p.feature}; load the module or take a kernel that has it`,
  'kernel-refused': p => `the kernel refused to ${p.what}: ${p.why}`,
  'program-missing': p =>
    `no program "${p.program}" on this host; install it (Debian: apt-get install ${p.package})`,
  'state-unwritable': p => `can't write to ${p.path}: ${p.why}; make it writable or pass --state-dir`,
  'state-damaged': p =>
    `${p.path} can't be read (${p.why}) and no good copy is left; restore it, or begin anew with "mesh reset"`,
  'state-full': p => `no space left in ${p.path}; free some and try again`,
  'state-newer': p =>
    `${p.path} was written by a newer mesh (format ${p.version}, this one knows ${p.known}); upgrade, or move it away`,
  'no-host-address': () => 'no address of this host was found that others could reach; give one with --host',
  'no-such-host-address': p => `${p.value} is not an address of this host; "ip address" lists them`,
  'peer-refused': p => `${p.peer} refused the connection; is a router running there, on that port?`,
  'peer-no-route': p => `no route to ${p.peer}; check the address and this host's routes`,
  'peer-timeout': p => `${p.peer} did not answer; a firewall may drop the port, or the host is down`,
  'peer-unresolved': p => `the name in "${p.peer}" does not resolve; check it, or give an IP address`,
  'peer-wrong-password': p =>
    `${p.peer} could not be joined: wrong password? all routers need the same --password`,
  'peer-is-self': p => `${p.peer} is this router itself; give another host's address`,
  'peer-not-pinned': p => `${p.peer} is ${p.id}, which --trust does not name; add it or check the host`,
  'peer-failed': p => `${p.peer} could not be joined: ${p.why}`,
  'peer-name-taken': p => `the peer name ${p.name} is used by ${p.host} already; start with another --name`,
  'identity-cloned': p =>
    `another live router has this identity (${p.id}); was the machine cloned? "mesh reset --identity" makes a new one`,
};
