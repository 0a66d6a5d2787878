/** What `npm run attacks` says, of some attacks and one seed each: the same in virtual time and in numbers. */
import { expect, test } from 'vitest';
import type { Behaviour } from './behaviours.ts';
import { AttackSuite, behaviourCalled, SHORT } from './suite.ts';

const suite = new AttackSuite(SHORT);

test('a mesh finds trainers that compute something else, and no other ones, as replays of their numbers do', async () => {
  const replayed = new Map<string, number>();
  for (const name of ['times-1.05', 'evaluations', 'labels']) {
    const behaviour = behaviourCalled(name);
    if (!behaviour) throw new Error(`there is no ${name}`);
    const [row] = await suite.rowsOf(behaviour);
    if (!row) throw new Error('no share is tried');
    expect(row, name).toMatchObject({ detected: 1, punished: 0, otherwise: 0, broke: 0 });
    expect(row.of, name).toBeGreaterThan(0);
    expect(row.profit, name).toBeLessThan(0);
    replayed.set(name, row.replayed);
  }
  for (const [name, audits] of replayed) expect(audits, name).toBeGreaterThan(20);
});

test('numbers tell where virtual time takes for granted what is not so', async () => {
  const honest: Behaviour = {
    name: 'honest',
    family: 'lazy',
    what: '',
    saves: 0,
    acts: 'all',
    run: (run) => run.honest(),
  };
  const [row] = await suite.rowsOf(honest);
  expect(row?.otherwise).toBeGreaterThan(0);
});
