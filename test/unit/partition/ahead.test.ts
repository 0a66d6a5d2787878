/**
 * Batches that begin before the weight step of the one before them: every batch settles on the weights that equation 7a
 * of semantics.md predicts, whatever arrives when. A loop over the undivided model, written out here, is the measure.
 */

import { readFileSync } from 'node:fs';
import { describe, expect, test, vi } from 'vitest';
import { possibleMicrobatches } from '../../../compiler/5-program/pipeline.ts';
import { verify } from '../../../compiler/5-program/verify.ts';
import { twofold } from '../../../compiler/6-partition/shards/twofold.ts';
import type { Tensor } from '../../../runtime/device/device.ts';
import { sharesOf } from '../../../runtime/shard/part.ts';
import type { Frame } from '../../../runtime/training/frame.ts';
import { LAST, MOVE, parityName } from '../../../spec/names.ts';
import type { Program } from '../../../spec/program.ts';
import { parseProgram, printProgram } from '../../../spec/program-text.ts';
import { stream } from '../../../spec/random.ts';
import { pipelinedTrainings } from '../../support/pipelined-trainings.ts';
import { openReference } from '../../support/reference.ts';
import {
  type Compiled,
  compileText,
  fillStates,
  inputsFor,
  type Outcome,
  openShards,
  positionOf,
  runShards,
  type Step,
  splitAhead,
  splitTiled,
} from '../../support/shards.ts';

vi.setConfig({ testTimeout: 60_000 });

/** In f64 only the order of sums differs: so much of the largest element of a tensor. */
const BOUND = 1e-12;

const cases = pipelinedTrainings();

/** Batches and predictions in turns: an evaluation reads the weights as they are, and no batch passes it. */
function stepsOf(program: Program): Step[] {
  const predictions = program.functions.filter((f) => f.name.startsWith('predict.')).map((f) => [f.name, 9] as const);
  const batches = (from: number, to: number): Step[] =>
    Array.from({ length: to - from }, (_, i) => ['train', from + i + 1] as const);
  return [...batches(0, 4), ...predictions, ...batches(4, 7), ...predictions];
}

const SGD = readFileSync('test/golden/rule-il/model.pcn', 'utf8');
const ADAM = SGD.replace('learn.sgd(rate = 0.1)', 'learn.adam(rate = 0.01)');
const SEVEN = ADAM.replace(/batch( *)= \d+/, 'batch$1= 7');

test('some small examples can run with a batch ahead', () => {
  expect(cases.length).toBeGreaterThan(5);
  expect(ADAM).not.toBe(SGD);
});

describe.each([
  ...cases,
  { name: 'rule-il with Adam', task: 'il', text: ADAM, files: {} },
  { name: 'rule-il, a smaller last part', task: 'il', text: SEVEN, files: {} },
])('$name $task', ({ text, task, files }) => {
  const whole = compileText(text, task, files);
  test.each(possibleMicrobatches(whole.task.batch).slice(1, 3))(
    'begins %i microbatches ahead with the bits of a plain loop',
    async (microbatches) => {
      const steps = stepsOf(whole.program);
      const compiled = compileText(text, task, files, microbatches);
      const expected = await plainLoop(whole.program, compiled.program, microbatches, steps);
      for (const [shards, seed] of [
        [1, 0],
        [2, 0],
        [3, 1],
        [8, 2],
      ] as const) {
        const split = splitAhead(compiled, shards, seed);
        for (const { program } of split) {
          verify(program);
          expect(parseProgram(printProgram(program))).toEqual(program);
        }
        expectSame(await runShards(whole.program, split, steps), expected, `${shards} shards`);
      }
    },
  );
});

test('tiles begin ahead with the same bits, too', async () => {
  const whole = compileText(ADAM, 'il');
  const compiled = compileText(ADAM, 'il', {}, 2);
  const steps = stepsOf(whole.program);
  const expected = await plainLoop(whole.program, compiled.program, 2, steps);
  const split = splitTiled(compiled, 3, 1).map(twofold);
  for (const shard of split) verify(shard.program);
  expectSame(await runShards(whole.program, split, steps), expected, 'tiled');
});

test('a run one batch ahead has other weights than one without', async () => {
  const whole = compileText(SGD, 'il');
  const steps = stepsOf(whole.program);
  const compiled = compileText(SGD, 'il', {}, 2);
  const ahead = await runShards(whole.program, splitAhead(compiled, 2, 0), steps);
  const plain = await plainLoop(whole.program, compiled.program, 2, steps, () => undefined);
  const weight = whole.program.states.find((s) => s.role === 'parameter')?.id ?? '';
  expect(ahead.states.get(weight)).not.toEqual(plain.states.get(weight));
});

