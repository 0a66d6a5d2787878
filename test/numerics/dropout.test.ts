/** `nodes.dropout`: masks by counters, constant over ticks, the same on every device and in every cut (equation 14g). */
import { describe, expect, test } from 'vitest';
import { runPasses } from '../../compiler/5-program/passes/index.ts';
import { pipelineProblem } from '../../compiler/5-program/pipeline.ts';
import { buildProgram } from '../../compiler/compile.ts';
import { memoryDataset } from '../../runtime/data/dataset.ts';
import { withSampleNumbers } from '../../runtime/data/sample-numbers.ts';
import type { FieldData, Tensor } from '../../runtime/device/device.ts';
import { SAMPLE_NUMBER } from '../../spec/names.ts';
import type { Program } from '../../spec/program.ts';
import { stream, uniformAt } from '../../spec/random.ts';
import { checked } from '../support/check-source.ts';
import { openCpu } from '../support/cpu.ts';
import { openReference } from '../support/reference.ts';
import { trainProgram } from '../support/run-program.ts';
import { compileText, runShards, runWhole, splitRandomly, splitTiled } from '../support/shards.ts';
import { fieldNumbers } from '../support/small-training.ts';
import { openWebGpu } from '../support/webgpu.ts';

const [IN, HIDDEN, OUT, BATCH, TICKS, GAMMA, ALPHA] = [5, 6, 3, 4, 3, 0.2, 0.1];

const text = (method = `learn.il(steps = ${TICKS}, rate = ${GAMMA})`, share = 0.4): string => `pcn 1
import std/nodes
import std/links
import std/learn
import std/data
model m {
  sense x: f32[${IN}]
  node a: f32[${IN}] = nodes.dropout(${share})
  node h: f32[${HIDDEN}]
  node d: f32[${HIDDEN}] = nodes.dropout(${share})
  node y: f32[${OUT}]
  link x -> a = links.identity()
  link a -> h = links.dense(bias = false)
  link h -> d = links.identity()
  link d -> y = links.dense(bias = false)
}
train t of m on data.file("x.npz", x = f32[${IN}], y = f32[${OUT}]) {
  clamp x = sample.x
  clamp y = sample.y
  method = ${method}
  optimizer = learn.sgd(rate = ${ALPHA})
  batch = ${BATCH}
  epochs = 1
}
predict p of m {
  clamp x = input.x
  read z = y
}
`;

function programOf(source: string): Program {
  const all = checked(source);
  const [task] = all.trains;
  if (!task) throw new Error('no task');
  return runPasses(buildProgram({ checked: all, model: task.model, task, predicts: all.predicts }).lowered);
}

const trainingOf = (program: Program): Program => ({
  ...program,
  functions: program.functions.filter((f) => f.name === 'train'),
});

/** Philox-2x32-10 in whole numbers of any size, as the paper has it. */
function chanceByHand(element: number, row: number, key: number): number {
  const word = 1n << 32n;
  let [left, right, k] = [BigInt(element), BigInt(row), BigInt(key)];
  for (let round = 0; round < 10; round++) {
    const product = 0xd256d193n * left;
    [left, right, k] = [(product / word) ^ k ^ right, product % word, (k + 0x9e3779b9n) % word];
  }
  return Number(left >> 8n) / 2 ** 24;
}

/** Factors of the elements of a node, sample by sample. */
function maskByHand(node: string, width: number, numbers: FieldData, batch: number, share: number): number[][] {
  const own = stream(0, `value ${node}:kept:0`).bits(0);
  const key = (own + 7114389 * batch) % 2 ** 24;
  return [...numbers].map((number) =>
    Array.from({ length: width }, (_, e) => (chanceByHand(e, number, key) < share ? 0 : 1 / (1 - share))),
  );
}

const times = (w: readonly number[], v: readonly number[]): number[] =>
  Array.from({ length: w.length / v.length }, (_, i) =>
    v.reduce((sum, x, j) => sum + x * (w[i * v.length + j] as number), 0),
  );
const back = (w: readonly number[], e: readonly number[]): number[] => {
  const width = w.length / e.length;
  return Array.from({ length: width }, (_, j) => e.reduce((sum, x, i) => sum + x * (w[i * width + j] as number), 0));
};
const minus = (a: readonly number[], b: readonly number[]): number[] => a.map((x, i) => x - (b[i] as number));
const by = (a: readonly number[], b: readonly number[]): number[] => a.map((x, i) => x * (b[i] as number));

