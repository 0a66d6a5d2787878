import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/**
 * Files that share a process one after the other, with the modules that those before have loaded and run warm: a process
 * for each took twice as long. They leave nothing behind in it: no settings, no mocks of modules, no threads.
 */
const TOGETHER = ['test/*.test.ts', 'test/{unit,golden}/**/*.test.ts', 'test/mesh/!(nats-*).test.ts'];
/** Of those, the ones that measure their process, or end something in it. */
const ALONE: string[] = [];

const usual = { testTimeout: 60_000, pool: 'forks' } as const;

export default defineConfig({
  root: fileURLToPath(new URL('..', import.meta.url)),
  test: {
    globalSetup: ['test/support/one-folder.ts', 'test/support/build-first.ts'],
    // Half of the files wait for processes or clocks, so on two cores one at a time would leave a core idle. The others have
    // threads that spin while they wait: three at a time took longer than two.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    projects: [
      // Begun first, by its name: what takes longest is over before the many short ones.
      { test: { ...usual, name: 'apart', include: ['test/**/*.test.ts'], exclude: TOGETHER } },
      { test: { ...usual, name: 'together', include: TOGETHER, exclude: ALONE, isolate: false } },
    ],
  },
});
