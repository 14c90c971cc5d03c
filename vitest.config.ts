import { defineConfig } from 'vitest/config';

/** One project a test level (see CONTRIBUTING.md). Labs have fixed networks and many processes: one file at a time. */
const limits = { testTimeout: 120_000, hookTimeout: 240_000 };
const serial = { ...limits, fileParallelism: false };

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts', 'test/contract/**/*.fake.test.ts'],
          // Property tests and whole processes take their time where other work shares the machine.
          testTimeout: 60_000,
          // The longest of them wait for processes and deadlines most of the time.
          maxWorkers: 4,
        },
      },
      { test: { name: 'sim', include: ['test/sim/**/*.test.ts'], ...limits, maxWorkers: 2 } },
      // Each test has namespaces of its own, and mostly waits.
      {
        test: { name: 'kernel', include: ['test/contract/**/*.kernel.test.ts'], ...limits, maxWorkers: 4 },
      },
      { test: { name: 'lab', include: ['test/lab/**/*.test.ts'], ...serial } },
      // Within the machine that test/vm/run boots.
      { test: { name: 'vm', include: ['test/vm/**/*.test.ts'], ...serial } },
      { test: { name: 'docker', include: ['test/docker/**/*.test.ts'], ...serial } },
    ],
  },
});
