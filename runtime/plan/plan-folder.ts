/** Writes a plan as a folder, and reads one back, trusting nothing in it. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { PLAN_FORMAT, type Plan } from '../../spec/plan.ts';
import { ProgramTextError, parseProgram } from '../../spec/program-text.ts';
import type { Executable } from '../device/device.ts';
import { writeFileAtomic } from '../support/atomic.ts';
import { UserError } from '../support/errors.ts';
import { planProblem } from './schema.ts';

export const PLAN_FILE = 'plan.json';
const MOST_BYTES = 1024 ** 3;

/** Files first, `plan.json` last: a folder with it is whole. */
export function writePlan(folder: string, planJson: Uint8Array, files: ReadonlyMap<string, Uint8Array>): void {
  for (const [path, bytes] of files) {
    const place = join(folder, path);
    mkdirSync(dirname(place), { recursive: true });
    writeFileAtomic(place, bytes);
  }
  mkdirSync(folder, { recursive: true });
  writeFileAtomic(join(folder, PLAN_FILE), planJson);
}

export interface LoadedPlan {
  readonly plan: Plan;
  /** One for each shard. */
  readonly executables: readonly Executable[];
}

/** @throws UserError `plan/missing`, `plan/format`, `plan/version`, `plan/path`, `plan/hash` */
export function loadPlan(folder: string): LoadedPlan {
  const plan = parsePlan(readPlanText(folder), folder);
  const files = new Map<string, Uint8Array>();
  for (const file of plan.files) files.set(file.path, readChecked(folder, file));
  const executables = plan.shards.map((shard): Executable => {
    const text = files.get(shard.program);
    if (!text) throw broken(folder, `shard ${shard.id} names a program that is not among the files: ${shard.program}`);
    const wanted = new Map<string, Uint8Array>();
    for (const path of shard.cpu) {
      const bytes = files.get(path);
      if (!bytes) throw broken(folder, `shard ${shard.id} names a file that is not there: ${path}`);
      wanted.set(path, bytes);
    }
    return { program: parseText(folder, shard.program, text), files: wanted };
  });
  return { plan, executables };
}

export function isPlanFolder(path: string): boolean {
  return existsSync(join(path, PLAN_FILE));
}

function readPlanText(folder: string): string {
  const path = join(folder, PLAN_FILE);
  if (!existsSync(path))
    throw new UserError('plan/missing', `${folder} is not a plan: it has no ${PLAN_FILE}`, 'make one with nmc compile');
  if (statSync(path).size > MOST_BYTES) throw broken(folder, `${PLAN_FILE} is larger than 1 GiB`);
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
  if (format.split('.')[0] !== PLAN_FORMAT.split('.')[0])
    throw new UserError(
      'plan/version',
      `${folder} has plan format ${format}, this nmc reads ${PLAN_FORMAT}`,
      'compile the model again with this nmc',
    );
  const problem = planProblem(value);
  if (problem !== undefined) throw broken(folder, `${PLAN_FILE}: ${problem}`);
  return value as Plan;
}

function readChecked(folder: string, file: Plan['files'][number]): Uint8Array {
  const parts = file.path.split('/');
  if (parts.some((p) => p === '' || p === '.' || p === '..' || p.includes('\\') || p.includes(':') || p.includes('\0')))
    throw new UserError(
      'plan/path',
      `${folder}: the plan names a file outside its folder: ${JSON.stringify(file.path)}`,
      'do not run this plan',
    );
  const path = join(folder, ...parts);
  if (!existsSync(path)) throw broken(folder, `${file.path} is missing`);
  if (statSync(path).size !== file.bytes)
    throw broken(folder, `${file.path} has ${statSync(path).size} bytes, not ${file.bytes}`);
  const bytes = readFileSync(path);
  if (createHash('sha256').update(bytes).digest('hex') !== file.sha256)
    throw new UserError(
      'plan/hash',
      `${folder}: ${file.path} does not have its hash: it was changed after the plan was made`,
      'compile the model again',
    );
  return bytes;
}

function parseText(folder: string, path: string, bytes: Uint8Array): Executable['program'] {
  try {
    return parseProgram(new TextDecoder().decode(bytes));
  } catch (error) {
    if (error instanceof ProgramTextError || error instanceof SyntaxError)
      throw broken(folder, `${path}: ${error.message}`);
    throw error;
  }
}

function broken(folder: string, what: string): UserError {
  return new UserError('plan/format', `${folder} is not a sound plan: ${what}`, 'compile the model again');
}
