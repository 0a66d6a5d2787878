/**
 * The one door through which a plan comes in, from a folder, from blobs of a mesh or into a page: its format, the files
 * that it names with their sizes and hashes, its programs, kernels and schedules, and how all of them agree.
 */
import type { Plan, PlanShard } from '../../spec/plan.ts';
import type { Program } from '../../spec/program.ts';
import { ProgramTextError, parseProgram } from '../../spec/program-text.ts';
import { reasonOf } from '../../spec/reason-of.ts';
import type { ShardSchedule } from '../../spec/schedule.ts';
import { wholeSchedule } from '../shard/whole.ts';
import { nmc } from '../support/command-text.ts';
import { UserError } from '../support/errors.ts';
import { agreementProblem } from './agreement.ts';
import { kernelProblem } from './kernels-agree.ts';
import { broken } from './plan-errors.ts';
import { filesOf, MAX_LIST_BYTES, readPlanList } from './plan-list.ts';
import { PLAN_FILE, type PlanSource } from './plan-source.ts';
import { scheduleOf, schedulesProblem } from './schedules.ts';
import { programProblem } from './sound-program.ts';
import { tilesProblem } from './whole-tiles.ts';

/** A plan of which everything was checked. */
export interface VerifiedPlan {
  readonly plan: Plan;
  /** One for each shard. */
  readonly programs: readonly Program[];
  /** The schedule of each of them. */
  readonly schedules: readonly ShardSchedule[];
  /** The files that were looked at, and the list of them: what is made of a plan is made of these bytes. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /**
   * SHA-256 of what the plan brings for the CPU, of each shard, by the device's names. Compiled forms from outside are
   * never run: they may only be compared with what is lowered here.
   */
  readonly brought: readonly ReadonlyMap<string, string>[];
}

/** Throws where operations and shapes of a program do not fit together: what only a compiler can tell. */
export type VerifyProgram = (program: Program) => void;

export interface VerifyOptions {
  /** Whether the files for the CPU are looked at, too: a page has no use for them. */
  readonly withCpu?: boolean;
}

/**
 * Nothing of the plan has run when this returns, and nothing larger than its files has been allocated.
 * @throws UserError `plan/missing`, `plan/format`, `plan/version`, `plan/path`, `plan/hash`
 */
export function verifyPlan(source: PlanSource, verify: VerifyProgram, options: VerifyOptions = {}): VerifiedPlan {
  const { name } = source;
  const list = listBytes(source);
  const plan = readPlanList(name, list);
  const files = readListed(source, filesOf(plan, options.withCpu ?? true));
  const shards = plan.shards.map((shard) => verifyShard(name, plan, shard, files, verify));
  const programs = shards.map((shard) => shard.program);
  const schedules = shards.map((shard) => shard.schedule);
  const problem =
    (plan.shards.length > 1 ? schedulesProblem(plan, schedules, programs) : undefined) ?? tilesProblem(programs);
  if (problem !== undefined) throw broken(name, problem);
  const hashes = new Map(plan.files.map((f) => [f.path, f.sha256]));
  const brought = plan.shards.map((shard) => broughtBy(shard, hashes));
  return { plan, programs, schedules, files: new Map([[PLAN_FILE, list], ...files]), brought };
}

function listBytes({ name, find }: PlanSource): Uint8Array {
  const found = find(PLAN_FILE);
  if (!found)
    throw new UserError(
      'plan/missing',
      `${name} is not a plan: it has no ${PLAN_FILE}`,
      `make one with ${nmc`compile FILE -o DIR`}`,
    );
  if (found.size > MAX_LIST_BYTES)
    throw broken(name, `${PLAN_FILE} has ${found.size} bytes, more than ${MAX_LIST_BYTES}`);
  return found.read().bytes;
}

/** Each of the size and the hash that the plan says; a file of another size is not read at all. */
export function readListed({ name, find }: PlanSource, listed: Plan['files']): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  for (const { path, bytes: size, sha256 } of listed) {
    const found = find(path);
    if (!found) throw broken(name, `${path} is missing`);
    if (found.size !== size) throw broken(name, `${path} has ${found.size} bytes, not ${size}`);
    const { bytes, sha256: own } = found.read();
    if (own !== sha256)
      throw new UserError(
        'plan/hash',
        `${name}: ${path} does not have its hash: it was changed after the plan was made`,
        'compile the model again',
      );
    files.set(path, bytes);
  }
  return files;
}

function verifyShard(
  name: string,
  plan: Plan,
  shard: PlanShard,
  files: ReadonlyMap<string, Uint8Array>,
  verify: VerifyProgram,
): { readonly program: Program; readonly schedule: ShardSchedule } {
  const program = readProgram(name, shard, files);
  const kernels = new Map((shard.kernels ?? []).map((path) => [path, files.get(path) ?? new Uint8Array(0)]));
  const problem =
    programProblem(program, shard.memory) ?? agreementProblem(plan, shard, program) ?? thrownBy(() => verify(program));
  if (problem !== undefined) throw broken(name, `${shard.program}: ${problem}`);
  const kernelsProblem = kernelProblem(program, kernels);
  if (kernelsProblem !== undefined) throw broken(name, kernelsProblem);
  const { schedule: path } = shard;
  return { program, schedule: path === undefined ? wholeSchedule(program) : readSchedule(name, path, files) };
}

function thrownBy(work: () => void): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return reasonOf(error);
  }
}

function readProgram(name: string, { program: path }: PlanShard, files: ReadonlyMap<string, Uint8Array>): Program {
  try {
    return parseProgram(textOf(files, path));
  } catch (error) {
    if (error instanceof ProgramTextError || error instanceof TypeError)
      throw broken(name, `${path}: ${error.message.slice(0, 300)}`);
    throw error;
  }
}

function readSchedule(name: string, path: string, files: ReadonlyMap<string, Uint8Array>): ShardSchedule {
  let value: unknown;
  try {
    value = JSON.parse(textOf(files, path));
  } catch {
    throw broken(name, `${path} is not JSON`);
  }
  const schedule = scheduleOf(value);
  if (typeof schedule === 'string') throw broken(name, `${path}: ${schedule}`);
  return schedule;
}

/** @throws TypeError where it is not UTF-8 */
function textOf(files: ReadonlyMap<string, Uint8Array>, path: string): string {
  return new TextDecoder('utf-8', { fatal: true }).decode(files.get(path));
}

function broughtBy({ cpu, cpuNames }: PlanShard, hashes: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  return new Map(cpu.map((path, i) => [cpuNames?.[i] ?? path, hashes.get(path) ?? '']));
}
