/** What a server predicts with: a plan and its weights on a device, replaced as a whole by newer weights. */
import type { Plan } from '../../spec/plan.ts';
import { reasonOf } from '../../spec/reason-of.ts';
import type { Classes } from '../data/dataset.ts';
import {
  EMPTY_PREDICTOR,
  type PredictorEffect,
  type PredictorEvent,
  type PredictorState,
  predictor,
} from '../roles/predictor.ts';
import type { Shard } from '../shard/shard.ts';
import { EnvironmentError } from '../support/errors.ts';

/** Weights of one moment, ready on a device. */
export interface Loaded {
  /** What was loaded: a checksum or a hash, shown to clients. */
  readonly version: string;
  readonly plan: Plan;
  readonly shard: Shard;
  /** Names of the classes of the training data, by field, where they are known. */
  readonly classes?: Classes;
}

/** Where weights come from: a run folder, or a mesh. */
export interface PredictorSource {
  /** For people. */
  readonly name: string;
  /** The version that `load` would give now. Cheap: asked again and again. */
  newest(): Promise<string>;
  load(): Promise<Loaded>;
}

interface Waiting {
  readonly resolve: (loaded: Loaded) => void;
  readonly reject: (error: unknown) => void;
}

/** The predictor's state machine with a source and devices behind its effects. */
export class ReloadingPredictor {
  readonly #source: PredictorSource;
  readonly #now: () => number;
  readonly #loaded = new Map<number, Loaded>();
  readonly #waiting = new Map<number, Waiting>();
  /** What is under way, and ends before this one does. */
  readonly #work = new Set<Promise<void>>();
  #state: PredictorState = EMPTY_PREDICTOR;
  #requests = 0;
  /** Behind the words in `failure`. */
  #error: unknown;

  private constructor(source: PredictorSource, now: () => number) {
    this.#source = source;
    this.#now = now;
  }

  /** @returns when the first weights are there; @throws what loading them has thrown */
  static async open(source: PredictorSource, now: () => number = () => performance.now()): Promise<ReloadingPredictor> {
    const opened = new ReloadingPredictor(source, now);
    const first = opened.use(async () => undefined);
    opened.tick();
    await first;
    return opened;
  }

  get plan(): Plan {
    return this.#newest.plan;
  }

  get version(): string {
    return this.#newest.version;
  }

  /** How often newer weights took over. */
  get reloads(): number {
    return this.#state.reloads;
  }

  /** Why the last attempt to find or load newer weights failed; undefined when it did not. The old ones go on serving. */
  get failure(): string | undefined {
    return this.#state.failure;
  }

  /** Runs `work` with the weights of this moment, which stay loaded until it ends. */
  async use<T>(work: (loaded: Loaded) => Promise<T>): Promise<T> {
    const request = this.#requests++;
    const loaded = new Promise<Loaded>((resolve, reject) => this.#waiting.set(request, { resolve, reject }));
    this.#happen({ kind: 'request', request });
    const own = await loaded;
    try {
      return await work(own);
    } finally {
      this.#happen({ kind: 'ended', request });
    }
  }

  /** To be called again and again: looks for newer weights when it is time. */
  tick(): void {
    this.#happen({ kind: 'tick' });
  }

  /** Requests under way end first. */
  async close(): Promise<void> {
    this.#happen({ kind: 'close' });
    while (this.#work.size > 0) await Promise.allSettled([...this.#work]);
  }

  get #newest(): Loaded {
    const { current } = this.#state;
    const newest = current && this.#loaded.get(current.slot);
    if (!newest) throw new Error('nothing is loaded yet');
    return newest;
  }

  #happen(event: PredictorEvent): void {
    const step = predictor(this.#state, event, this.#now());
    this.#state = step.state;
    for (const effect of step.effects) this.#carryOut(effect);
  }

  #carryOut(effect: PredictorEffect): void {
    switch (effect.kind) {
      case 'look':
        this.#try(effect.slot, async () =>
          this.#happen({ kind: 'found', slot: effect.slot, version: await this.#source.newest() }),
        );
        return;
      case 'load':
        this.#try(effect.slot, async () => {
          const loaded = await this.#source.load();
          this.#loaded.set(effect.slot, loaded);
          this.#happen({ kind: 'loaded', slot: effect.slot, version: loaded.version });
        });
        return;
      case 'answer': {
        const loaded = this.#loaded.get(effect.slot);
        if (loaded) this.#taken(effect.request)?.resolve(loaded);
        return;
      }
      case 'refuse':
        this.#taken(effect.request)?.reject(this.#error ?? new EnvironmentError('serve/weights', effect.reason));
        return;
      case 'free':
        this.#free(effect.slot);
    }
  }

  #taken(request: number): Waiting | undefined {
    const waiting = this.#waiting.get(request);
    this.#waiting.delete(request);
    return waiting;
  }

  #try(slot: number, work: () => Promise<void>): void {
    this.#under(
      work().catch((error: unknown) => {
        this.#error = error;
        const reason = reasonOf(error);
        this.#happen({ kind: 'failed', slot, reason });
        this.#error = undefined;
      }),
    );
  }

  #free(slot: number): void {
    const loaded = this.#loaded.get(slot);
    this.#loaded.delete(slot);
    // What a device says when it is closed concerns nobody who still predicts.
    if (loaded) this.#under(loaded.shard.close().catch(() => undefined));
  }

  #under(work: Promise<void>): void {
    const done = work.finally(() => this.#work.delete(done));
    this.#work.add(done);
  }
}