/** With plain gradient descent the step can be read off an undivided batch that ran on the predicted weights. */
test('a batch that begins ahead follows equation 7a, beside the undivided training of the same model', async () => {
  const { program } = compileText(SGD, 'il');
  const session = await openReference(program);
  await fillStates(session, program);
  const weights = program.states.filter((s) => s.role === 'parameter').map((s) => s.id);
  const read = (): Promise<Tensor[]> => Promise.all(weights.map((id) => session.read(id)));
  const history = [await read()];
  for (let batch = 0; batch < 5; batch++) {
    const [now = [], before = [], earlier = []] = [history[batch], history[batch - 1], history[batch - 2]];
    const guess = now.map((w, i) =>
      batch < 2 ? (history[0]?.[i] as Tensor) : w.map((_, j) => 2 * at(before, i, j) - at(earlier, i, j)),
    );
    for (const [i, id] of weights.entries()) await session.write(id, guess[i] as Tensor);
    await session.run('train', inputsFor(program, 'train', batch + 1), positionOf(batch + 1));
    const moved = await read();
    history.push(now.map((w, i) => w.map((value, j) => value + at(moved, i, j) - at(guess, i, j))));
  }
  const compiled = compileText(SGD, 'il', {}, 2);
  const steps = [1, 2, 3, 4, 5].map((seed): Step => ['train', seed]);
  const { states } = await runShards(program, splitAhead(compiled, 2, 0), steps);
  for (const [i, id] of weights.entries())
    expectClose({ [id]: states.get(id) as Tensor }, { [id]: history[5]?.[i] as Tensor }, 'undivided');
});

const at = (all: readonly Tensor[], i: number, j: number): number => all[i]?.[j] as number;

test.each([1, 2, 3, 8])('%i shards end with the same bits in any order of arrival', async (shards) => {
  for (const [text, parts] of [
    [ADAM, 2],
    [SEVEN, 3],
  ] as const) {
    const whole = compileText(text, 'il');
    const compiled = compileText(text, 'il', {}, parts);
    const [first, ...others] = await Promise.all(
      [0, 1, 2, 3].map((seed) => runShuffled(whole.program, compiled, shards, seed)),
    );
    for (const other of others) expect(other.states).toEqual(first?.states);
    // Otherwise nothing of this says anything of batches ahead.
    if (shards > 1) expect(Math.max(...[first, ...others].map((o) => o?.ahead ?? 0))).toBeGreaterThan(0);
  }
});

/** Frames are held back and delivered in an order drawn from the seed. @returns how many of a later batch came early */
async function runShuffled(
  whole: Program,
  compiled: Compiled,
  shards: number,
  seed: number,
): Promise<{ readonly states: Tensor[]; readonly ahead: number }> {
  const split = splitAhead(compiled, shards, 2);
  const { sessions, states } = await openShards(split);
  const batches = 5;
  for (let callIndex = 0; callIndex < batches; callIndex++)
    for (const session of sessions) {
      const position = { batch: callIndex, batches: 20 };
      const inputs = inputsFor(whole, 'train', callIndex);
      session.start({ name: 'train', position, inputs, callIndex, microbatch: 0 });
    }
  const rng = stream(seed, 'order');
  const away: Frame[] = [];
  const finished = sessions.map(() => 0);
  let draws = 0;
  let ahead = 0;
  let idle = 0;
  while (finished.some((n) => n < batches)) {
    const chosen = rng.bits(draws++) % sessions.length;
    const step = await sessions[chosen]?.advance();
    const done = finished[chosen] ?? 0;
    idle = step?.kind === 'needs' || step?.kind === 'idle' ? idle + 1 : 0;
    if (step?.kind === 'done') finished[chosen] = done + 1;
    for (const frame of step?.kind === 'send' ? step.frames : []) {
      away.push(frame);
      expect(frame.callIndex - done).toBeLessThanOrEqual(1);
      if (frame.callIndex > done) ahead++;
    }
    // Frames stay away until hardly anybody can go on; of later batches come first as often as not.
    if (idle <= 2 * sessions.length && rng.bits(draws++) % 8 > 0) continue;
    const newest = Math.max(...away.map((f) => f.callIndex));
    const open = away.filter((f) => rng.bits(draws++) % 2 === 0 || f.callIndex === newest);
    const frame = open[rng.bits(draws++) % Math.max(1, open.length)];
    if (!frame) continue;
    away.splice(away.indexOf(frame), 1);
    const to = sessions.find((s) => s.schedule.messages.some((m) => m.id === frame.message && m.to === s.shard));
    expect(to?.deliver(frame)).toBeUndefined();
  }
  return { states: await states(), ahead };
}

