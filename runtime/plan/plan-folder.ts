/** Reads a plan back from its folder, trusting nothing in it. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { PLAN_FORMAT, PLAN_FORMATS_READ, type Plan } from '../../spec/plan.ts';
import type { Program } from '../../spec/program.ts';
import { ProgramTextError, parseProgram } from '../../spec/program-text.ts';
import type { ShardSchedule } from '../../spec/schedule.ts';
import type { Executable } from '../device/device.ts';
import { wholeSchedule } from '../shard/whole.ts';
import { UserError } from '../support/errors.ts';
import { agreementProblem } from './agreement.ts';
import { kernelProblem } from './kernels-agree.ts';
import { manifestProblem } from './manifests.ts';
import { readsOutside } from './onnx-outside.ts';
import { broken, PLAN_FILE, readPlanFiles } from './plan-files.ts';
import { referencesProblem } from './references.ts';
import { scheduleFormatProblem, schedulesProblem } from './schedules.ts';
import { planProblem } from './schema.ts';
import { programProblem } from './sound-program.ts';
import { tilesProblem } from './whole-tiles.ts';

/** Of `plan.json` alone. */
const MOST_BYTES = 256 * 1024 ** 2;

export interface LoadedPlan {
  readonly plan: Plan;
  /** One for each shard. */
  readonly executables: readonly Executable[];
  /** What each of them does when. */
  readonly schedules: readonly ShardSchedule[];
}

/**
 * Nothing of the plan has run when this returns, and nothing larger than its files has been allocated.
 * @param verify throws where operations and shapes of a program do not fit together
 * @throws UserError `plan/missing`, `plan/format`, `plan/version`, `plan/path`, `plan/hash`
 */
export function loadPlan(folder: string, verify: (program: Program) => void): LoadedPlan {
  const plan = parsePlan(readPlanText(folder), folder);
  const files = readPlanFiles(folder, plan.files);
  const executables = plan.shards.map((shard) => loadShard(folder, plan, shard, files, verify));
  const schedules = plan.shards.map((shard, i) => {
    const program = executables[i]?.program as Program;
    return shard.schedule === undefined ? wholeSchedule(program) : loadSchedule(folder, shard.schedule, files);
  });
  const programs = executables.map((e) => e.program);
  const problem =
    (plan.shards.length > 1 ? schedulesProblem(plan, schedules, programs) : undefined) ?? tilesProblem(programs);
  if (problem !== undefined) throw broken(folder, problem);
  return { plan, executables, schedules };
}

function loadSchedule(folder: string, path: string, files: ReadonlyMap<string, Uint8Array>): ShardSchedule {
  const bytes = files.get(path);
  if (!bytes) throw broken(folder, `it names a schedule that is not among the files: ${path}`);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw broken(folder, `${path} is not JSON`);
  }
  const problem = scheduleFormatProblem(value);
  if (problem !== undefined) throw broken(folder, `${path}: ${problem}`);
  return value as ShardSchedule;
}

export function isPlanFolder(path: string): boolean {
  return existsSync(join(path, PLAN_FILE));
}

function loadShard(
  folder: string,
  plan: Plan,
  shard: Plan['shards'][number],
  files: ReadonlyMap<string, Uint8Array>,
  verify: (program: Program) => void,
): Executable {
  const text = files.get(shard.program);
  if (!text) throw broken(folder, `shard ${shard.id} names a program that is not among the files: ${shard.program}`);
  const wanted = new Map<string, Uint8Array>();
  if (shard.cpuNames && shard.cpuNames.length !== shard.cpu.length)
    throw broken(folder, `shard ${shard.id} names ${shard.cpu.length} files by ${shard.cpuNames.length} names`);
  for (const [i, path] of shard.cpu.entries()) {
    const bytes = files.get(path);
    if (!bytes) throw broken(folder, `shard ${shard.id} names a file that is not there: ${path}`);
    if (path.endsWith('.onnx') && readsOutside(bytes)) throw broken(folder, `${path} takes weights from other files`);
    wanted.set(shard.cpuNames?.[i] ?? path, bytes);
  }
  for (const path of shard.kernels ?? []) {
    const bytes = files.get(path);
    if (!bytes) throw broken(folder, `shard ${shard.id} names a file that is not there: ${path}`);
    wanted.set(path, bytes);
  }
  const program = parseText(folder, shard.program, text);
  const problem = programProblem(program, shard.memory) ?? agreementProblem(plan, shard, program);
  if (problem !== undefined) throw broken(folder, `${shard.program}: ${problem}`);
  try {
    verify(program);
  } catch (error) {
    throw broken(folder, `${shard.program}: ${error instanceof Error ? error.message : String(error)}`);
  }
  const mismatch = manifestProblem(program, wanted) ?? kernelProblem(program, wanted);
  if (mismatch !== undefined) throw broken(folder, mismatch);
  return { program, files: wanted };
}

function readPlanText(folder: string): string {
  const path = join(folder, PLAN_FILE);
  if (!existsSync(path))
    throw new UserError('plan/missing', `${folder} is not a plan: it has no ${PLAN_FILE}`, 'make one with nmc compile');
  const stat = statSync(path);
  if (!stat.isFile()) throw broken(folder, `${PLAN_FILE} is not a file`);
  if (stat.size > MOST_BYTES) throw broken(folder, `${PLAN_FILE} has ${stat.size} bytes, more than ${MOST_BYTES}`);
  return readFileSync(path, 'utf8');
}

function parsePlan(text: string, folder: string): Plan {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw broken(folder, `${PLAN_FILE} is not JSON`);
  }
  const format = (value as { format?: unknown } | null)?.format;
  if (typeof format !== 'string') throw broken(folder, `${PLAN_FILE} does not say its format`);
  if (!PLAN_FORMATS_READ.includes(format.split('.')[0] ?? ''))
    throw new UserError(
      'plan/version',
      `${folder} has plan format ${format.slice(0, 20)}, this nmc reads ${PLAN_FORMAT}`,
      'compile the model again with this nmc',
    );
  const problem = planProblem(value) ?? referencesProblem(value as Plan);
  if (problem !== undefined) throw broken(folder, `${PLAN_FILE}: ${problem}`);
  return value as Plan;
}

function parseText(folder: string, path: string, bytes: Uint8Array): Program {
  try {
    return parseProgram(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    if (error instanceof ProgramTextError || error instanceof TypeError)
      throw broken(folder, `${path}: ${error.message.slice(0, 300)}`);
    throw error;
  }
}
