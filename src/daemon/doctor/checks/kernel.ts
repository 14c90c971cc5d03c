import { describe } from '../../../core/errors.ts';
import type { Check } from '../check.ts';

/** Whether the kernel has all that the data plane is made of: it is made once, where nobody sees it. */
export const kernel: Check = {
  name: 'kernel',
  async run({ machine }) {
    if (!machine.capable) return [];
    const features = await machine.features();
    const lacking = features.flatMap(({ name, problem }) =>
      problem === undefined ? [] : [{ name, problem }],
    );
    if (lacking.length === 0) {
      return [{ level: 'ok', what: `the kernel has ${features.map(({ name }) => name).join(', ')}` }];
    }
    return lacking.map(({ name, problem }) => ({
      level: 'problem',
      what: `this kernel can't do ${name}: ${describe(problem)}`,
      cure: 'load the module (modprobe vxlan bridge veth nf_tables nft_fib_ipv4) or take a kernel that has it',
    }));
  },
};
