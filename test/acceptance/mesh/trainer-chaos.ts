/** Trainers of a mesh that are killed and stopped, one after the other, while it trains; and what its logs say of each. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type RandomStream, stream } from '../../../spec/random.ts';
import { signalProcess } from '../../support/end-process.ts';
import type { Json, RunningMesh } from './running-mesh.ts';
import type { StatusWatch } from './status-watch.ts';

export interface Fault {
  readonly what: 'killed' | 'stopped';
  readonly trainer: string;
  /** Milliseconds of the wall's clock. */
  readonly at: number;
  /** The run that it had shards of; nothing: of none. */
  readonly run: string | undefined;
}

/** Seconds after a fault. */
export interface Mended extends Fault {
  /** When it counted as gone; nothing: it went on before. */
  readonly found: number | undefined;
  /** When all shards of its run were running again. */
  readonly running: number | undefined;
}

interface Trainer {
  readonly name: string;
  readonly pid: number;
}

export interface ChaosTimes {
  /** Milliseconds between two kills; half of it later another trainer is stopped. */
  readonly every: number;
  /** For so long. */
  readonly stopped: number;
}

export class TrainerChaos {
  readonly faults: Fault[] = [];
  readonly #watch: StatusWatch;
  readonly #rng: RandomStream = stream(1, 'chaos of trainers');
  #draws = 0;
  #status: Json = {};
  #over = false;
  #stopped: string | undefined;

  constructor(mesh: RunningMesh) {
    this.#watch = mesh.watch();
    this.#follow().catch(() => undefined);
  }

  /** What the mesh has said of itself last. */
  run(name: string): Json | undefined {
    return (this.#status.runs as Json[] | undefined)?.find(({ run }) => run === name);
  }

  /** Until so many milliseconds have passed. */
  async during(milliseconds: number, { every, stopped }: ChaosTimes): Promise<void> {
    const end = performance.now() + milliseconds;
    const pauses: Promise<void>[] = [];
    while (performance.now() + every < end) {
      await sleep(every / 2);
      pauses.push(this.#stop(stopped));
      await sleep(every / 2);
      this.#kill();
    }
    await Promise.all(pauses);
  }

  close(): void {
    this.#over = true;
    this.#watch.close();
  }

  async #follow(): Promise<void> {
    while (!this.#over) this.#status = (await this.#watch.next()).status;
  }

  #kill(): void {
    const victim = this.#draw();
    if (victim && this.#signal(victim, 'SIGKILL')) this.#note('killed', victim);
  }

  async #stop(milliseconds: number): Promise<void> {
    const victim = this.#draw();
    if (!victim || !this.#signal(victim, 'SIGSTOP')) return;
    this.#note('stopped', victim);
    this.#stopped = victim.name;
    await sleep(milliseconds);
    this.#stopped = undefined;
    this.#signal(victim, 'SIGCONT');
  }

  /** Of those that are there, and not stopped now. */
  #draw(): Trainer | undefined {
    const all = ((this.#status.trainers ?? []) as { name: string; pid: number | null }[]).flatMap(({ name, pid }) =>
      pid === null || name === this.#stopped ? [] : [{ name, pid }],
    );
    return all[this.#rng.bits(this.#draws++) % Math.max(1, all.length)];
  }

  #note(what: Fault['what'], { name }: Trainer): void {
    const runs = (this.#status.runs ?? []) as { run: string; state: string; shards: { trainer: string | null }[] }[];
    const own = runs.find(({ state, shards }) => state === 'running' && shards.some(({ trainer }) => trainer === name));
    this.faults.push({ what, trainer: name, at: Date.now(), run: own?.run });
  }

  /** @returns whether it was there */
  #signal({ pid }: Trainer, signal: NodeJS.Signals): boolean {
    try {
      signalProcess(pid, signal);
      return true;
    } catch {
      return false; // the status is older than its end
    }
  }
}

/** Seconds behind a fault in which a run that ends needs no trainer any more. */
const ENDING = 5;

/**
 * Faults behind which the run went on.
 * @param faults of its trainers, in their order @param log of the run
 */
export function mendedOf(faults: readonly Fault[], log: readonly Json[]): Mended[] {
  const end = Number(log.find(({ event }) => event === 'done')?.time ?? Number.POSITIVE_INFINITY);
  const struck = faults.filter(({ at }) => at + 1000 * ENDING < end);
  return struck.map((fault, i) => {
    const next = struck.slice(i + 1).find(({ trainer }) => trainer === fault.trainer)?.at ?? Number.POSITIVE_INFINITY;
    const after = log.filter(({ time }) => Number(time) >= fault.at && Number(time) < next);
    const lost = after.find((e) => isLoss(e, fault.trainer));
    const again = lost && after.find((e) => e.event === 'running' && Number(e.time) >= Number(lost.time));
    const seconds = (event: Json | undefined): number | undefined => event && (Number(event.time) - fault.at) / 1000;
    return { ...fault, found: seconds(lost), running: seconds(again) };
  });
}

/** It is gone, or has begun anew before that was seen. */
function isLoss({ event, trainer, why }: Json, name: string): boolean {
  if (event === 'lost') return trainer === name;
  return event === 'epoch-of-owners' && String(why).startsWith(`${name} `);
}
