/** A plan for the commands: read, distrusted, and for this machine alone. */
import { join } from 'node:path';
import { verify } from '../../compiler/5-program/verify.ts';
import { isOperator, operators } from '../../compiler/operators/table.ts';
import type { Plan } from '../../spec/plan.ts';
import type { Program } from '../../spec/program.ts';
import type { ShardSchedule } from '../../spec/schedule.ts';
import type { Executable } from '../device/device.ts';
import { type LoadedPlan, loadPlan } from '../plan/plan-folder.ts';
import type { ShardSource } from '../shard/shards.ts';
import { UserError } from '../support/errors.ts';
import { RUN_PLAN } from './train-settings.ts';

export function openPlan(folder: string): LoadedPlan {
  return loadPlan(folder, verifyForeign);
}

/** The plan within a run, with its shards. */
export function openShardsOfRun(directory: string): { plan: Plan; sources: ShardSource[] } {
  const { plan, executables, schedules } = openPlan(join(directory, RUN_PLAN));
  const sources = executables.map((executable, i) => ({ executable, schedule: schedules[i] as ShardSchedule }));
  return { plan, sources };
}

/** The plan within a run, for what needs the whole network in one program. @throws UserError `plan/shards` */
export function openPlanOfRun(directory: string): { plan: Plan; executable: Executable } {
  const { plan, executables } = openPlan(join(directory, RUN_PLAN));
  const [executable] = executables;
  if (!executable || executables.length > 1)
    throw new UserError(
      'plan/shards',
      `${directory} was trained in ${executables.length} shards; this needs the network in one`,
      'train it without --shards',
    );
  return { plan, executable };
}

/** Operators take their arguments' number for granted where our own compiler wrote the program; here nobody knows. */
function verifyForeign(program: Program): void {
  for (const f of program.functions)
    for (const block of f.blocks)
      for (const { id, op, args } of block.ops) {
        const arity = op === 'constant' ? 0 : isOperator(op) ? operators[op].arity : undefined;
        if (arity === undefined) throw new Error(`${op} is no operator`);
        if (arity === 'many' ? args.length === 0 : args.length !== arity)
          throw new Error(`${id} = ${op}(…) has ${args.length} arguments`);
      }
  verify(program);
}
