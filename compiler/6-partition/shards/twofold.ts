/**
 * `ahead = 1`: a batch settles on predicted weights, so that it can begin before the weight step of the one before it
 * (semantics.md, equation 7a). Two batches are then in flight, and each finds what belongs to it alone in a place of
 * its own, by whether its number is even or odd: predicted weights, sums of gradients, what is held of them. Everything
 * else is as it was: the weights themselves, their optimiser's states, every message.
 */
import { LAST, oddSegmentName, type Parity, parityName, TRAIN, weightOrigin } from '../../../spec/names.ts';
import type { Block, Op, ProgramFunction, State } from '../../../spec/program.ts';
import { runsIn, type ShardFunction, type Stage } from '../../../spec/schedule.ts';
import { assignSlots } from '../../5-program/passes/slots.ts';
import type { ShardProgram } from './split.ts';

const oddName = (name: string): string => parityName(name, 'odd');

/** @param shard of a pipelined training, with a weight step behind its microbatches */
export function twofold({ program, schedule }: ShardProgram): ShardProgram {
  const byName = new Map(program.functions.map((f) => [f.name, f]));
  const train = schedule.functions.find((f) => f.name === TRAIN);
  const trains = schedule.functions.filter((f) => f.name === TRAIN || f.name === LAST);
  if (!train?.after) throw new Error('only a pipelined training has a weight step to run ahead of');
  const segmentsOf = (stages: readonly Stage[]): ProgramFunction[] =>
    runsIn(stages).flatMap((name) => byName.get(name) ?? []);
  const settling = new Set(trains.flatMap((f) => segmentsOf(f.stages)));
  const stepping = new Set(segmentsOf(train.after));
  const moved = new Set([...stepping].flatMap((f) => f.updates.map((u) => u.state)));
  const used = new Set([...settling].flatMap((f) => [...statesOf(f)]));
  const predicted = program.states.filter((s) => s.role === 'parameter' && moved.has(s.id));
  const twice = program.states.filter((s) => (s.role === 'sum' || s.role === 'value') && used.has(s.id));
  const namesOf = (parity: Parity): Map<string, string> =>
    new Map([
      ...predicted.map(({ id }) => [id, parityName(id, parity)] as const),
      ...(parity === 'odd' ? twice.map(({ id }) => [id, oddName(id)] as const) : []),
    ]);
  const sums = new Map(twice.map(({ id }) => [id, oddName(id)]));
  const weights = new Map(predicted.map((s) => [s.id, s]));
  const functions = program.functions.flatMap((f): ProgramFunction[] => {
    if (settling.has(f))
      return [renamed(f, namesOf('even')), { ...renamed(f, namesOf('odd')), name: oddSegmentName(f.name) }];
    if (!stepping.has(f)) return [f];
    const odd = { ...renamed(f, sums), name: oddSegmentName(f.name) };
    return [predicting(f, weights, 'even'), predicting(odd, weights, 'odd')];
  });
  const states = [
    ...program.states,
    ...predicted.flatMap((s) => [copyOf(s, 'even'), copyOf(s, 'odd')]),
    ...twice.map((s) => ({
      ...s,
      id: oddName(s.id),
      ...(s.slice && { slice: { ...s.slice, of: oddName(s.slice.of) } }),
    })),
  ];
  return {
    program: { ...program, states, functions },
    schedule: { ...schedule, functions: schedule.functions.map((f) => (trains.includes(f) ? withOdd(f) : f)) },
  };
}

function withOdd(f: ShardFunction): ShardFunction {
  const runs = runsIn([...f.stages, ...(f.after ?? [])]);
  return { ...f, odd: Object.fromEntries(runs.map((name) => [name, oddSegmentName(name)])) };
}

function* statesOf(f: ProgramFunction): Generator<string> {
  for (const block of f.blocks) for (const op of block.ops) yield* op.args;
  for (const { state, value } of f.updates) yield* [state, value];
  for (const { value } of f.results) yield value;
}

/** A second and a third place for a weight, in snapshots too: what a batch settles on is not a function of the weight. */
function copyOf(weight: State, parity: Parity): State {
  const { id, shape, slice, init } = weight;
  return {
    id: parityName(id, parity),
    shape,
    role: 'optimizer',
    init: { kind: 'copy', state: slice?.of ?? id, of: init },
    ...(slice && { slice: { ...slice, of: parityName(slice.of, parity) } }),
  };
}

/** The same function of other states. */
function renamed(f: ProgramFunction, names: ReadonlyMap<string, string>): ProgramFunction {
  const nameOf = (id: string): string => names.get(id) ?? id;
  const blocks = f.blocks.map((block) => ({
    ...block,
    carries: block.carries.map((c) => ({ ...c, init: nameOf(c.init) })),
    ops: block.ops.map((op) => ({ ...op, args: op.args.map(nameOf) })),
  }));
  const updates = f.updates.map(({ state, value }) => ({ state: nameOf(state), value: nameOf(value) }));
  return { ...f, blocks, updates, results: f.results.map((r) => ({ ...r, value: nameOf(r.value) })) };
}

/** The weight step that also predicts, for the next batch but one, of the same parity: its own change once more. */
function predicting(f: ProgramFunction, weights: ReadonlyMap<string, State>, parity: Parity): ProgramFunction {
  const ops: Op[] = [];
  const updates = f.updates.flatMap((update) => {
    const weight = weights.get(update.state);
    if (!weight) return [update];
    const [change, next] = [`%change${ops.length}`, `%next${ops.length}`];
    const about = { attributes: {}, shape: weight.shape, origin: weightOrigin(weight.id) };
    ops.push({ id: change, op: 'sub', args: [update.value, weight.id], ...about });
    ops.push({ id: next, op: 'add', args: [update.value, change], ...about });
    return [update, { state: parityName(weight.id, parity), value: next }];
  });
  if (ops.length === 0) return f;
  const block: Block = { name: 'predict', repeat: 1, firstTick: 0, scalars: [], carries: [], ops };
  return assignSlots({ ...f, blocks: [...f.blocks, block], updates });
}
