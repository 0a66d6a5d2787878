/**
 * The warning of `--probe`, without being asked: looked for beside the training, once its first batch is done, where it
 * costs well under a second. Nothing waits for it but the end.
 */
import { hasSettling, methodOf } from '../../../compiler/5-program/method.ts';
import { type Probed, probe } from '../compiling/probe.ts';
import type { Reporter } from './train-report.ts';

/** As much as a slow processor does in half a second. */
const MAX_FLOP = 4e9;
/** Larger graphs take longer to be lowered. */
const MAX_LINKS = 64;
/** Gradients of the energy that a probe takes: rounds, forwards and backwards. */
const GRADIENTS = 40;

export interface RateWarning {
  /** Tells the same, and begins to look when the first batch is done. */
  readonly reporter: Reporter;
  /** When what was begun has ended. */
  done(): Promise<void>;
}

/** @param flopsPerBatch of the training */
export function watchRate(probed: Probed, flopsPerBatch: number, reporter: Reporter): RateWarning {
  let looking: Promise<void> | undefined;
  const done = async (): Promise<void> => looking;
  if (!isCheap(probed, flopsPerBatch)) return { reporter, done };
  const look = async (): Promise<void> => {
    const found = await probe(probed).catch(() => undefined);
    if (found && found.rate > found.limit) reporter.rateTooLarge(found);
  };
  const batchDone: Reporter['observer']['batchDone'] = (batch, samples) => {
    looking ??= look();
    reporter.observer.batchDone(batch, samples);
  };
  return { reporter: { ...reporter, observer: { ...reporter.observer, batchDone } }, done };
}

function isCheap({ staged, device }: Probed, flopsPerBatch: number): boolean {
  const { task, graph } = staged;
  const method = task && methodOf(task);
  if (!method || !hasSettling(method) || device.name !== 'cpu' || graph.links.length > MAX_LINKS) return false;
  return (flopsPerBatch / (method.steps + 1)) * GRADIENTS <= MAX_FLOP;
}
