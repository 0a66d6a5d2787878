import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  root: fileURLToPath(new URL('..', import.meta.url)),
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/build-first.ts'],
    testTimeout: 60_000,
    pool: 'forks',
    // Half of the files wait for processes or clocks, so on two cores one at a time would leave a core idle. The others have
    // threads that spin while they wait: three at a time took longer than two.
    maxWorkers: Math.max(2, availableParallelism() - 1),
  },
});
