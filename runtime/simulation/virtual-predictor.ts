/**
 * A predictor in virtual time, with the state machine of the real one: clients ask it while the mesh that it follows
 * trains, dies and comes back. It watches what must hold: a request gets one answer or one refusal with a reason, by
 * weights that are loaded, never by older ones than a request before it.
 */
import type { RandomStream } from '../../spec/random.ts';
import {
  EMPTY_PREDICTOR,
  type PredictorEffect,
  type PredictorEvent,
  type PredictorState,
  predictor,
} from '../roles/predictor.ts';

export type PredictorHappening =
  | { readonly kind: 'tick' }
  | { readonly kind: 'ask' }
  | { readonly kind: 'event'; readonly event: PredictorEvent }
  | { readonly kind: 'loaded'; readonly slot: number }
  | { readonly kind: 'answered'; readonly request: number };

export interface PredictorWorld {
  /** Requests a second. */
  readonly requests: number;
  /** Chance that a look or a load breaks its connection. */
  readonly loss: number;
  readonly rng: RandomStream;
  readonly later: (milliseconds: number, what: PredictorHappening) => void;
  readonly now: () => number;
  /** Calls in the newest snapshot of the run; in words why nobody can say. */
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
  /** What must never be: in words. */
  readonly violations: readonly string[];
}

const TICK_MS = 100;
/** Milliseconds that an answer and a load take, at least, and how much more at most. */
const ANSWER = [5, 50] as const;
const LOAD = [200, 800] as const;

export class VirtualPredictor {
  readonly #world: PredictorWorld;
  /** By slot: the calls in the snapshot that was loaded into it. */
  readonly #loaded = new Map<number, number>();
  /** Requests without an answer: when they were asked, and the slot that answers. */
  readonly #open = new Map<number, { readonly at: number; slot?: number }>();
  readonly #refused: Record<string, number> = {};
  readonly #violations: string[] = [];
  #state: PredictorState = EMPTY_PREDICTOR;
  #draws = 0;
  #asked = 0;
  #answered = 0;
  #newestUsed = 0;
  #longest = 0;

  constructor(world: PredictorWorld) {
    this.#world = world;
    world.later(0, { kind: 'tick' });
    world.later(this.#untilNext(), { kind: 'ask' });
  }

  happen(what: PredictorHappening): void {
    switch (what.kind) {
      case 'tick':
        this.#world.later(TICK_MS, what);
        this.#take({ kind: 'tick' });
        return;
      case 'ask': {
        this.#world.later(this.#untilNext(), what);
        const request = this.#asked++;
        this.#open.set(request, { at: this.#world.now() });
        this.#take({ kind: 'request', request });
        return;
      }
      case 'event':
        this.#take(what.event);
        return;
      case 'loaded':
        this.#finishLoad(what.slot);
        return;
      case 'answered':
        this.#answer(what.request);
    }
  }

  /** Closes it: what is under way is answered, and then nobody may be left. */
  end(): Served {
    this.#take({ kind: 'close' });
    for (const [request, { slot }] of this.#open) if (slot !== undefined) this.#answer(request);
    for (const request of this.#open.keys()) this.#violations.push(`request ${request} got neither answer nor refusal`);
    for (const slot of this.#loaded.keys()) this.#violations.push(`the weights in slot ${slot} were never freed`);
    return {
      asked: this.#asked,
      answered: this.#answered,
      refused: this.#refused,
      reloads: this.#state.reloads,
      longest: this.#longest,
      violations: this.#violations,
    };
  }

  #take(event: PredictorEvent): void {
    const step = predictor(this.#state, event, this.#world.now());
    this.#state = step.state;
    for (const effect of step.effects) this.#carryOut(effect);
  }

  #carryOut(effect: PredictorEffect): void {
    const { later, latency } = this.#world;
    switch (effect.kind) {
      case 'look': {
        const newest = this.#ask();
        const { slot } = effect;
        const event: PredictorEvent =
          typeof newest === 'string'
            ? { kind: 'failed', slot, reason: newest }
            : { kind: 'found', slot, version: String(newest) };
        later(2 * latency, { kind: 'event', event });
        return;
      }
      case 'load':
        later(this.#between(LOAD), { kind: 'loaded', slot: effect.slot });
        return;
      case 'answer':
        this.#begin(effect.request, effect.slot);
        return;
      case 'refuse':
        this.#close(effect.request);
        this.#refused[effect.reason] = (this.#refused[effect.reason] ?? 0) + 1;
        if (effect.reason === '') this.#violations.push(`request ${effect.request} was refused without a reason`);
        return;
      case 'free':
        this.#loaded.delete(effect.slot);
        for (const [request, { slot }] of this.#open)
          if (slot === effect.slot) this.#violations.push(`slot ${slot} was freed under request ${request}`);
    }
  }

  #finishLoad(slot: number): void {
    const newest = this.#ask();
    if (typeof newest === 'string') {
      this.#take({ kind: 'failed', slot, reason: newest });
      return;
    }
    this.#loaded.set(slot, newest);
    this.#take({ kind: 'loaded', slot, version: String(newest) });
  }

  #begin(request: number, slot: number): void {
    const open = this.#open.get(request);
    const calls = this.#loaded.get(slot);
    if (!open || open.slot !== undefined) this.#violations.push(`request ${request} is answered a second time`);
    if (calls === undefined)
      this.#violations.push(`request ${request} is answered by slot ${slot}, which is not loaded`);
    else if (calls < this.#newestUsed)
      this.#violations.push(`request ${request} is answered by older weights than before`);
    this.#newestUsed = Math.max(this.#newestUsed, calls ?? 0);
    if (!open) return;
    open.slot = slot;
    this.#world.later(this.#between(ANSWER), { kind: 'answered', request });
  }

  #answer(request: number): void {
    // It was answered when everything closed.
    if (!this.#open.has(request)) return;
    this.#close(request);
    this.#answered++;
    this.#take({ kind: 'ended', request });
  }

  #close(request: number): void {
    const open = this.#open.get(request);
    if (!open) this.#violations.push(`request ${request} got a second word`);
    else this.#longest = Math.max(this.#longest, this.#world.now() - open.at);
    this.#open.delete(request);
  }

  /** The mesh's word, if the connection holds. */
  #ask(): number | string {
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
