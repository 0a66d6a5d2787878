/** A plan and its weights on a device, replaced as a whole by newer weights: a server predicts with it. */
import type { Plan } from '../../spec/plan.ts';
import type { Classes } from '../data/dataset.ts';
import { type Ending, settle } from '../driver/ending.ts';
import { type Lent, PredictorDriver, type Refused } from '../driver/predictor-driver.ts';
import type { Shard } from '../shard/shard.ts';
import { EnvironmentError } from '../support/errors.ts';

/** Weights of one moment, ready on a device. */
export interface Loaded {
  /** The loaded weights: a checksum or a hash, shown to clients. */
  readonly version: string;
  /** Hash of all weights, where answers are signed. */
  readonly weights?: string;
  readonly plan: Plan;
  /** Names of the classes of the training data, by field, where they are known. */
  readonly classes?: Classes;
  readonly shard: Shard;
}

/** Where weights come from: a run folder, or a mesh. */
export interface PredictorSource {
  /** For people. */
  readonly name: string;
  /** The version that `load` would give now. Cheap: asked again and again. */
  newest(): Promise<string>;
  load(): Promise<Loaded>;
}

/** The predictor's driver with a source and devices behind its ports. */
export class ReloadingPredictor {
  readonly #driver: PredictorDriver<Loaded>;
  /** Predictions under way, which end before this one does. */
  readonly #work = new Set<Promise<void>>();

  private constructor(source: PredictorSource, now: () => number) {
    this.#driver = new PredictorDriver<Loaded>({
      now,
      weights: {
        newest: (ending) => this.#under(source.newest(), ending),
        load: (ending) =>
          this.#under(
            source.load().then((weights) => ({ version: weights.version, weights })),
            ending,
          ),
        // Messages of a closing device do not matter to running predictions.
        free: ({ shard }) => this.#under(shard.close(), { done: () => undefined, failed: () => undefined }),
      },
    });
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
    return this.#driver.state.reloads;
  }

  /**
   * Why the last attempt to find or load newer weights failed; undefined when it did not. The old ones go on serving.
   */
  get failure(): string | undefined {
    return this.#driver.state.failure;
  }

  /** Runs `work` with the weights of this moment, which stay loaded until it ends. */
  async use<T>(work: (loaded: Loaded) => Promise<T>): Promise<T> {
    const { weights, ended } = await this.#lent();
    try {
      return await work(weights);
    } finally {
      ended();
    }
  }

  /** To be called again and again: looks for newer weights when it is time. */
  tick(): void {
    this.#driver.tick();
  }

  /** Requests under way end first. */
  async close(): Promise<void> {
    this.#driver.close();
    while (this.#work.size > 0) await Promise.allSettled([...this.#work]);
  }

  get #newest(): Loaded {
    const newest = this.#driver.current;
    if (!newest) throw new Error('nothing is loaded yet');
    return newest;
  }

  #lent(): Promise<Lent<Loaded>> {
    return new Promise((resolve, reject) => {
      const failed = (refused: unknown): void => {
        const { reason, error } = refused as Refused;
        reject(error ?? new EnvironmentError('serve/weights', reason));
      };
      this.#driver.request({ done: resolve, failed });
    });
  }

  #under<T>(work: Promise<T>, ending: Ending<T>): void {
    settle(work, ending);
    const done = work.then(
      () => undefined,
      () => undefined,
    );
    const noted = done.finally(() => this.#work.delete(noted));
    this.#work.add(noted);
  }
}
