/** States that copy another: they begin as it does, wherever it begins from, tile by tile. */
import { expect, test } from 'vitest';
import { stateProblem } from '../../../runtime/plan/sound-states.ts';
import { type Beginning, fillStates, saveStates } from '../../../runtime/shard/shard.ts';
import type { NamedTensor } from '../../../runtime/store/safetensors.ts';
import { initialValues } from '../../../spec/initialise.ts';
import type { Initializer, Program, State } from '../../../spec/program.ts';
import { openReference } from '../../support/reference.ts';

const SHAPE = [6, 4];
const tileOf = (of: string) => ({ of, shape: SHAPE, axis: 0, from: 2 });
const SPARSITY = {
  weight: 'w',
  topology: 'random',
  arguments: { density: 0.5 },
  stream: 'a->b',
  seed: 3,
  offset: 0,
  total: 4,
  density: 0.5,
} as const;

const NORMAL: Initializer = { kind: 'normal', std: 1 };

/** A parameter, or its rows from 2 on, and a copy of it. */
function pair(init: Initializer, tile: boolean): readonly [State, State] {
  const id = tile ? 'a->b.w/1' : 'a->b.w';
  const shape = tile ? [3, 4] : SHAPE;
  const weight: State = { id, shape, role: 'parameter', init, ...(tile && { slice: tileOf('a->b.w') }) };
  const copy: State = {
    ...weight,
    id: `${id}@odd`,
    role: 'optimizer',
    init: { kind: 'copy', state: 'a->b.w', of: init },
    ...(tile && { slice: tileOf('a->b.w@odd') }),
  };
  return [weight, copy];
}

const cases: readonly (readonly [string, Initializer, boolean])[] = [
  ['drawn', NORMAL, false],
  ['drawn, a tile', NORMAL, true],
  ['a constant', { kind: 'constant', value: 0 }, false],
  ['thinned', { kind: 'thinned', of: NORMAL, sparsity: SPARSITY }, false],
  ['thinned, a tile', { kind: 'thinned', of: NORMAL, sparsity: SPARSITY }, true],
];

const seeded: Beginning = { seed: 7, statistics: new Map() };
const given = (name: string, valueAt = (i: number) => i + 1): NamedTensor => {
  const data = Float32Array.from({ length: 24 }, (_, i) => valueAt(i));
  return { name, dtype: 'F32', shape: SHAPE, data };
};

async function begun(states: readonly State[], beginning: Beginning): Promise<readonly number[][]> {
  const program: Program = { name: 'copies', states, functions: [] };
  const session = await openReference(program);
  await fillStates(session, states, beginning);
  return Promise.all(states.map(async ({ id }) => [...(await session.read(id))]));
}

test.each(cases)('a copy begins as its weight: %s', async (_, init, tile) => {
  const [weight, copy] = pair(init, tile);
  expect(stateProblem(copy)).toBeUndefined();
  expect(initialValues(copy, 7)).toEqual(initialValues(weight, 7));
  const whole = given('a->b.w');
  for (const beginning of [seeded, { ...seeded, weights: [whole] }, { tensors: [whole] }]) {
    const [first, second] = await begun([weight, copy], beginning);
    expect(second).toEqual(first);
    expect(new Set(first).size > 1).toBe(init.kind !== 'constant' || beginning !== seeded);
  }
});

test('a copy that was saved keeps its own values, whole or in tiles', async () => {
  for (const tile of [false, true]) {
    const states = pair(NORMAL, tile);
    const tensors = [given('a->b.w'), given('a->b.w@odd', () => 5)];
    const [weight, copy] = await begun(states, { tensors });
    expect(copy).toEqual(weight?.map(() => 5));
  }
});

test('a copy is saved beside the parameters, not among them', async () => {
  const states = pair(NORMAL, false);
  const session = await openReference({ name: 'copies', states, functions: [] });
  await fillStates(session, states, seeded);
  const { parameters, auxiliary } = await saveStates(session, states);
  expect([parameters.map((t) => t.name), auxiliary.map((t) => t.name)]).toEqual([['a->b.w'], ['a->b.w@odd']]);
});

test('copies of what does not exist, and of copies, are refused', () => {
  const [, copy] = pair(NORMAL, false);
  const refused = (init: unknown): string | undefined => stateProblem({ ...copy, init: init as Initializer });
  expect(refused({ kind: 'copy', of: NORMAL })).toBe('is a copy without an original');
  expect(refused({ kind: 'copy', state: 'a->b.w', of: copy.init })).toBe('is a copy of a copy');
  expect(refused({ kind: 'copy', state: 'a->b.w' })).toBe('has no beginning');
});
