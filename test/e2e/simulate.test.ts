/** `nmc simulate`: from a seed, recorded, and gone through again. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { jsonLines, nmc, temporaryFolder, writeTiny } from '../support/nmc.ts';

const folder = temporaryFolder();
const model = writeTiny(folder, { epochs: 1 });

test('the recording of a simulation replays to the same effects, and a changed recording is found', async () => {
  expect((await nmc(['compile', model, '--partition', '2', '--out', 'tiny.plan'], { cwd: folder })).code).toBe(0);
  writeFileSync(join(folder, 'faults.json'), '{"lives": 20000, "away": 2000}');
  const options = ['--nodes', '4', '--seed', '3', '--faults', 'faults.json', '--record', 'events.jsonl', '--json'];
  const simulated = await nmc(['simulate', 'tiny.plan', ...options], { cwd: folder });
  expect(simulated.code, simulated.stderr + simulated.stdout).toBe(0);
  const again = await nmc(['simulate', '--replay', 'events.jsonl', '--json'], { cwd: folder });
  expect(again.code, again.stderr).toBe(0);
  const epoch = jsonLines(simulated)[0]?.epochs;
  expect(jsonLines(again).at(-1)).toMatchObject({ event: 'replayed', differences: 0, state: { phase: 'done', epoch } });
  const path = join(folder, 'events.jsonl');
  const text = readFileSync(path, 'utf8');
  const bent = text.replace(/("type":"part"[^\n]*?)"calls":25/, '$1"calls":26');
  expect(bent).not.toBe(text);
  writeFileSync(path, bent);
  const changed = await nmc(['simulate', '--replay', 'events.jsonl'], { cwd: folder });
  expect(changed.code).toBe(1);
  expect(changed.stdout).toContain('differ');
});

test('a simulation takes schedule, microbatches and borders from the plan', async () => {
  const made = await nmc(
    ['compile', model, '--partition', '2', '--microbatches', '4', '--ahead', '1', '--out', 'parts.plan'],
    { cwd: folder },
  );
  expect(made.code, made.stderr).toBe(0);
  const options = ['--batches', '10', '--record', 'parts.jsonl', '--json'];
  const simulated = await nmc(['simulate', 'parts.plan', ...options], { cwd: folder });
  expect(simulated.code, simulated.stderr + simulated.stdout).toBe(0);
  const recorded = readFileSync(join(folder, 'parts.jsonl'), 'utf8');
  expect(recorded).toContain('"schedule":"pipelined","microbatches":4,"ahead":1');
  expect(recorded).toContain('"borders":1,');
});

test('a simulation without a plan, or with a file that is not a recording, says what to do', async () => {
  const nothing = await nmc(['simulate'], { cwd: folder });
  expect(nothing).toMatchObject({ code: 2 });
  expect(nothing.stderr).toContain('name a plan');
  const wrong = await nmc(['simulate', '--replay', model], { cwd: folder });
  expect(wrong).toMatchObject({ code: 2 });
  expect(wrong.stderr).toContain('is not a recording');
});

test('a plan of free ticks is simulated as it runs, but not where its shards leave neighbours that are late', async () => {
  const free = ['compile', model, '--partition', '2', '--schedule', 'async', '--staleness', '1'];
  expect(await nmc([...free, '--out', 'free.plan'], { cwd: folder })).toMatchObject({ code: 0 });
  const options = ['--batches', '10', '--record', 'free.jsonl', '--json'];
  const simulated = await nmc(['simulate', 'free.plan', ...options], { cwd: folder });
  expect(simulated.code, simulated.stderr + simulated.stdout).toBe(0);
  expect(jsonLines(simulated)[0]).toMatchObject({ phase: 'done', violations: [] });
  const recorded = readFileSync(join(folder, 'free.jsonl'), 'utf8');
  expect(recorded).toContain('"schedule":"async","staleness":1');
  expect(recorded).toContain('"feeds":[');
  const leaving = [...free, '--late', 'absent', '--out', 'leaving.plan'];
  expect(await nmc(leaving, { cwd: folder })).toMatchObject({ code: 0 });
  const unsimulated = await nmc(['simulate', 'leaving.plan'], { cwd: folder });
  expect(unsimulated).toMatchObject({ code: 2 });
  expect(unsimulated.stderr).toContain('simulate/late');
});

test('several trainings of a plan at once share trainers, and each comes to its end', async () => {
  expect((await nmc(['compile', model, '--partition', '2', '--out', 'several.plan'], { cwd: folder })).code).toBe(0);
  const options = ['--runs', '3', '--nodes', '2', '--batches', '20', '--epochs', '1'];
  const simulated = await nmc(['simulate', 'several.plan', ...options, '--json'], { cwd: folder });
  expect(simulated.code, simulated.stderr + simulated.stdout).toBe(0);
  const [told] = jsonLines(simulated);
  expect(told?.runs).toMatchObject(['simulated', 'simulated-2', 'simulated-3'].map((run) => ({ run, phase: 'done' })));
  const said = await nmc(['simulate', 'several.plan', ...options], { cwd: folder });
  expect(said.stdout).toMatch(/simulated-3: done after \d+\.\d s/);
  // No trainer has room for a shard: all of them wait for ever.
  const none = await nmc(['simulate', 'several.plan', ...options, '--max-memory', '1'], { cwd: folder });
  expect(none.code).toBe(1);
  expect(none.stdout).toContain('simulated-2: waiting');
});

test('many seeds of a mesh with churn keep the rules, and an option that contradicts another is refused', async () => {
  expect((await nmc(['compile', model, '--partition', '2', '--out', 'churn.plan'], { cwd: folder })).code).toBe(0);
  const options = ['--nodes', '20', '--churn', '--seconds', '20', '--seeds', '2', '--seed', '5'];
  const told = await nmc(['simulate', 'churn.plan', ...options, '--json'], { cwd: folder });
  expect(told.code, told.stderr + told.stdout).toBe(0);
  const events = jsonLines(told);
  expect(events.map(({ event, seed }) => [event, seed])).toEqual([
    ['simulated', 5],
    ['simulated', 6],
    ['seeds', undefined],
  ]);
  expect(events.at(-1)).toMatchObject({ seeds: 2, broken: 0 });
  const said = await nmc(['simulate', 'churn.plan', ...options], { cwd: folder });
  expect(said.stdout).toMatch(/^seed 5: .*\nseed 6: .*\n2 seeds, \d+ kills: 0 broken; /);
  const both = await nmc(['simulate', 'churn.plan', ...options, '--faults', 'faults.json'], { cwd: folder });
  expect(both).toMatchObject({ code: 2 });
  expect(both.stderr).toContain('--churn draws the faults');
});