/** Inference learning of the two matrices, with both masks. */
function byHand(
  { functions: [train] }: Program,
  before: ReadonlyMap<string, Tensor>,
  batches: number,
  share: number,
): readonly [number[], number[]] {
  if (!train) throw new Error('no training');
  let [first, second] = [[...(before.get('a->h.w') ?? [])], [...(before.get('d->y.w') ?? [])]];
  for (let batch = 0; batch < batches; batch++) {
    const fields = fieldNumbers(train, batch);
    const numbers = fields[SAMPLE_NUMBER] as FieldData;
    const [onA, onD] = [maskByHand('a', IN, numbers, batch, share), maskByHand('d', HIDDEN, numbers, batch, share)];
    const [ofFirst, ofSecond] = [first.map(() => 0), second.map(() => 0)];
    for (let s = 0; s < BATCH; s++) {
      const row = (field: string, width: number): number[] =>
        [...(fields[field] as FieldData)].slice(s * width, (s + 1) * width);
      const [a, y, mask] = [by(row('x', IN), onA[s] as number[]), row('y', OUT), onD[s] as number[]];
      const mu = times(first, a);
      let z = mu;
      const error = (): number[] => minus(y, times(second, by(mask, z)));
      for (let tick = 0; tick < TICKS; tick++) {
        const pulled = by(mask, back(second, error()));
        z = z.map((v, i) => v + GAMMA * ((mu[i] as number) - v + (pulled[i] as number)));
      }
      const [e, eps, d] = [error(), minus(z, mu), by(mask, z)];
      eps.forEach((v, i) => {
        a.forEach((x, j) => {
          ofFirst[i * IN + j] = (ofFirst[i * IN + j] as number) + (v * x) / BATCH;
        });
      });
      e.forEach((v, i) => {
        d.forEach((x, j) => {
          ofSecond[i * HIDDEN + j] = (ofSecond[i * HIDDEN + j] as number) + (v * x) / BATCH;
        });
      });
    }
    first = first.map((w, i) => w + ALPHA * (ofFirst[i] as number));
    second = second.map((w, i) => w + ALPHA * (ofSecond[i] as number));
  }
  return [first, second];
}

describe('dropout', () => {
  const program = trainingOf(programOf(text()));

  test.each([
    ['reference', 1e-12, openReference],
    ['cpu', 1e-5, openCpu],
    ['webgpu', 1e-5, openWebGpu],
  ] as const)('is a mask of each sample in each batch, constant over ticks: %s', async (_, bound, open) => {
    const { states: before } = await trainProgram(openReference, program, 0);
    const share = Math.round(0.4 * 2 ** 24) / 2 ** 24;
    const [first, second] = byHand(program, before, 3, share);
    const { states } = await trainProgram(open, program, 3);
    for (const [name, wanted] of [
      ['a->h.w', first],
      ['d->y.w', second],
    ] as const)
      for (const [i, w] of wanted.entries())
        expect(Math.abs((states.get(name)?.[i] as number) - w), `${name} ${i}`).toBeLessThan(bound);
  });

  test('draws once a batch, before the ticks', () => {
    const drawing = program.functions.flatMap((f) => f.blocks.filter((b) => b.ops.some((op) => op.op === 'chance')));
    expect(drawing.map((b) => b.name)).toEqual(['start']);
    expect(drawing[0]?.ops.filter((op) => op.op === 'chance')).toHaveLength(2);
  });

  test('does nothing in predictions', () => {
    const predicting = (source: string): readonly (readonly unknown[])[] => {
      const functions = programOf(source).functions.filter((f) => f.name === 'predict.p');
      return functions.flatMap((f) => [
        f.inputs,
        ...f.blocks.flatMap((b) => b.ops.map(({ op, shape }) => [op, shape])),
      ]);
    };
    expect(predicting(text())).toHaveLength(3);
    expect(predicting(text())).toEqual(predicting(text(undefined, 0)));
  });

  test.each([`learn.il(steps = ${TICKS}, rate = ${GAMMA})`, 'learn.fixed_prediction(steps = 2)'])(
    'is the same over shards, tiles and microbatches: %s',
    async (method) => {
      const compiled = compileText(text(method));
      expect(pipelineProblem(compiled.graph, compiled.task)).toBeUndefined();
      const whole = await runWhole(compiled.program);
      const divided = splitRandomly(compileText(text(method), undefined, {}, 2), 3, 1);
      for (const split of [splitRandomly(compiled, 3, 1), splitTiled(compiled, 3, 2), divided]) {
        const { states } = await runShards(compiled.program, split);
        for (const [id, values] of whole.states)
          for (const [i, v] of values.entries()) expect(states.get(id)?.[i], `${id} ${i}`).toBeCloseTo(v, 10);
      }
    },
  );

  test('draws by numbers that differ for samples and seeds, where a training reads them', () => {
    const data = memoryDataset('d', 'here', [
      { field: { name: 'v', type: 'u8', shape: [] }, data: new Uint8Array(1000) },
    ]);
    const numbers = (seed: number): Int32Array => {
      const out = new Int32Array(1000);
      const rows = Array.from({ length: 1000 }, (_, i) => i);
      withSampleNumbers(data, [{ name: SAMPLE_NUMBER }], seed).gather(SAMPLE_NUMBER, rows, out);
      return out;
    };
    expect(new Set(numbers(1)).size).toBe(1000);
    expect(numbers(1)).not.toEqual(numbers(2));
    expect(Math.max(...numbers(1))).toBeLessThan(2 ** 24);
    expect(withSampleNumbers(data, [{ name: 'v' }], 1)).toBe(data);
  });

  test('is drawn evenly, by the words of Philox', () => {
    const drawn = Array.from({ length: 3000 }, (_, i) => uniformAt(i % 50, Math.floor(i / 50), 7));
    drawn.slice(0, 60).forEach((u, i) => {
      expect(u).toBe(chanceByHand(i % 50, Math.floor(i / 50), 7));
    });
    expect(drawn.filter((u) => u < 0.4).length / 3000).toBeCloseTo(0.4, 1);
  });
});
