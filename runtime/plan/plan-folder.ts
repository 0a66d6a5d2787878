/** Reads a plan back from its folder, trusting nothing in it. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { PLAN_FORMAT, PLAN_FORMATS_READ, type Plan } from '../../spec/plan.ts';
import type { Program } from '../../spec/program.ts';
import { ProgramTextError, parseProgram } from '../../spec/program-text.ts';
import type { ShardSchedule } from '../../spec/schedule.ts';
import { wholeSchedule } from '../shard/whole.ts';
import { UserError } from '../support/errors.ts';
import { agreementProblem } from './agreement.ts';
import { broken, PLAN_FILE, readPlanFiles } from './plan-files.ts';
import { referencesProblem } from './references.ts';
import { scheduleFormatProblem, schedulesProblem } from './schedules.ts';
import { planProblem } from './schema.ts';
import { programProblem } from './sound-program.ts';
import { tilesProblem } from './whole-tiles.ts';

/** Of `plan.json` alone. */
const MAX_BYTES = 256 * 1024 ** 2;

export interface LoadedPlan {
  readonly plan: Plan;
  /** One for each shard. */
  readonly programs: readonly Program[];
  /** What each of them does when. */
  readonly schedules: readonly ShardSchedule[];
  /**
   * SHA-256 of what the plan brings for the CPU, of each shard, by the device's names. Compiled forms from outside are
   * never run: they may only be compared with what is lowered here.
   */
  readonly brought: readonly ReadonlyMap<string, string>[];
}

/**
 * Nothing of the plan has run when this returns, and nothing larger than its files has been allocated.
 * @param verify throws where operations and shapes of a program do not fit together
 * @throws UserError `plan/missing`, `plan/format`, `plan/version`, `plan/path`, `plan/hash`
 */
export function loadPlan(folder: string, verify: (program: Program) => void): LoadedPlan {
  const plan = parsePlan(readPlanText(folder), folder);
  const files = readPlanFiles(folder, plan.files);
  const programs = plan.shards.map((shard) => loadShard(folder, plan, shard, files, verify));
  const schedules = plan.shards.map((shard, i) =>
    shard.schedule === undefined ? wholeSchedule(programs[i] as Program) : loadSchedule(folder, shard.schedule, files),
  );
  const problem =
    (plan.shards.length > 1 ? schedulesProblem(plan, schedules, programs) : undefined) ?? tilesProblem(programs);
  if (problem !== undefined) throw broken(folder, problem);
  const hashes = new Map(plan.files.map((f) => [f.path, f.sha256]));
  const brought = plan.shards.map((shard) => broughtBy(folder, shard, hashes));
  return { plan, programs, schedules, brought };
}

function broughtBy(
  folder: string,
  shard: Plan['shards'][number],
  hashes: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  if (shard.cpuNames && shard.cpuNames.length !== shard.cpu.length)
    throw broken(folder, `shard ${shard.id} names ${shard.cpu.length} files by ${shard.cpuNames.length} names`);
  const missing = [...shard.cpu, ...(shard.kernels ?? [])].find((path) => !hashes.has(path));
  if (missing !== undefined) throw broken(folder, `shard ${shard.id} names a file that is not there: ${missing}`);
  return new Map(shard.cpu.map((path, i) => [shard.cpuNames?.[i] ?? path, hashes.get(path) ?? '']));
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
): Program {
  const text = files.get(shard.program);
  if (!text) throw broken(folder, `shard ${shard.id} names a program that is not among the files: ${shard.program}`);
  const program = parseText(folder, shard.program, text);
  const problem = programProblem(program, shard.memory) ?? agreementProblem(plan, shard, program);
  if (problem !== undefined) throw broken(folder, `${shard.program}: ${problem}`);
  try {
    verify(program);
  } catch (error) {
    throw broken(folder, `${shard.program}: ${error instanceof Error ? error.message : String(error)}`);
  }
  return program;
}

function readPlanText(folder: string): string {
  const path = join(folder, PLAN_FILE);
  if (!existsSync(path))
    throw new UserError('plan/missing', `${folder} is not a plan: it has no ${PLAN_FILE}`, 'make one with nmc compile');
  const stat = statSync(path);
  if (!stat.isFile()) throw broken(folder, `${PLAN_FILE} is not a file`);
  if (stat.size > MAX_BYTES) throw broken(folder, `${PLAN_FILE} has ${stat.size} bytes, more than ${MAX_BYTES}`);
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
