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
    // Half of the files wait for processes or clocks: as many workers as cores would leave cores idle.
    maxWorkers: availableParallelism() + 1,
  },
});
