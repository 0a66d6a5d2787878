/** Plans of several shards: as many as asked for, the same bytes every time, and nothing odd in a schedule is let in. */

import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { type BuiltPlan, planBytes } from '../../../compiler/8-plan/build.ts';
import { buildProgram } from '../../../compiler/compile.ts';
import { openPlan } from '../../../runtime/cli/planning/open-plan.ts';
import { writePlan } from '../../../runtime/plan/write-plan.ts';
import type { Plan } from '../../../spec/plan.ts';
import type { ShardSchedule } from '../../../spec/schedule.ts';
import { builtPlanOrWhyNot } from '../../support/built-plans.ts';
import { checked } from '../../support/check-source.ts';
import { shardedPlan } from '../../support/sharded-plans.ts';
import { SMALL_MEMORY } from '../../support/small-memory.ts';
import { opening } from '../plan/make-plan.ts';

vi.setConfig({ testTimeout: 60_000 });

const all = checked(readFileSync('dsl-examples/digits.pcn', 'utf8'), { set: { hidden: '12' } });
const [task] = all.trains;

function build(shards: number, microbatches = 1, ahead = 0): ReturnType<typeof builtPlanOrWhyNot> {
  if (!task) throw new Error('no task');
  const selected = { checked: all, model: task.model, task, predicts: all.predicts };
  const staged = { ...buildProgram(selected, { microbatches: microbatches }), ahead };
  return builtPlanOrWhyNot(staged, { shards });
}

function built(shards: number, microbatches = 1, ahead = 0): BuiltPlan {
  const result = build(shards, microbatches, ahead);
  if (result.kind !== 'plan') throw new Error(result.reason);
  return result.built;
}

let folder = '';
let three: BuiltPlan | undefined;
/** A batch of 64 in seven parts: six of 10, one of 4. */
let uneven: BuiltPlan | undefined;
/** The same, each batch begun on predicted weights. */
let begun: BuiltPlan | undefined;
afterEach(() => {
  if (folder !== '') rmSync(folder, { recursive: true });
  folder = '';
});

/** Writes a plan of three shards in which one schedule was changed, with hashes that are right. */
function forged(change: (schedule: ShardSchedule) => unknown, source?: BuiltPlan): string {
  three ??= built(3);
  const { plan, files } = source ?? three;
  const path = 'shards/1/schedule.json';
  const changed = new Map(files);
  const old = JSON.parse(new TextDecoder().decode(files.get(path))) as ShardSchedule;
  const bytes = new TextEncoder().encode(JSON.stringify(change(old)));
  changed.set(path, bytes);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const entries: Plan['files'] = plan.files.map((f) => (f.path === path ? { path, sha256, bytes: bytes.length } : f));
  folder = mkdtempSync(join(tmpdir(), 'shards-'));
  writePlan(folder, planBytes({ ...plan, files: entries }), changed);
  return opening(folder);
}

test.each([2, 3, 8])('%i shards give the same bytes twice', (shards) => {
  const [a, b] = [built(shards), built(shards)];
  expect(a.plan.shards).toHaveLength(shards);
  expect(Buffer.from(planBytes(a.plan)).equals(Buffer.from(planBytes(b.plan)))).toBe(true);
  expect(a.plan.shards.every((s) => s.nodes.length > 0)).toBe(true);
  folder = mkdtempSync(join(tmpdir(), 'shards-'));
  writePlan(folder, planBytes(a.plan), a.files);
  expect(openPlan(folder).schedules).toHaveLength(shards);
});

test('a cut into more parts than there are says how many there can be', () => {
  const result = build(100_000);
  expect(result.kind === 'impossible' && result.reason).toContain('at most');
});

test.each<[string, (s: ShardSchedule) => unknown]>([
  ['no schedule at all', () => 7],
  ['of another shard', (s) => ({ ...s, shard: 0 })],
  ['without its messages', (s) => ({ ...s, messages: [] })],
  [
    'a message of another shape',
    (s) => ({ ...s, messages: s.messages.map((m) => ({ ...m, values: m.values.map((v) => ({ ...v, shape: [3] })) })) }),
  ],
  [
    'a segment that does not exist',
    (s) => ({
      ...s,
      functions: s.functions.map((f) => ({
        ...f,
        stages: f.stages.map((g) => ({ ...g, segments: g.segments.map((x) => ({ ...x, run: 'rm' })) })),
      })),
    }),
  ],
  [
    'nothing received',
    (s) => ({
      ...s,
      functions: s.functions.map((f) => ({
        ...f,
        stages: f.stages.map((g) => ({ ...g, segments: g.segments.map((x) => ({ ...x, receive: [] })) })),
      })),
    }),
  ],
  [
    'another number of ticks',
    (s) => ({
      ...s,
      functions: s.functions.map((f) => ({ ...f, stages: f.stages.map((g) => ({ ...g, repeat: g.repeat + 1 })) })),
    }),
  ],
  [
    'a huge number of ticks',
    (s) => ({
      ...s,
      functions: s.functions.map((f) => ({ ...f, stages: f.stages.map((g) => ({ ...g, repeat: 1e12 })) })),
    }),
  ],
  ['without functions', (s) => ({ ...s, functions: [] })],
])('a schedule is refused: %s', (_, change) => {
  expect(forged(change)).toMatch(/^plan\/format/);
});

