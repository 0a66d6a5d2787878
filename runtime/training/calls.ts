/**
 * A run, call by call: the training batches of an epoch, each step of a sequence a call of its own, then the
 * batches of its evaluations, epoch after epoch. The number of a call says all about it, so no message has to. Pure.
 */
import { isRanked } from '../../spec/metrics.ts';
import { TRAIN } from '../../spec/names.ts';
import type { Position } from '../device/device.ts';
import type { Evaluation } from './evaluations.ts';

/** How long a run is. A deployment is one; one machine makes its own of a plan and its data. */
export interface RunLengths {
  readonly train: { readonly length: number };
  /** Data of each evaluation. */
  readonly checks: readonly { readonly length: number }[];
  /** Samples of a training batch. */
  readonly batch: number;
  /** Steps of a sequence; absent: samples are not sequences. */
  readonly sequence?: number;
  /** A last batch that is not full is trained, too. */
  readonly last?: 'keep';
  readonly evaluations: readonly (Pick<Evaluation, 'batch' | 'sequence' | 'function' | 'metric'> & {
    /** Its calls change what the model remembers. */
    readonly remembers?: boolean;
  })[];
  readonly epochs: number;
}

/** With the training batches between two snapshots. */
export interface SavedRun extends RunLengths {
  readonly snapshotEvery: number;
}

/** `step`: of a sequence, from 0. */
export type Call =
  | { readonly kind: 'train'; readonly epoch: number; readonly batch: number; readonly step?: number }
  | {
      readonly kind: 'evaluate';
      readonly epoch: number;
      readonly evaluation: number;
      readonly batch: number;
      readonly step?: number;
    };

/** Training batches of one epoch: a last one that is not full is left out, unless it is kept. */
export function batchesOf({ train, batch, last }: Pick<RunLengths, 'train' | 'batch' | 'last'>): number {
  return last === 'keep' ? Math.ceil(train.length / batch) : Math.floor(train.length / batch);
}

/** Samples of each epoch that do not fill a last batch: which ones, the order of the epoch draws anew. */
export function leftOutOf({ train, batch, last }: Pick<RunLengths, 'train' | 'batch' | 'last'>): number {
  return last === 'keep' ? 0 : train.length % batch;
}

/** Calls of one training batch: one, or one for each step of its sequences. Every one is an update of its own. */
export function callsOfBatch({ sequence }: Pick<RunLengths, 'sequence'>, epoch: number, batch: number): Call[] {
  if (sequence === undefined) return [{ kind: 'train', epoch, batch }];
  return Array.from({ length: sequence }, (_, step) => ({ kind: 'train', epoch, batch, step }));
}

/** The function of the program that a call runs. */
export function functionOf({ evaluations }: Pick<RunLengths, 'evaluations'>, call: Call): string {
  return call.kind === 'train' ? TRAIN : (evaluations[call.evaluation]?.function ?? '');
}

/** Where a call stands in the training. An evaluation stands nowhere: schedules are not for it. */
export function positionOf(
  run: Pick<RunLengths, 'train' | 'batch' | 'sequence' | 'epochs' | 'last'>,
  call: Call,
): Position {
  const at = call.step === undefined ? {} : { step: call.step };
  if (call.kind === 'evaluate') return { batch: 0, batches: 1, ...at };
  const { sequence: steps = 1, epochs } = run;
  const batches = batchesOf(run);
  return {
    batch: (call.epoch * batches + call.batch) * steps + (call.step ?? 0),
    batches: epochs * batches * steps,
    ...at,
  };
}

/** Samples that one training call of a batch counts for: a step of a sequence for its share of them. */
export function samplesOf({ batch, sequence = 1 }: Pick<RunLengths, 'batch' | 'sequence'>): number {
  return batch / sequence;
}

function trainCalls(run: RunLengths): number {
  return batchesOf(run) * (run.sequence ?? 1);
}

/** Those of training among the first `calls` of the run that lie in the epoch of the last one of them. */
export function trainedInEpoch(run: RunLengths, calls: number): number {
  if (calls <= 0) return 0;
  return Math.min(trainCalls(run), ((calls - 1) % callsPerEpoch(run)) + 1);
}

/** Calls of each evaluation in an epoch. */
export function evaluationCalls({ evaluations, checks }: RunLengths): number[] {
  return evaluations.map((e, i) => Math.ceil((checks[i]?.length ?? 0) / e.batch) * (e.sequence ?? 1));
}

export function callsPerEpoch(run: RunLengths): number {
  return trainCalls(run) + evaluationCalls(run).reduce((sum, n) => sum + n, 0);
}

export function allCalls(run: RunLengths): number {
  return run.epochs * callsPerEpoch(run);
}

/** Behind which call the trainings of the epoch end in which `calls` calls have been made; at an epoch's end of that one. */
export function trainingsEnd(run: RunLengths, calls: number): number {
  const perEpoch = callsPerEpoch(run);
  return Math.max(0, Math.ceil(calls / perEpoch) - 1) * perEpoch + trainCalls(run);
}

/** The call behind which the evaluations of the last epoch begin. */
export function lastEvaluations(run: RunLengths): number {
  return allCalls(run) - callsPerEpoch(run) + trainCalls(run);
}

