/**
 * A predictor in virtual time, with the driver of the real one: clients ask it while the mesh that it follows trains,
 * dies and comes back. It watches what must hold: a request gets one answer or one refusal with a reason, by weights
 * that are loaded, never by older ones than a request before it.
 */
import type { RandomStream } from '../../spec/random.ts';
import type { Ending } from '../driver/ending.ts';
import { type Lent, PredictorDriver, type Refused } from '../driver/predictor-driver.ts';

export interface PredictorWorld {
  /** Requests a second. */
  readonly requests: number;
  /** Chance that a look or a load breaks its connection. */
  readonly loss: number;
  readonly rng: RandomStream;
  readonly later: (milliseconds: number, what: () => void) => void;
  readonly now: () => number;
  /** Calls in the newest snapshot of the run; in words why it is unknown. */
  readonly newest: () => number | string;
  /** Milliseconds one way to the mesh. */
  readonly latency: number;
}

export interface Served {
  readonly asked: number;
  readonly answered: number;
  /** By reason. */
  readonly refused: Readonly<Record<string, number>>;
  readonly reloads: number;
  /** Milliseconds until an answer or a refusal, at most. */
  readonly longest: number;
  /** Violations of what must always hold, in words. */
  readonly violations: readonly string[];
}

const TICK_MS = 100;
/** Milliseconds that an answer and a load take, at least, and how much more at most. */
const ANSWER = [5, 50] as const;
const LOAD = [200, 800] as const;

/** Weights as far as they matter here: of which snapshot they are. */
interface VirtualWeights {
  readonly calls: number;
}

interface Request {
  readonly at: number;
  /** The slot that answers it. */
  lent?: Lent<VirtualWeights>;
}

export class VirtualPredictor {
  readonly #world: PredictorWorld;
  readonly #driver: PredictorDriver<VirtualWeights>;
  readonly #loaded = new Set<VirtualWeights>();
  /** Without an answer, by number. */
  readonly #open = new Map<number, Request>();
  readonly #refused: Record<string, number> = {};
  readonly #violations: string[] = [];
  #draws = 0;
  #asked = 0;
  #answered = 0;
  #newestUsed = 0;
  #longest = 0;

  constructor(world: PredictorWorld) {
    this.#world = world;
    this.#driver = new PredictorDriver({
      now: world.now,
      weights: {
        newest: (ending) => this.#look(ending),
        load: (ending) => this.#world.later(this.#between(LOAD), () => this.#load(ending)),
        free: (weights) => this.#free(weights),
      },
    });
    world.later(0, () => this.#tick());
    world.later(this.#untilNext(), () => this.#ask());
  }

  /** Closes it: requests under way are answered, and then none may be left. */
  end(): Served {
    this.#driver.close();
    for (const [request, { lent }] of this.#open) if (lent) this.#end(request);
    for (const request of this.#open.keys()) this.#violations.push(`request ${request} got neither answer nor refusal`);
    for (const { calls } of this.#loaded) this.#violations.push(`the weights of call ${calls} were never freed`);
    return {
      asked: this.#asked,
      answered: this.#answered,
      refused: this.#refused,
      reloads: this.#driver.state.reloads,
      longest: this.#longest,
      violations: this.#violations,
    };
  }

  #tick(): void {
    this.#world.later(TICK_MS, () => this.#tick());
    this.#driver.tick();
  }

  #ask(): void {
    this.#world.later(this.#untilNext(), () => this.#ask());
    const request = this.#asked++;
    this.#open.set(request, { at: this.#world.now() });
    this.#driver.request({
      done: (lent) => this.#begin(request, lent),
      failed: (refused) => this.#refuse(request, refused as Refused),
    });
  }

  #look({ done, failed }: Ending<string>): void {
    const newest = this.#newest();
    const answer = (): void => (typeof newest === 'string' ? failed(newest) : done(String(newest)));
    this.#world.later(2 * this.#world.latency, answer);
  }

  #load({ done, failed }: Ending<{ readonly version: string; readonly weights: VirtualWeights }>): void {
    const newest = this.#newest();
    if (typeof newest === 'string') {
      failed(newest);
      return;
    }
    const weights = { calls: newest };
    this.#loaded.add(weights);
    done({ version: String(newest), weights });
  }

  #free(weights: VirtualWeights): void {
    if (!this.#loaded.delete(weights)) this.#violations.push(`the weights of call ${weights.calls} were freed twice`);
    for (const [request, { lent }] of this.#open)
      if (lent?.weights === weights)
        this.#violations.push(`the weights of call ${weights.calls} were freed under request ${request}`);
  }

  #begin(request: number, lent: Lent<VirtualWeights>): void {
    const open = this.#open.get(request);
    const { calls } = lent.weights;
    if (!open || open.lent) this.#violations.push(`request ${request} is answered a second time`);
    if (!this.#loaded.has(lent.weights))
      this.#violations.push(`request ${request} is answered by weights of call ${calls}, which are not loaded`);
    else if (calls < this.#newestUsed)
      this.#violations.push(`request ${request} is answered by older weights than before`);
    this.#newestUsed = Math.max(this.#newestUsed, calls);
    if (!open) return;
    open.lent = lent;
    this.#world.later(this.#between(ANSWER), () => this.#end(request));
  }

  #refuse(request: number, { reason }: Refused): void {
    this.#close(request);
    this.#refused[reason] = (this.#refused[reason] ?? 0) + 1;
    if (reason === '') this.#violations.push(`request ${request} was refused without a reason`);
  }

  #end(request: number): void {
    const lent = this.#open.get(request)?.lent;
    // It was answered when everything closed.
    if (!lent) return;
    this.#close(request);
    this.#answered++;
    lent.ended();
  }

  #close(request: number): void {
    const open = this.#open.get(request);
    if (!open) this.#violations.push(`request ${request} got a second word`);
    else this.#longest = Math.max(this.#longest, this.#world.now() - open.at);
    this.#open.delete(request);
  }

  /** The mesh's word, if the connection holds. */
  #newest(): number | string {
    return this.#uniform() < this.#world.loss ? 'the connection to the mesh broke' : this.#world.newest();
  }

  #untilNext(): number {
    return (-1000 / this.#world.requests) * Math.log(1 - this.#uniform());
  }

  #between([least, more]: readonly [number, number]): number {
    return least + more * this.#uniform();
  }

  #uniform(): number {
    return this.#world.rng.uniform(this.#draws++);
  }
}