type ShardFunction = ShardSchedule['functions'][number];
const ofTrain = (name: string, change: (f: ShardFunction) => unknown) => (s: ShardSchedule) => ({
  ...s,
  functions: s.functions.map((f) => (f.name === name ? change(f) : f)),
});

test.each<[string, (s: ShardSchedule) => unknown]>([
  ['no function', (s) => ({ ...s, functions: s.functions.filter((f) => f.name !== 'train.last') })],
  ['another function', ofTrain('train', (f) => ({ ...f, last: 'predict.classify' }))],
  ['itself', ofTrain('train', (f) => ({ ...f, last: 'train' }))],
  ['no function that names it', ofTrain('train', ({ last: _, ...f }) => f)],
  ['one of another size', ofTrain('train.last', (f) => ({ ...f, batch: 5 }))],
  ['a microbatch too many', ofTrain('train', (f) => ({ ...f, microbatches: 8 }))],
  ['one without results', ofTrain('train.last', (f) => ({ ...f, results: [] }))],
])('a last microbatch for %s is refused', (_, change) => {
  uneven ??= built(3, 7);
  expect(forged(change, uneven)).toMatch(/^plan\/format/);
});

const withOdd = (change: (odd: Readonly<Record<string, string>>) => unknown, name = 'train') =>
  ofTrain(name, ({ odd = {}, ...f }) => ({ ...f, odd: change(odd) }));

test.each<[string, (s: ShardSchedule) => unknown]>([
  ['that no segments are for', ofTrain('train', ({ odd: _, ...f }) => f)],
  ['whose last part runs what even ones run', ofTrain('train.last', ({ odd: _, ...f }) => f)],
  ['that run segments of even ones', withOdd(() => ({}))],
  [
    'that run one segment of even ones',
    withOdd((odd) => ({ ...odd, [Object.keys(odd)[1] ?? '']: Object.keys(odd)[0] })),
  ],
  [
    'that run a segment that does not exist',
    withOdd((odd) => Object.fromEntries(Object.keys(odd).map((n) => [n, `${n}.rm`]))),
  ],
  [
    'that run other segments',
    withOdd((odd) => Object.fromEntries(Object.keys(odd).map((n) => [n, Object.values(odd).at(-1)]))),
  ],
  ['that have no weight step', ofTrain('train', ({ after: _, ...f }) => f)],
  ['of predictions', (s) => ({ ...s, functions: s.functions.map((f) => ({ ...f, odd: {} })) })],
])('odd batches %s are refused', (_, change) => {
  begun ??= built(3, 7, 1);
  expect(forged(change, begun)).toMatch(/^plan\/format/);
});

test('batches ahead are refused where the plan says nothing of them', () => {
  begun ??= built(3, 7, 1);
  const { ahead, ...training } = begun.plan.training ?? {};
  expect(ahead).toBe(1);
  const plan = { ...begun.plan, training: training as NonNullable<Plan['training']> };
  expect(forged((s) => s, { ...begun, plan })).toMatch(/^plan\/format/);
  const memory = (of: BuiltPlan): number => of.plan.shards.reduce((sum, s) => sum + s.memory, 0);
  uneven ??= built(3, 7);
  // Two more places for weights, one for sums; what goes between shards twice.
  expect(memory(begun)).toBeGreaterThan(1.2 * memory(uneven));
  expect(memory(begun)).toBeLessThan(2.5 * memory(uneven));
  expect(begun.plan.shards.map((s) => s.parameterCount)).toEqual(uneven.plan.shards.map((s) => s.parameterCount));
});

test('an unchanged schedule is accepted', () => {
  expect(forged((s) => s)).toBe('accepted');
  uneven ??= built(3, 7);
  rmSync(folder, { recursive: true });
  expect(uneven.plan.training?.microbatches).toBe(7);
  expect(forged((s) => s, uneven)).toBe('accepted');
  begun ??= built(3, 7, 1);
  rmSync(folder, { recursive: true });
  expect(forged((s) => s, begun)).toBe('accepted');
});

test('a plan in which the weights of a tile lie with other tiles is read back', () => {
  const { plan, files } = shardedPlan(SMALL_MEMORY, 11);
  expect(plan.shards.some((s) => s.parameters.some((p) => /\/\d+\/\d+$/.test(p.name)))).toBe(true);
  folder = mkdtempSync(join(tmpdir(), 'shards-'));
  writePlan(folder, planBytes(plan), files);
  expect(openPlan(folder).schedules).toHaveLength(11);
});
