/** Real trainings, watched as those of a mesh are: honest ones raise no suspicion, each of several lies does. */
import { expect, test } from 'vitest';
import { HARDLY, seenLies } from '../../support/watched-lies.ts';

/** `npm run accept -- validation` for more of them. */
const SEEDS = [1, 2];
/** Of so small a batch sizes differ as much from stretch to stretch. */
const SHARE: ReadonlyMap<string, number> = new Map([['half as large again', 0.4]]);

test('honest trainings of random models raise no suspicion, lies do', async () => {
  const { honest, counted } = await seenLies(SEEDS);
  expect(honest).toEqual([]);
  expect(counted.size).toBeGreaterThan(10);
  for (const [name, { of, seen }] of counted)
    if (!HARDLY.has(name)) expect(seen / of, `${name}: ${seen} of ${of}`).toBeGreaterThanOrEqual(SHARE.get(name) ?? 1);
});
