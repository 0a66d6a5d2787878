/**
 * Whether a deployment is sound: checked by the synchronizer before it accepts one, and by every recipient before a
 * byte of it is fetched or written.
 */
import { MAX_PLAN_BYTES } from '../../spec/plan.ts';
import { MAX_ELEMENTS } from '../support/bounded.ts';
import { PathSet, shownPath } from '../support/path-names.ts';
import { isPacked } from './codec.ts';
import { type BlobRef, type DataRef, type Deployment, ELEMENT_BYTES } from './deployment.ts';
import { deploymentFormatProblem } from './message-schema.ts';

/** Of one column, and of one blob. */
const MAX_COLUMN_BYTES = 2 ** 33;
const MAX_BLOB_BYTES = 2 ** 32;

/** @returns what is wrong with it, or nothing */
export function deploymentProblem(value: unknown): string | undefined {
  const format = deploymentFormatProblem(value);
  if (format !== undefined) return format;
  const deployment = value as Deployment;
  const { shards, needs, checks, evaluations, train } = deployment;
  // A run is a folder where it is fetched.
  const named = new PathSet().add(deployment.run);
  if (named !== undefined) return `the run cannot be called ${deployment.run}: ${named}`;
  if (needs.length !== shards) return `it states the needs of ${needs.length} shards and has ${shards}`;
  if (needs.some(({ sends = [] }, from) => sends.some(({ to }) => to >= shards || to === from)))
    return 'a shard of it sends to none that there is';
  if (needs.some(({ feeds = [] }, to) => feeds.some((from) => from >= shards || from === to)))
    return 'a shard of it is fed by none that there is';
  if ((deployment.on?.length ?? 0) > shards) return 'it names trainers for more shards than it has';
  if (checks.length !== evaluations.length) return `it has data of ${checks.length} checks for ${evaluations.length}`;
  if (deployment.schedule === 'async' && isPacked(deployment.codec))
    return `its borders are ${deployment.codec}, and its schedule leaves out frames that others go on from`;
  const validation = evaluations.findIndex((e) => e.of !== undefined);
  if (validation >= 0 && validation < evaluations.length - 1)
    return 'its validation is not the last of its evaluations';
  const torn = evaluations.find((e, i) => !isWhole(answersOf(checks[i], e.field), e.sequence));
  if (torn) return `the answers of \`${shownPath(torn.check)}\` are not whole elements of ${torn.sequence} steps`;
  return (
    planFilesProblem(deployment.plan) ??
    dataProblem(train) ??
    firstProblem(checks, dataProblem) ??
    statisticsProblem(deployment.statistics) ??
    sizesProblem(blobsOf(deployment))
  );
}

/** Elements of one sample of the answers. */
function answersOf(data: DataRef | undefined, field: string): number {
  return data?.columns.find((c) => c.name === field)?.shape.reduce((product, n) => product * n, 1) ?? 1;
}

function isWhole(elements: number, steps = 1): boolean {
  return elements % steps === 0;
}

/** Every blob that it names, as often as it names it. */
export function blobsOf({ plan, statistics, train, checks, vocabulary }: Deployment): BlobRef[] {
  return [
    ...plan,
    ...(vocabulary ? [vocabulary] : []),
    ...statistics.map((s) => s.mean),
    ...[train, ...checks].flatMap((d) => d.columns.flatMap((c) => c.blobs)),
  ];
}

function planFilesProblem(plan: Deployment['plan']): string | undefined {
  if (plan[0]?.path !== 'plan.json') return 'the first file of its plan is not plan.json';
  const paths = new PathSet();
  for (const { path } of plan) {
    const problem = paths.add(path);
    if (problem !== undefined) return `its plan has the file ${shownPath(path)}: ${problem}`;
  }
  const total = sumOf(plan);
  return total > MAX_PLAN_BYTES ? `the files of its plan are ${total} bytes in all` : undefined;
}

/** Rows times their size is what its blobs have, so that no room is made for more. */
function dataProblem({ name, length, columns }: DataRef): string | undefined {
  if (length > MAX_ELEMENTS) return `${shownPath(name)} has more than ${MAX_ELEMENTS} rows`;
  const repeated = repeatedOf(columns.map((c) => c.name));
  if (repeated !== undefined) return `${shownPath(name)} has a second column ${shownPath(repeated)}`;
  return firstProblem(columns, (column) => {
    const bytes = column.shape.reduce((product, n) => product * n, length * ELEMENT_BYTES[column.type]);
    const what = `column ${shownPath(column.name)} of ${shownPath(name)}`;
    if (column.steps !== undefined && column.steps !== column.shape[0])
      return `${what} has ${column.shape[0] ?? 'no'} elements along its first axis, not its ${column.steps} steps`;
    if (!(bytes <= MAX_COLUMN_BYTES)) return `${what} has more than ${MAX_COLUMN_BYTES} bytes`;
    const given = sumOf(column.blobs);
    return given === bytes ? undefined : `${what} is ${bytes} bytes by its shape and ${given} by its blobs`;
  });
}

function statisticsProblem(statistics: Deployment['statistics']): string | undefined {
  const repeated = repeatedOf(statistics.map((s) => s.field));
  if (repeated !== undefined) return `it has the statistics of ${shownPath(repeated)} twice`;
  const torn = statistics.find((s) => s.mean.bytes % 4 !== 0);
  return torn && `the mean of ${shownPath(torn.field)} is not a row of f32`;
}

/** A blob has one size, wherever it is named. */
function sizesProblem(blobs: readonly BlobRef[]): string | undefined {
  const sizes = new Map<string, number>();
  for (const { blob, bytes } of blobs) {
    if (bytes > MAX_BLOB_BYTES) return `blob ${blob} has more than ${MAX_BLOB_BYTES} bytes`;
    if ((sizes.get(blob) ?? bytes) !== bytes) return `it gives two sizes for blob ${blob}`;
    sizes.set(blob, bytes);
  }
  return undefined;
}

function sumOf(blobs: readonly BlobRef[]): number {
  return blobs.reduce((sum, b) => sum + b.bytes, 0);
}

function repeatedOf(names: readonly string[]): string | undefined {
  return names.find((name, i) => names.indexOf(name) !== i);
}

function firstProblem<T>(all: readonly T[], problemOf: (one: T) => string | undefined): string | undefined {
  for (const one of all) {
    const problem = problemOf(one);
    if (problem !== undefined) return problem;
  }
  return undefined;
}