/** Values that a batch settles on, from the weights before each step up to now. */
type Predict = (history: readonly Tensor[], batch: number) => Tensor | undefined;

/** Equation 7a: the last change that is known once more. */
const lastChange: Predict = (history, batch) => {
  const [before, earlier] = [history[batch - 1], history[batch - 2]];
  if (!before || !earlier) return history[0];
  return before.map((value, i) => value + (value - (earlier[i] as number)));
};

/**
 * The undivided model, one microbatch and one batch after the other; the weights are exchanged for predicted ones while
 * a batch settles.
 *
 * @param predict nothing: the weights as they are
 */
async function plainLoop(
  whole: Program,
  program: Program,
  parts: number,
  steps: readonly Step[],
  predict: Predict = lastChange,
): Promise<Outcome> {
  const session = await openReference(program);
  await fillStates(session, program);
  const weights = program.states.filter((s) => s.role === 'parameter').map((s) => s.id);
  const history = new Map<string, Tensor[]>();
  for (const id of weights) history.set(id, [await session.read(id)]);
  const batchOf = (name: string): number => program.functions.find((f) => f.name === name)?.batch ?? 0;
  const last = batchOf(LAST) || batchOf('train');
  const sizes = Array.from({ length: parts }, (_, i) => (i === parts - 1 ? last : batchOf('train')));
  const results: Record<string, Tensor>[] = [];
  for (const [name, seed] of steps) {
    const inputs = inputsFor(whole, name, seed);
    const position = positionOf(seed);
    if (name !== 'train') {
      results.push(await session.run(name, inputs, position));
      continue;
    }
    for (const [id, known] of history) {
      const guess = predict(known, position.batch);
      if (guess) await session.write(id, guess);
    }
    const sums: Record<string, Tensor> = {};
    for (const [i, share] of sharesOf(inputs, sizes).entries()) {
      const own = i === parts - 1 && batchOf(LAST) > 0 ? LAST : 'train';
      for (const [result, values] of Object.entries(await session.run(own, share, position)))
        sums[result] = sums[result]?.map((v, j) => v + (values[j] as number)) ?? values;
    }
    results.push(sums);
    for (const [id, known] of history) await session.write(id, known.at(-1) as Tensor);
    await session.run(MOVE, {}, position);
    for (const [id, known] of history) known.push(await session.read(id));
  }
  const states = new Map<string, Tensor>();
  for (const { id } of program.states) states.set(id, await session.read(id));
  const batch = (history.get(weights[0] ?? '')?.length ?? 0) - 1;
  for (const [id, known] of history) {
    // In two places, for the next batch and the one behind it.
    for (const next of [batch, batch + 1])
      states.set(parityName(id, next % 2 === 0 ? 'even' : 'odd'), lastChange(known, next) as Tensor);
  }
  return { results, states };
}

function expectSame(found: Outcome, expected: Outcome, what: string): void {
  for (const [i, results] of found.results.entries())
    expectClose(results, expected.results[i] ?? {}, `result ${i}, ${what}`);
  let compared = 0;
  for (const [id, values] of found.states) {
    const other = expected.states.get(id);
    // What is held twice has nothing to be compared with: it is empty between batches, or made of the rest.
    if (!other) continue;
    compared++;
    expectClose({ [id]: values }, { [id]: other }, what);
  }
  expect(compared).toBeGreaterThan(2);
}

function expectClose(
  found: Readonly<Record<string, Tensor>>,
  expected: Readonly<Record<string, Tensor>>,
  what: string,
): void {
  expect(Object.keys(found).sort()).toEqual(Object.keys(expected).sort());
  for (const [name, values] of Object.entries(found)) {
    const other = expected[name] ?? new Float64Array();
    const scale = Math.max(1e-9, ...Array.from(other, Math.abs));
    const worst = Math.max(0, ...Array.from(values, (v, i) => Math.abs(v - (other[i] ?? Number.NaN))));
    expect(worst / scale, `${name}: ${what}`).toBeLessThan(BOUND);
  }
}
