/**
 * Microbatches of one batch in flight side by side: the same gradients as lockstep but for the order in which samples
 * are added up, and the same bits whatever arrives when.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, test, vi } from 'vitest';
import { evenMicrobatches, possibleMicrobatches } from '../../../compiler/5-program/pipeline.ts';
import { verify } from '../../../compiler/5-program/verify.ts';
import type { Tensor } from '../../../runtime/device/device.ts';
import type { Frame } from '../../../runtime/training/frame.ts';
import type { Program } from '../../../spec/program.ts';
import { stream } from '../../../spec/random.ts';
import { pipelinedTrainings } from '../../support/pipelined-trainings.ts';
import {
  type Compiled,
  compileText,
  openShards,
  runShards,
  runWhole,
  sampleOf,
  splitRandomly,
  splitTiled,
} from '../../support/shards.ts';

vi.setConfig({ testTimeout: 60_000 });

/** In f64 only the order of sums differs: so much of the largest element of a tensor, after four batches. */
const BOUND = 1e-9;

const cases = pipelinedTrainings();

test('some small examples can be pipelined', () => expect(cases.length).toBeGreaterThan(5));

describe.each(cases)('$name $task', ({ text, task, files }) => {
  const whole = compileText(text, task, files);
  test.each(possibleMicrobatches(whole.task.batch).slice(1, 4))(
    'trains by %i microbatches as by the whole batch',
    async (microbatches) => {
      const expected = await runWhole(whole.program);
      const compiled = compileText(text, task, files, microbatches);
      for (const [shards, seed] of [
        [2, 0],
        [3, 1],
        [8, 2],
      ] as const) {
        const split = splitRandomly(compiled, shards, seed);
        for (const shard of split) verify(shard.program);
        const parts = await runShards(whole.program, split);
        for (const [i, r] of parts.results.entries())
          expectClose(r, expected.results[i] ?? {}, `result ${i}, seed ${seed}`);
        for (const [id, values] of parts.states)
          if (expected.states.has(id))
            expectClose({ [id]: values }, { [id]: expected.states.get(id) as Tensor }, `seed ${seed}`);
      }
    },
  );
});

const TILED = readFileSync('test/golden/rule-il/model.pcn', 'utf8');

test('tiles in microbatches train as the whole batch does', async () => {
  const whole = compileText(TILED, 'il');
  const compiled = compileText(TILED, 'il', {}, 2);
  const [expected, parts] = [await runWhole(whole.program), await runShards(whole.program, splitTiled(compiled, 3, 1))];
  for (const [id, values] of parts.states)
    if (expected.states.has(id)) expectClose({ [id]: values }, { [id]: expected.states.get(id) as Tensor }, 'tiled');
});

test('parts of a batch have one size, and the last has the rest', () => {
  expect(possibleMicrobatches(7)).toEqual([1, 2, 3, 4, 7]);
  expect(possibleMicrobatches(128)).toContain(7);
  expect(evenMicrobatches(12)).toEqual([1, 2, 3, 4, 6, 12]);
  expect(evenMicrobatches(7)).toEqual([1, 7]);
  expect(evenMicrobatches(31)).toEqual(possibleMicrobatches(31));
});

describe('a batch of 7', () => {
  const text = TILED.replace(/batch( *)= \d+/, 'batch$1= 7');
  const whole = compileText(text, 'il');
  test.each([2, 3, 4])(
    'gives in %i parts, of which the last is smaller, the same sums over samples',
    async (microbatches) => {
      expect(7 % microbatches).toBeGreaterThan(0);
      const compiled = compileText(text, 'il', {}, microbatches);
      const expected = await runWhole(whole.program);
      for (const split of [splitRandomly(compiled, 2, 0), splitRandomly(compiled, 3, 1), splitTiled(compiled, 3, 1)]) {
        for (const shard of split) verify(shard.program);
        const parts = await runShards(whole.program, split);
        for (const [i, r] of parts.results.entries()) expectClose(r, expected.results[i] ?? {}, `result ${i}`);
        for (const [id, values] of parts.states)
          if (expected.states.has(id)) expectClose({ [id]: values }, { [id]: expected.states.get(id) as Tensor }, id);
      }
    },
  );
});

test.each([
  ['equal', TILED, 2],
  ['unequal', TILED.replace(/batch( *)= \d+/, 'batch$1= 7'), 3],
] as const)('weights are the same bits in any order of arrival: %s parts', async (_, text, microbatches) => {
  const whole = compileText(text, 'il');
  const compiled = compileText(text, 'il', {}, microbatches);
  const [first, ...others] = await Promise.all([0, 1, 2, 3].map((seed) => runShuffled(whole.program, compiled, seed)));
  for (const other of others) expect(other).toEqual(first);
});

/** Frames are held back and delivered in an order drawn from the seed. */
async function runShuffled(whole: Program, compiled: Compiled, seed: number): Promise<Tensor[]> {
  const split = splitRandomly(compiled, 3, 4);
  const { sessions, states } = await openShards(split);
  const train = whole.functions.find((f) => f.name === 'train');
  if (!train) throw new Error('no train');
  for (const callIndex of [0, 1, 2])
    for (const session of sessions)
      session.start({
        name: 'train',
        position: { batch: callIndex, batches: 20 },
        inputs: sampleOf(train, callIndex),
        callIndex,
        microbatch: 0,
      });
  const rng = stream(seed, 'order');
  const away: Frame[] = [];
  let draws = 0;
  let done = 0;
  while (done < 3 * sessions.length) {
    const session = sessions[rng.bits(draws++) % sessions.length];
    const step = await session?.advance();
    if (step?.kind === 'send') away.push(...step.frames);
    if (step?.kind === 'done') done++;
    for (let n = rng.bits(draws++) % 3; n > 0 && away.length > 0; n--) {
      const [frame] = away.splice(rng.bits(draws++) % away.length, 1);
      const to =
        split[0] && sessions.find((s) => s.schedule.messages.some((m) => m.id === frame?.message && m.to === s.shard));
      if (frame) expect(to?.deliver(frame)).toBeUndefined();
    }
  }
  return states();
}

function expectClose(
  found: Readonly<Record<string, Tensor>>,
  expected: Readonly<Record<string, Tensor>>,
  what: string,
): void {
  expect(Object.keys(found).sort()).toEqual(Object.keys(expected).sort());
  for (const [name, values] of Object.entries(found)) {
    const other = expected[name] ?? new Float64Array();
    const scale = Math.max(1e-12, ...Array.from(other, Math.abs));
    const worst = Math.max(0, ...Array.from(values, (v, i) => Math.abs(v - (other[i] ?? Number.NaN))));
    expect(worst / scale, `${name}: ${what}`).toBeLessThan(BOUND);
  }
}
