/** `plan.json` of a plan that comes from anywhere: its format, its form, and the files that it names. */
import { MAX_PLAN_BYTES, PLAN_FORMAT, PLAN_FORMATS_READ, type Plan, type PlanShard } from '../../spec/plan.ts';
import { UserError } from '../support/errors.ts';
import { PathSet } from '../support/path-names.ts';
import { broken, outside } from './plan-errors.ts';
import { PLAN_FILE } from './plan-source.ts';
import { referencesProblem } from './references.ts';
import { planOf } from './schema.ts';

/** Of `plan.json` alone. */
export const MAX_LIST_BYTES = 256 * 1024 ** 2;

/**
 * Nothing that it names has been read when this returns.
 * @param name of the plan, for messages
 * @throws UserError `plan/format`, `plan/version`, `plan/path`
 */
export function readPlanList(name: string, bytes: Uint8Array): Plan {
  const plan = parsed(name, bytes);
  const total = plan.files.reduce((sum, f) => sum + f.bytes, 0);
  if (total > MAX_PLAN_BYTES) throw broken(name, `its files are ${total} bytes in all`);
  const listed = new Set<string>();
  const paths = new PathSet();
  for (const { path } of plan.files) {
    if (listed.has(path)) throw broken(name, `it names ${path} twice`);
    const problem = paths.add(path);
    if (problem !== undefined) throw outside(name, path, problem);
    listed.add(path);
  }
  const problem = plan.shards.map((shard) => filesProblem(shard, listed)).find((each) => each !== undefined);
  if (problem !== undefined) throw broken(name, problem);
  return plan;
}

/** Files that a runtime takes from a plan: with what it brings for the CPU, which is only compared, or without. */
export function filesOf({ files, shards }: Plan, withCpu: boolean): Plan['files'] {
  if (withCpu) return files;
  const taken = new Set(shards.flatMap((s) => [s.program, ...(s.schedule ? [s.schedule] : []), ...(s.kernels ?? [])]));
  return files.filter(({ path }) => taken.has(path));
}

function parsed(name: string, bytes: Uint8Array): Plan {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes));
  } catch {
    throw broken(name, `${PLAN_FILE} is not JSON`);
  }
  const format = typeof value === 'object' && value !== null && 'format' in value ? value.format : undefined;
  if (typeof format !== 'string') throw broken(name, `${PLAN_FILE} does not say its format`);
  if (!PLAN_FORMATS_READ.includes(format.split('.')[0] ?? ''))
    throw new UserError(
      'plan/version',
      `${name} has plan format ${format.slice(0, 20)}, this version reads ${PLAN_FORMAT}`,
      'compile the model again with this version',
    );
  const plan = planOf(value);
  const problem = typeof plan === 'string' ? plan : referencesProblem(plan);
  if (typeof plan === 'string' || problem !== undefined) throw broken(name, `${PLAN_FILE}: ${problem}`);
  return plan;
}

function filesProblem(shard: PlanShard, listed: ReadonlySet<string>): string | undefined {
  const { id, program, schedule, cpu, cpuNames, kernels = [] } = shard;
  if (!listed.has(program)) return `shard ${id} names a program that is not among the files: ${program}`;
  if (schedule !== undefined && !listed.has(schedule))
    return `it names a schedule that is not among the files: ${schedule}`;
  if (cpuNames && cpuNames.length !== cpu.length)
    return `shard ${id} names ${cpu.length} files by ${cpuNames.length} names`;
  const missing = [...cpu, ...kernels].find((path) => !listed.has(path));
  return missing === undefined ? undefined : `shard ${id} names a file that does not exist: ${missing}`;
}
