import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** Long measurements, kept out of `npm test`: npm run accept -- glyphs */
export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  test: { include: ['test/acceptance/**/*.long.ts'], testTimeout: 1_200_000, pool: 'forks' },
});
