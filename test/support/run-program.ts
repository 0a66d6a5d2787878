/** Programs of one function on a bare device: run once, or trained for a few batches, on numbers drawn. */
import type { RunInput, Tensor } from '../../runtime/device/device.ts';
import { type Program, type ProgramFunction, sizeOf } from '../../spec/program.ts';
import type { Opener } from '../compliance/harness.ts';
import { initialise } from './networks.ts';
import { fieldNumbers } from './small-training.ts';

function functionOf({ name, functions: [f] }: Program): ProgramFunction {
  if (!f) throw new Error(`${name} has no function`);
  return f;
}

interface Given {
  /** Numbers drawn when absent. */
  readonly inputs?: Readonly<Record<string, RunInput>>;
  /** Zero when absent. */
  readonly states?: Iterable<readonly [string, Tensor]>;
}

export async function runOnce(
  open: Opener,
  program: Program,
  { inputs = fieldNumbers(functionOf(program), 1), states = [] }: Given = {},
): Promise<Record<string, Tensor>> {
  const session = await open(program);
  for (const [id, values] of states) await session.write(id, values);
  const found = await session.run(functionOf(program).name, inputs, { batch: 0, batches: 1 });
  await session.close();
  return found;
}

export interface Trained {
  /** By name and number of the batch. */
  readonly results: ReadonlyMap<string, Tensor>;
  readonly states: ReadonlyMap<string, Tensor>;
}

export async function trainProgram(open: Opener, program: Program, batches: number): Promise<Trained> {
  const session = await open(program);
  await initialise(session, program, 3);
  for (const s of program.states)
    if (s.init.kind === 'statistic') await session.write(s.id, new Float32Array(sizeOf(s.shape)).fill(0.75));
  const f = functionOf(program);
  const results = new Map<string, Tensor>();
  for (let batch = 0; batch < batches; batch++) {
    const found = await session.run(f.name, fieldNumbers(f, batch), { batch, batches });
    for (const [name, values] of Object.entries(found)) results.set(`${name} of batch ${batch}`, values);
  }
  const states = new Map<string, Tensor>();
  for (const s of program.states) states.set(s.id, await session.read(s.id));
  await session.close();
  return { results, states };
}

/** All numbers, one after the other. */
export const numbersOf = (tensors: ReadonlyMap<string, Tensor>): number[] =>
  [...tensors.values()].flatMap((values) => [...values]);
