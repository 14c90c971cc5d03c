import type { Check } from '../check.ts';

/** Whether this process may do what a router does. */
export const permission: Check = {
  name: 'permission',
  async run({ machine }) {
    if (machine.capable) return [{ level: 'ok', what: 'this user may change networks and namespaces' }];
    const what =
      'this user may not change networks and namespaces (NET_ADMIN, NET_RAW, SYS_ADMIN), nor look at all there is';
    return [{ level: 'problem', what, cure: 'run as root' }];
  },
};
