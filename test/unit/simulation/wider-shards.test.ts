/** Shards that are counted at other widths do what the model does that is compiled at these. */
import { expect, test } from 'vitest';
import { batchWork, type RatedShard, rated } from '../../../runtime/cli/planning/rated-shard.ts';
import { grownWork, widerShards } from '../../../runtime/cli/planning/wider-shards.ts';
import { wholeSchedule } from '../../../runtime/shard/whole.ts';
import { type Program, sizeOf } from '../../../spec/program.ts';
import { compileText, splitRandomly } from '../../support/shards.ts';
import { SMALL } from './small-model.ts';

/** Data as large as no piece of a node is. */
const TEXT = SMALL.replaceAll('f32[4]', 'f32[101]')
  .replaceAll('f32[2]', 'f32[103]')
  .replace('x -> h -> y', 'x -> h -> g -> y');
/** Of two hidden nodes, which may be as wide as a batch is long. */
const at = (wide: number) =>
  compileText(TEXT.replace('node h: f32[3]', `node h: f32[${wide}] = nodes.gaussian()\n  node g: f32[${wide}]`), 'il');
const wholeOf = (model: { readonly program: Program }) =>
  rated({ program: model.program, schedule: wholeSchedule(model.program) });

test('weights, values and products grow with the widths of nodes, and data stays what it is', () => {
  for (const wide of [6, 8]) {
    const [found] = widerShards([wholeOf(at(wide))], 4) ?? [];
    const real = wholeOf(at(4 * wide));
    expect(found?.state).toBe(real.state);
    for (const [name, { flops, operations, values }] of real.work)
      expect(found?.work.get(name)).toMatchObject({ flops, operations, values });
    // Biases, which are as long as a batch here, may be taken for values.
    expect((found?.work.get('train')?.bytes ?? 0) / (real.work.get('train')?.bytes ?? 1)).toBeCloseTo(1, 1);
  }
});

test('shards grow with all that they have, and a model in one shard as its parts do together', () => {
  const small = splitRandomly(at(16), 2, 1).map(rated);
  const wide = widerShards(small, 4) ?? [];
  const large = batchWork(wholeOf(at(64)));
  expect(wide.reduce((sum, { state }) => sum + state, 0)).toBe(large.state);
  const values = (shards: readonly RatedShard[]): number[] =>
    shards.flatMap(({ schedule }) => schedule.messages.flatMap((m) => m.values.map(({ shape }) => sizeOf(shape))));
  const data = [8 * 101, 8 * 103];
  expect(values(wide)).toEqual(values(small).map((size) => (data.includes(size) ? size : 4 * size)));
  const whole = grownWork(batchWork(wholeOf(at(16))), small, wide);
  expect(whole.state).toBe(large.state);
  expect(Math.abs(whole.flops / large.flops - 1)).toBeLessThan(0.1);
});

test('matrices that no cache keeps are read where widths make them so large', () => {
  const shards = [wholeOf(at(8))];
  expect(batchWork(shards[0] as (typeof shards)[number])).not.toHaveProperty('readBytes');
  const wide = widerShards(shards, 256) ?? [];
  expect(grownWork(batchWork(shards[0] as (typeof shards)[number]), shards, wide).readBytes).toBeGreaterThan(4e6);
});

test('widths that nothing tells apart from other sizes are not guessed', () => {
  const whole = wholeOf(at(8));
  const kernels = whole.program.states.map((state) => ({ ...state, shape: [8, 8, 3, 3] }));
  expect(widerShards([{ ...whole, program: { ...whole.program, states: kernels } }], 2)).toBeUndefined();
  const data = whole.program.states.map((state) => ({ ...state, shape: [101, 103] }));
  expect(widerShards([{ ...whole, program: { ...whole.program, states: data } }], 2)).toBeUndefined();
});
