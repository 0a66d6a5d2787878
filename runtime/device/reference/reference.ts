/**
 * The reference device: an interpreter of the program in f64, one operation after the other, written to be obviously
 * right. It is the oracle of every test.
 */
import type { ReferenceTensor } from '../../../compiler/operators/operator.ts';
import { isOperator, operators } from '../../../compiler/operators/table.ts';
import type { Block, Op, Program, ProgramFunction } from '../../../spec/program.ts';
import { sizeOf } from '../../../spec/program.ts';
import { evaluateScalar } from '../../../spec/scalars.ts';
import { inTurn } from '../../support/in-turn.ts';
import type { Device, DeviceSession, Position, RunInput } from '../device.ts';

type Values = Map<string, ReferenceTensor>;

export const referenceDevice: Device = {
  name: 'reference',
  description: 'interpreter in f64, slow and exact',
  open: async ({ program }) => openReference(program),
};

/** The interpreter is slow and would hold the process for minutes: it lets others have a turn this often. */
const TURN_MILLISECONDS = 20;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** When others had their last turn: many short runs one behind the other hold the process as one long one does. */
let lastTurn = performance.now();

/** Takes the steps of some work to its end, with turns for others in between. */
async function inTurns<T>(work: Generator<void, T>): Promise<T> {
  for (;;) {
    if (performance.now() - lastTurn >= TURN_MILLISECONDS) {
      await turn();
      lastTurn = performance.now();
    }
    const step = work.next();
    if (step.done === true) return step.value;
  }
}

function openReference(program: Program): DeviceSession {
  const states: Values = new Map(
    program.states.map((s) => [s.id, { shape: s.shape, data: new Float64Array(sizeOf(s.shape)) }]),
  );
  const queue = inTurn();
  return {
    write: (id, values) =>
      queue(() => {
        const { shape, data } = read(states, id);
        if (values.length !== data.length) throw new Error(`${id} has ${data.length} elements, not ${values.length}`);
        states.set(id, { shape, data: Float64Array.from(values) });
      }),
    read: (id) => queue(() => read(states, id).data.slice()),
    run: (name, inputs, position) => {
      // Now, not when its turn comes: the caller may use its buffers again when this returns.
      const copies = Object.fromEntries(Object.entries(inputs).map(([field, data]) => [field, data.slice()]));
      return queue(async () => {
        const f = program.functions.find((g) => g.name === name);
        if (!f) throw new Error(`no function ${name}`);
        const values = await inTurns(runFunction(f, states, copies, position));
        const results = f.results.map((r) => [r.name, read(values, r.value).data.slice()] as const);
        for (const [state, tensor] of f.updates.map((u) => [u.state, read(values, u.value)] as const))
          states.set(state, tensor);
        return Object.fromEntries(results);
      });
    },
    prepare: () => undefined,
    close: async () => undefined,
  };
}

/** Sees what an operation has made of its arguments, and says what it has made. */
type Made = (op: Op, made: Float64Array, args: readonly Float64Array[]) => Float64Array;

export interface OneRun {
  readonly states: ReadonlyMap<string, ArrayLike<number>>;
  readonly inputs: Readonly<Record<string, RunInput>>;
  readonly position: Position;
}

/** One run of a function from given states, which stay as they are. @returns its results */
export function runOnce(
  { functions, states: all }: Program,
  name: string,
  { states, inputs, position }: OneRun,
  made?: Made,
): Record<string, Float64Array> {
  const f = functions.find((g) => g.name === name);
  if (!f) throw new Error(`no function ${name}`);
  const begun: Values = new Map(
    all.map(({ id, shape }) => [id, { shape, data: Float64Array.from(states.get(id) ?? []) }]),
  );
  const work = runFunction(f, begun, inputs, position, made);
  for (let step = work.next(); ; step = work.next())
    if (step.done === true) {
      const { value } = step;
      return Object.fromEntries(f.results.map((r) => [r.name, read(value, r.value).data.slice()]));
    }
}

function* runFunction(
  f: ProgramFunction,
  states: Values,
  inputs: Readonly<Record<string, RunInput>>,
  position: Position,
  made?: Made,
): Generator<void, Values> {
  const values: Values = new Map(states);
  for (const input of f.inputs) {
    const data = inputs[input.field];
    if (data?.length !== sizeOf(input.shape))
      throw new Error(`${f.name} needs ${sizeOf(input.shape)} elements of ${input.field}`);
    values.set(input.id, { shape: input.shape, data: Float64Array.from(data) });
  }
  for (const block of f.blocks) yield* runBlock(block, values, position, made);
  return values;
}

function* runBlock(block: Block, values: Values, position: Position, made?: Made): Generator<void> {
  for (const carry of block.carries) values.set(carry.id, read(values, carry.init));
  for (let i = 0; i < block.repeat; i++) {
    const scope = { ...position, tick: (position.tick ?? 0) + block.firstTick + i };
    for (const s of block.scalars)
      values.set(s.id, { shape: [], data: Float64Array.of(evaluateScalar(s.expr, scope)) });
    for (const op of block.ops) {
      const tensor = runOp(op, values);
      const args = made && op.op !== 'constant' ? op.args.map((a) => read(values, a).data) : [];
      values.set(op.id, made ? { ...tensor, data: made(op, tensor.data, args) } : tensor);
      yield;
    }
    const next = block.carries.map((c) => read(values, c.next));
    block.carries.forEach((carry, j) => {
      values.set(carry.id, next[j] as ReferenceTensor);
    });
  }
  for (const carry of block.carries) values.set(carry.result, read(values, carry.id));
}

function runOp(op: Op, values: Values): ReferenceTensor {
  if (op.op === 'constant') return { shape: [], data: Float64Array.of(op.attributes.value as number) };
  if (!isOperator(op.op)) throw new Error(`${op.op} is not an operator`);
  const args = op.args.map((a) => read(values, a));
  return { shape: op.shape, data: operators[op.op].reference(args, op.attributes, op.shape) };
}

function read(values: Values, id: string): ReferenceTensor {
  const value = values.get(id);
  if (!value) throw new Error(`${id} has no value`);
  return value;
}
