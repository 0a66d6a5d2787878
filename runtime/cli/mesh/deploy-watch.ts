/** Follows a run from afar: the events of a training, as `nmc train` tells them, and how far the epoch is. */
import type { Plan, PlanTraining } from '../../../spec/plan.ts';
import { askStatus } from '../../net/ask-status.ts';
import type { Link } from '../../net/link.ts';
import type { RunStatus } from '../../net/mesh-status.ts';
import { nmc } from '../../support/command-text.ts';
import { emit } from '../../support/emit.ts';
import { printableLines, printed } from '../../support/printable.ts';
import { createProgress, type Progress } from '../../support/progress.ts';
import { EXIT } from '../shell/command.ts';
import { watchInterrupt } from '../shell/watch-interrupt.ts';
import { followRun } from './follow-run.ts';
import { WatchReport } from './watch-report.ts';

/** Between two looks at how far each shard is: the log tells the rest. */
const PROGRESS_EVERY_MS = 500;

export interface Watched {
  readonly link: Link;
  readonly connect: () => Promise<Link>;
  readonly run: string;
  /** Options of the commands that come next. */
  readonly mesh: readonly string[];
  readonly plan: Plan;
  readonly training: PlanTraining;
  /** Of one epoch. */
  readonly batches: number;
  readonly json: boolean;
}

/** @returns the exit code, as `nmc train` has it. Ctrl-C ends watching; the run goes on. */
export async function watchRun(watched: Watched): Promise<number> {
  const { link, connect, run, mesh, json, batches, training } = watched;
  const interrupt = watchInterrupt(() => undefined);
  const progress = createProgress();
  const output = json ? undefined : process.stdout;
  const report = new WatchReport(run, {
    json,
    // On one terminal the bar makes room for a line; a file gets the lines alone.
    line: (text) => (output?.isTTY ? progress.note(text) : output?.write(printableLines(`${text}\n`))),
    trouble: (text) => progress.note(text),
    next: (done) => output?.write(printed`next: ${nmc`fetch ${done} ${mesh}`}\n`),
  });
  tellStart(watched);
  const look = json ? undefined : new EpochLook({ run, batches, batch: training.batch }, progress);
  try {
    for await (const followed of followRun({ link, run, connect, ended: interrupt.requested })) {
      if (followed.what === 'away') report.away(followed.reason);
      else if (followed.what === 'back') report.back();
      else if (followed.what === 'idle') await look?.take(followed.link);
      else {
        const code = report.record(followed.record);
        if (code !== undefined) return code;
      }
    }
    progress.note(printed`${run} goes on without being watched; to end it: ${nmc`stop ${run} ${mesh}`}`);
    return EXIT.interrupted;
  } finally {
    progress.stop();
    interrupt.release();
  }
}

function tellStart({ plan, training, run, json }: Watched): void {
  const parameters = plan.shards.reduce((sum, s) => sum + s.parameterCount, 0);
  const flopsPerBatch = plan.shards.reduce((sum, s) => sum + s.flopsPerBatch, 0);
  const start = { event: 'start', model: plan.model, task: training.task, device: 'mesh', parameters, flopsPerBatch };
  if (json) emit({ ...start, run });
  else process.stdout.write(printed`${run}: ${plan.model} ${training.task} in ${plan.shards.length} shards\n`);
}

interface LookedAt {
  readonly run: string;
  /** Of an epoch. */
  readonly batches: number;
  /** Samples of one. */
  readonly batch: number;
}

/** How far the epoch is, from the shard that is least far. */
export class EpochLook {
  readonly #watched: LookedAt;
  readonly #progress: Progress;
  readonly #now: () => number;
  #epoch = 0;
  #began = 0;
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor(watched: LookedAt, progress: Progress, now = () => performance.now()) {
    this.#watched = watched;
    this.#progress = progress;
    this.#now = now;
  }

  async take(link: Pick<Link, 'ask'>): Promise<void> {
    if (this.#now() - this.#lookedAt < PROGRESS_EVERY_MS) return;
    this.#lookedAt = this.#now();
    try {
      const { runs } = await askStatus(link);
      const found = runs.find((r) => r.run === this.#watched.run);
      if (found?.state === 'running') this.#show(found);
    } catch {
      // The mesh goes away: the next look at the log says so.
    }
  }

  #show({ epoch, epochs, shards }: RunStatus): void {
    const { batches, batch: samples } = this.#watched;
    const batch = Math.min(...shards.map((s) => s.batch));
    if (epoch !== this.#epoch) {
      this.#epoch = epoch;
      this.#began = batch;
      this.#progress.startEpoch({ epoch, epochs, batches, batchesDone: batch });
    }
    this.#progress.update(batch, Math.max(0, batch - this.#began) * samples);
  }
}
