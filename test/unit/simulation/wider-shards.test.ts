/** Shards that are counted at other widths do what the model does that is compiled at these. */
import { expect, test } from 'vitest';
import { batchWork, rated } from '../../../runtime/cli/planning/rated-shard.ts';
import { grownWork, widerShards } from '../../../runtime/cli/planning/wider-shards.ts';
import { wholeSchedule } from '../../../runtime/shard/whole.ts';
import type { Program } from '../../../spec/program.ts';
import { compileText, splitTiled } from '../../support/shards.ts';
import { SMALL } from './small-model.ts';

/** Of two hidden nodes; one of them is as wide as a batch. */
const at = (wide: number) =>
  compileText(
    SMALL.replace('node h: f32[3]', `node h: f32[${wide}] = nodes.gaussian()\n  node g: f32[${wide}]`).replace(
      'x -> h -> y',
      'x -> h -> g -> y',
    ),
    'il',
  );
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

test('shards grow as they would be cut, and a model in one shard as its parts do together', () => {
  const [small, real] = [8, 32].map((wide) => splitTiled(at(wide), 2, 1).map(rated)) as [
    ReturnType<typeof rated>[],
    ReturnType<typeof rated>[],
  ];
  const wide = widerShards(small, 4) ?? [];
  expect(wide.map(({ state }) => state)).toEqual(real.map(({ state }) => state));
  expect(wide.map((shard) => batchWork(shard).flops)).toEqual(real.map((shard) => batchWork(shard).flops));
  const messages = (of: typeof wide) =>
    of.map(({ schedule }) => schedule.messages.map(({ values }) => values.map((v) => v.shape)));
  expect(messages(wide)).toEqual(messages(real));
  const whole = grownWork(batchWork(wholeOf(at(8))), small, wide);
  const large = batchWork(wholeOf(at(32)));
  expect(whole.state).toBe(large.state);
  expect(whole.flops / large.flops).toBeCloseTo(1, 1);
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
  const data = whole.program.states.map((state) => ({ ...state, shape: [4, 2] }));
  expect(widerShards([{ ...whole, program: { ...whole.program, states: data } }], 2)).toBeUndefined();
});
