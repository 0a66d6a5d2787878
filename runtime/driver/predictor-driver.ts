/**
 * Runs the predictor's state machine: looks and loads become questions to the source of weights, and what comes of them
 * its next events. A request hears once which weights are its own, or why there are none. The same driver runs in a
 * served process, in a simulation and in tests: the ports make the difference.
 */
import { reasonOf } from '../../spec/reason-of.ts';
import {
  EMPTY_PREDICTOR,
  type PredictorEffect,
  type PredictorEvent,
  type PredictorState,
  predictor,
} from '../roles/predictor.ts';
import type { Ending } from './ending.ts';

/** Weights of one moment, and the function to call when they are no longer used. */
export interface Lent<W> {
  readonly weights: W;
  readonly ended: () => void;
}

export interface WeightsPort<W> {
  /** The version that `load` would give now. */
  readonly newest: (ending: Ending<string>) => void;
  readonly load: (ending: Ending<{ readonly version: string; readonly weights: W }>) => void;
  /** They are no longer used. */
  readonly free: (weights: W) => void;
}

export interface PredictorPorts<W> {
  readonly weights: WeightsPort<W>;
  /** Milliseconds since any moment. */
  readonly now: () => number;
}

/** Why a request got no weights. */
export interface Refused {
  readonly reason: string;
  /** The error, where one was thrown. */
  readonly error?: unknown;
}

export class PredictorDriver<W> {
  readonly #ports: PredictorPorts<W>;
  readonly #loaded = new Map<number, W>();
  readonly #waiting = new Map<number, Ending<Lent<W>>>();
  #state: PredictorState = EMPTY_PREDICTOR;
  #requests = 0;
  /** Behind the reason of what failed. */
  #error: unknown;

  constructor(ports: PredictorPorts<W>) {
    this.#ports = ports;
  }

  get state(): PredictorState {
    return this.#state;
  }

  /** The answer that new requests get. */
  get current(): W | undefined {
    const { current } = this.#state;
    return current && this.#loaded.get(current.slot);
  }

  /** @param ending `failed` is given why as `Refused` */
  request(ending: Ending<Lent<W>>): void {
    const request = this.#requests++;
    this.#waiting.set(request, ending);
    this.#happen({ kind: 'request', request });
  }

  /** To be called again and again: looks for newer weights when it is time. */
  tick(): void {
    this.#happen({ kind: 'tick' });
  }

  /** Requests under way go on with their weights; who waits is refused, as is who comes later. */
  close(): void {
    this.#happen({ kind: 'close' });
  }

  #happen(event: PredictorEvent): void {
    const step = predictor(this.#state, event, this.#ports.now());
    this.#state = step.state;
    for (const effect of step.effects) this.#carryOut(effect);
  }

  #carryOut(effect: PredictorEffect): void {
    const { weights } = this.#ports;
    switch (effect.kind) {
      case 'look': {
        const { slot } = effect;
        weights.newest({
          done: (version) => this.#happen({ kind: 'found', slot, version }),
          failed: (error) => this.#fail(slot, error),
        });
        return;
      }
      case 'load': {
        const { slot } = effect;
        weights.load({
          done: ({ version, weights: own }) => {
            this.#loaded.set(slot, own);
            this.#happen({ kind: 'loaded', slot, version });
          },
          failed: (error) => this.#fail(slot, error),
        });
        return;
      }
      case 'answer':
        this.#answer(effect.request, effect.slot);
        return;
      case 'refuse': {
        const error = this.#error;
        const refused: Refused = { reason: effect.reason, ...(error === undefined ? {} : { error }) };
        this.#taken(effect.request)?.failed(refused);
        return;
      }
      case 'free': {
        const own = this.#loaded.get(effect.slot);
        this.#loaded.delete(effect.slot);
        if (own !== undefined) weights.free(own);
      }
    }
  }

  #answer(request: number, slot: number): void {
    const weights = this.#loaded.get(slot);
    if (weights === undefined) throw new Error(`request ${request} is answered by slot ${slot}, which is not loaded`);
    this.#taken(request)?.done({ weights, ended: () => this.#happen({ kind: 'ended', request }) });
  }

  #taken(request: number): Ending<Lent<W>> | undefined {
    const waiting = this.#waiting.get(request);
    this.#waiting.delete(request);
    return waiting;
  }

  #fail(slot: number, error: unknown): void {
    this.#error = error;
    this.#happen({ kind: 'failed', slot, reason: reasonOf(error) });
    this.#error = undefined;
  }
}
