import { defineConfig } from 'vitest/config';

/** Long measurements, kept out of `npm test`: npx vitest run --config test/acceptance/vitest.config.ts NAME */
export default defineConfig({
  test: { include: ['test/acceptance/**/*.test.ts'], testTimeout: 1_200_000, pool: 'forks' },
});