/** Which call is made where so many have been made before it. */
export function callAt(run: RunLengths, callIndex: number): Call {
  const perEpoch = callsPerEpoch(run);
  const epoch = Math.floor(callIndex / perEpoch);
  let rest = callIndex % perEpoch;
  if (rest < trainCalls(run)) return { kind: 'train', epoch, ...stepAt(rest, run.sequence) };
  rest -= trainCalls(run);
  for (const [evaluation, count] of evaluationCalls(run).entries()) {
    if (rest < count)
      return { kind: 'evaluate', epoch, evaluation, ...stepAt(rest, run.evaluations[evaluation]?.sequence) };
    rest -= count;
  }
  throw new RangeError(`call ${callIndex} of ${allCalls(run)}`);
}

function stepAt(n: number, sequence: number | undefined): { readonly batch: number; readonly step?: number } {
  return sequence === undefined ? { batch: n } : { batch: Math.floor(n / sequence), step: n % sequence };
}

/**
 * Whether all shards save their state behind the first `calls` calls: every so many batches, and after each epoch. An
 * epoch's last batch is saved with its evaluations: they leave the same weights, and a run that goes on needs their sums.
 */
export function isCut(run: SavedRun, calls: number): boolean {
  if (calls === 0) return false;
  const rest = calls % callsPerEpoch(run);
  return rest === 0 || (rest < trainCalls(run) && rest % (run.snapshotEvery * (run.sequence ?? 1)) === 0);
}

/** Snapshots of an epoch that was not stopped. */
export function snapshotsPerEpoch(run: SavedRun): number {
  const inside = Math.max(0, batchesOf(run) - 1);
  return Math.floor(inside / run.snapshotEvery) + 1;
}

/** Batches between two snapshots by default: those of a short epoch. */
export function usualSnapshots(batches: number): number {
  return Math.max(1, Math.min(SNAPSHOT_BATCHES, batches));
}

const SNAPSHOT_BATCHES = 100;

/** Calls up to the last among the first `calls` that changed a state: evaluations change none but what they remember. */
export function lastChange(run: RunLengths, calls: number): number {
  if (calls === 0) return 0;
  const rest = ((calls - 1) % callsPerEpoch(run)) + 1;
  let from = trainCalls(run);
  let last = Math.min(rest, from);
  for (const [i, count] of evaluationCalls(run).entries()) {
    const done = Math.min(rest - from, count);
    if (done > 0 && run.evaluations[i]?.remembers) last = from + done;
    from += count;
  }
  return calls - rest + last;
}

/** Whether a call leaves another state behind than it found: trainings do, and evaluations that remember. */
export function changesState({ evaluations }: Pick<RunLengths, 'evaluations'>, call: Call): boolean {
  return call.kind === 'train' || evaluations[call.evaluation]?.remembers === true;
}

/**
 * The first call from `calls` on behind which no sequence is under way, and no ranking, whose scores no snapshot has: the
 * end of a batch, or of an evaluation.
 */
export function endOfBatch(run: RunLengths, calls: number): number {
  if (calls === 0 || calls >= allCalls(run)) return calls;
  const call = callAt(run, calls - 1);
  const evaluation = call.kind === 'train' ? undefined : run.evaluations[call.evaluation];
  const steps = (call.kind === 'train' ? run.sequence : evaluation?.sequence) ?? 1;
  if (call.kind === 'evaluate' && isRanked(evaluation?.metric ?? ''))
    return calls + (evaluationCalls(run)[call.evaluation] ?? 0) - (call.batch * steps + (call.step ?? 0) + 1);
  return calls + steps - 1 - (call.step ?? 0);
}

/** Training batches of its epoch that a run has ended behind the first `calls` calls. */
export function batchesBehind(run: RunLengths, calls: number): number {
  return Math.floor(Math.min(calls % callsPerEpoch(run), trainCalls(run)) / (run.sequence ?? 1));
}

/** Whether an epoch ends there, with its evaluations. */
export function endsEpoch(run: RunLengths, calls: number): boolean {
  return calls > 0 && calls % callsPerEpoch(run) === 0;
}

/**
 * Elements that evaluation `i` of the epoch has compared behind the first `calls` calls.
 * @param size elements of the answer of one sample, all steps of a sequence together
 */
export function comparedAfter(run: RunLengths, calls: number, i: number, size: number): number {
  const evaluation = run.evaluations[i];
  const length = run.checks[i]?.length ?? 0;
  if (calls === 0 || !evaluation) return 0;
  const { batch, sequence = 1 } = evaluation;
  const counts = evaluationCalls(run);
  const before = trainCalls(run) + counts.slice(0, i).reduce((sum, n) => sum + n, 0);
  const rest = ((calls - 1) % callsPerEpoch(run)) + 1;
  const done = Math.max(0, Math.min(rest - before, counts[i] ?? 0));
  const whole = Math.floor(done / sequence);
  const [full, begun] = [whole, whole + 1].map((n) => Math.min(n * batch, length)) as [number, number];
  return full * size + (begun - full) * (done % sequence) * (size / sequence);
}
