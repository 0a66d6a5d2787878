/** The report of a training, for programs (`train-report-json.ts`) or for people (`train-report-human.ts`). */
import type { Diagnostic } from '../../../compiler/diagnostics/diagnostic.ts';
import type { Plan, PlanTraining } from '../../../spec/plan.ts';
import type { Device } from '../../device/device.ts';
import type { TrainingData } from '../../shard/trainable.ts';
import type { TrainingEnd, TrainingObserver } from '../../shard/training.ts';
import type { StoredRow, TrainingRun } from '../../store/run-folder.ts';
import type { Probe } from '../compiling/probe.ts';

export interface Reporter {
  readonly observer: TrainingObserver;
  warnings(warnings: readonly Diagnostic[], texts: ReadonlyMap<string, string>): void;
  note(line: string): void;
  /** Model, method and device of the training, as soon as they are known. */
  start(plan: Plan, training: PlanTraining, device: Device): void;
  data(data: TrainingData, training: PlanTraining): void;
  /** Result of `--probe`. */
  probed(probe: Probe): void;
  /** That inference is likely to diverge, said without --probe. */
  rateTooLarge(probe: Probe): void;
  /** Says so where the wait is long enough to be noticed. */
  waiting<T>(what: string, work: Promise<T>): Promise<T>;
  begins(run: TrainingRun): void;
  stopProgress(): void;
  /** @returns the exit code */
  interrupted(directory: string): number;
  done(directory: string, rows: readonly StoredRow[], end: TrainingEnd & { kind: 'done' }, seconds: number): void;
  /** @returns the exit code */
  alreadyDone(run: TrainingRun, plan: Plan): number;
}
