/** What a server predicts with: a plan and its weights on a device, replaced as a whole by newer weights. */
import type { Plan } from '../../spec/plan.ts';
import type { Shard } from '../shard/shard.ts';

/** Weights of one moment, ready on a device. */
export interface Loaded {
  /** What was loaded: a checksum or a hash, shown to clients. */
  readonly version: string;
  readonly plan: Plan;
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

/** One that may be replaced at any time; whoever has begun with the old one ends with it. */
export class ReloadingPredictor {
  readonly #source: PredictorSource;
  #current: Held;
  #reloading: Promise<void> | undefined;
  #reloads = 0;
  #failure: string | undefined;

  private constructor(source: PredictorSource, first: Loaded) {
    this.#source = source;
    this.#current = { loaded: first, users: 0, retired: false };
  }

  static async open(source: PredictorSource): Promise<ReloadingPredictor> {
    return new ReloadingPredictor(source, await source.load());
  }

  get plan(): Plan {
    return this.#current.loaded.plan;
  }

  get version(): string {
    return this.#current.loaded.version;
  }

  /** How often newer weights took over. */
  get reloads(): number {
    return this.#reloads;
  }

  /** Why the last attempt to load newer weights failed; undefined when it did not. The old ones go on serving. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** Runs `work` with the weights of this moment, which stay loaded until it ends. */
  async use<T>(work: (loaded: Loaded) => Promise<T>): Promise<T> {
    const held = this.#current;
    held.users++;
    try {
      return await work(held.loaded);
    } finally {
      held.users--;
      if (held.retired && held.users === 0) await held.loaded.shard.close();
    }
  }

  /** Loads newer weights if there are any. Calls that come together load once. */
  refresh(): Promise<void> {
    this.#reloading ??= this.#refresh().finally(() => {
      this.#reloading = undefined;
    });
    return this.#reloading;
  }

  async #refresh(): Promise<void> {
    try {
      if ((await this.#source.newest()) === this.version) return;
      const loaded = await this.#source.load();
      this.#failure = undefined;
      const old = this.#current;
      this.#current = { loaded, users: 0, retired: false };
      this.#reloads++;
      old.retired = true;
      if (old.users === 0) await old.loaded.shard.close();
    } catch (error) {
      this.#failure = error instanceof Error ? error.message : String(error);
    }
  }

  async close(): Promise<void> {
    await this.#reloading;
    await this.#current.loaded.shard.close();
  }
}

interface Held {
  readonly loaded: Loaded;
  users: number;
  retired: boolean;
}
