/** What `npm run attacks` says, of some attacks and one seed each: the same in virtual time and in numbers. */
import { expect, test } from 'vitest';
import { temporaryFolder } from '../support/nmc.ts';
import type { Behaviour } from './behaviours.ts';
import { tryAll } from './kept-blocks.ts';
import { AttackSuite, behaviourCalled, SHORT } from './suite.ts';
import { attackedMesh } from './virtual-mesh.ts';

const suite = new AttackSuite(SHORT);

test('a mesh finds trainers that compute something else, and no other ones, as replays of their numbers do', async () => {
  const replayed = new Map<string, number>();
  for (const name of ['times-1.05', 'evaluations', 'labels']) {
    const behaviour = behaviourCalled(name);
    if (!behaviour) throw new Error(`there is no ${name}`);
    const row = await suite.rowOf(behaviour, 0.2);
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
  const row = await suite.rowOf(honest, 0.2);
  expect(row.otherwise).toBeGreaterThan(0);
});

test('a mesh that ends when its bad trainers are excluded says of them what one says that goes on', () => {
  const options = { seed: 2, epochs: 6, rate: 0.1, share: 0.2, acts: 'all' } as const;
  const [whole, brief] = [attackedMesh(options), attackedMesh({ ...options, brief: true })];
  expect(brief.caught).toEqual(whole.caught);
  expect([whole.phase, brief.phase]).toEqual(['done', 'running']);
});

test('another run goes on behind what was tried of seeds', async () => {
  const folder = temporaryFolder();
  const tried: string[] = [];
  const all = ['a', 'b'].map((name) => ({ name, seeds: 7, of: (seed: number) => tried.push(`${name}${seed}`) }));
  let left = 5;
  await tryAll(all, { folder, isTimeUp: () => left-- <= 0 });
  expect(tried).toEqual(['a1', 'b1', 'a2', 'b2', 'a3']);
  const found = await tryAll(all, { folder });
  expect(tried.slice(5)).toEqual(['b3', 'a4', 'b4', 'a5', 'b5', 'a6', 'b6', 'a7', 'b7']);
  expect([...found.values()].map((values) => values.length)).toEqual([7, 7]);
  expect(found.get('a')?.slice(0, 3)).toEqual([1, 3, 5]);
  const fewer = await tryAll(
    all.map((one) => ({ ...one, seeds: 3 })),
    { folder },
  );
  expect([...fewer.values()].map((values) => values.length)).toEqual([3, 3]);
});
