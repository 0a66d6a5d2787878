/**
 * The executables of a plan that was read: its programs, lowered here. A plan brings compiled forms too; they are
 * only held against ours, where the same compiler says that it made them.
 */
import type { Lowering } from '../../../spec/lowering.ts';
import type { Program, ProgramFunction } from '../../../spec/program.ts';
import type { ShardSchedule } from '../../../spec/schedule.ts';
import type { Device, Executable } from '../../device/device.ts';
import { otherKernel } from '../../plan/own-kernels.ts';
import type { VerifiedPlan } from '../../plan/verify-plan.ts';
import type { ShardSource } from '../../shard/shards.ts';
import { UserError } from '../../support/errors.ts';
import { compilerName } from '../shell/package-root.ts';
import { lowerHere } from './lower-here.ts';

/** Operations of a function with its ticks written out: what a graph for the CPU has. */
const MAX_OPERATIONS = 250_000;

/** Functions of a plan that will be called. */
export interface Calls {
  /** Functions of the model; all when absent. */
  readonly called?: readonly string[];
  /** Of these, what is called so often and is so little that the thread that asks does it. */
  readonly quick?: readonly string[];
  /** Functions of programs that were made here: a plan brings nothing for them. */
  readonly made?: ReadonlySet<string>;
}

export async function executablesOf(
  folder: string,
  loaded: VerifiedPlan,
  device: Device,
  calls: Calls = {},
): Promise<ShardSource[]> {
  const { called, quick = [] } = calls;
  const lowering = lowerHere();
  const sources: ShardSource[] = [];
  for (const [shard, schedule] of loaded.schedules.entries()) {
    const executable = await executableOf(folder, loaded, shard, device, lowering, calls);
    sources.push({
      executable: { ...executable, ...(quick.length > 0 ? { quick } : {}) },
      schedule: scheduledOf(schedule, called),
    });
  }
  return sources;
}

/**
 * @param folder of the plan, for people
 * @throws UserError `plan/kernels` where the plan brings other forms than its program has, or has none that can be made
 */
export async function executableOf(
  folder: string,
  loaded: VerifiedPlan,
  shard: number,
  device: Device,
  lowering: Lowering,
  { called, made = new Set() }: Calls = {},
): Promise<Executable> {
  const program = loaded.programs[shard];
  const schedule = loaded.schedules[shard];
  if (!program || !schedule) throw new UserError('plan/format', `${folder} has no shard ${shard}`);
  // Kernels of a GPU follow from what it is: they are made when it opens the program.
  if (device.name !== 'cpu') return { program: called ? only(program, schedule, called) : program, files: new Map() };
  const wanted = called ? functionsOf(program, schedule, called) : program.functions;
  assertLowerable(folder, wanted);
  const files = await lowered({ ...program, functions: wanted }, folder, loaded.plan.shards.length, device, lowering);
  const brought = loaded.brought[shard];
  if (loaded.plan.compiler === compilerName() && brought !== undefined && brought.size > 0) {
    // A plan brings nothing for sizes that were made here.
    const planned = wanted.filter((f) => !made.has(f.name));
    const other = otherKernel(program, new Set(planned.map((f) => f.name)), files, brought);
    if (other !== undefined)
      throw new UserError(
        'plan/kernels',
        `${folder}: ${other} of shard ${shard} is not the compiled form of its program: it was changed, or made by another compiler`,
        'do not run this plan if it is not yours; otherwise compile the model again with this version',
      );
  }
  return { program, files };
}

async function lowered(
  program: Program,
  folder: string,
  shards: number,
  device: Device,
  lowering: Lowering,
): Promise<ReadonlyMap<string, Uint8Array>> {
  try {
    return await lowering(program, { name: device.name, description: device.description, shards });
  } catch (error) {
    throw new UserError(
      'plan/kernels',
      `${folder}: its program cannot be lowered for ${device.description}: ${(error as Error).message.slice(0, 300)}`,
      'compile the model again with this version',
    );
  }
}

export function assertLowerable(
  folder: string,
  functions: readonly ProgramFunction[],
  repair = 'use fewer ticks, or --device reference',
): void {
  for (const f of functions) {
    const operations = f.blocks.reduce((sum, b) => sum + b.repeat * Math.max(1, b.ops.length + b.scalars.length), 0);
    if (operations > MAX_OPERATIONS)
      throw new UserError(
        'plan/kernels',
        `${folder}: ${f.name} would be ${operations} operations one after the other, more than ${MAX_OPERATIONS}`,
        repair,
      );
  }
}

const scheduledOf = (schedule: ShardSchedule, called: readonly string[] | undefined): ShardSchedule =>
  called ? { ...schedule, functions: schedule.functions.filter((f) => called.includes(f.name)) } : schedule;

/** A program for a device that makes kernels of all that it is given, with the states that these functions touch. */
function only(program: Program, schedule: ShardSchedule, called: readonly string[]): Program {
  const functions = functionsOf(program, schedule, called).filter((f) => f.role !== 'step');
  const touched = new Set(
    functions.flatMap((f) => [
      ...f.blocks.flatMap((b) => [...b.ops.flatMap((op) => op.args), ...b.carries.flatMap((c) => [c.init, c.next])]),
      ...f.updates.flatMap((u) => [u.state, u.value]),
      ...f.results.map((r) => r.value),
    ]),
  );
  return { ...program, functions, states: program.states.filter((s) => touched.has(s.id)) };
}

/** Functions of the program behind those of the model, and the step by which the device knows whether it has lanes. */
function functionsOf(program: Program, schedule: ShardSchedule, called: readonly string[]): ProgramFunction[] {
  const runs = new Set<string>();
  for (const { name, stages, after } of schedule.functions) {
    if (!called.includes(name)) continue;
    for (const { run } of [...stages.flatMap((stage) => stage.segments), ...(after ?? []).flatMap((s) => s.segments)])
      if (run !== undefined) runs.add(run);
  }
  const lanes = program.functions.some((f) => f.role === 'lane');
  return program.functions.filter((f) => runs.has(f.name) || (lanes && f.role === 'step'));
}
