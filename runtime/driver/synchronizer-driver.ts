/**
 * Runs the synchronizer's state machine: its effects one after the other, in the order in which they came, so that
 * states are durable before they are announced. The same driver runs on a node, in a simulation and in tests.
 */
import { restoredSynchronizer, synchronizer } from '../roles/synchronizer.ts';
import type {
  Step,
  StoredRun,
  SynchronizerEffect,
  SynchronizerEvent,
  SynchronizerState,
} from '../roles/synchronizer-state.ts';
import type { Message } from '../wire/messages.ts';
import type { Ending } from './ending.ts';

type EffectOf<K extends SynchronizerEffect['kind']> = Extract<SynchronizerEffect, { readonly kind: K }>;

export interface StorePort {
  /** It ends when nothing can undo it. */
  readonly persist: (run: string, value: StoredRun, ending: Ending<void>) => void;
  readonly log: (run: string, event: EffectOf<'log'>['event'], ending: Ending<void>) => void;
  readonly keep: (stream: string, value: unknown, ending: Ending<void>) => void;
  /** Of several synchronizers. It ends with whether the placement is to be had; where not, what others have was told before. */
  readonly allot?: (effect: EffectOf<'allot'>, ending: Ending<boolean>) => void;
  /** Of several synchronizers: to the leader of that run. */
  readonly overtook?: (run: string) => void;
}

export interface TrainersPort {
  readonly send: (to: string, message: Message) => void;
  /** The trainer has to begin its connection again. */
  readonly reconnect: (key: string) => void;
  /** The trainer may go. */
  readonly dismiss: (key: string) => void;
}

export interface SynchronizerPorts {
  readonly store: StorePort;
  readonly trainers: TrainersPort;
  /** Of its own machine: what comes of it is an event. */
  readonly work: (effect: EffectOf<'verify' | 'check' | 'audit' | 'pledge'>) => void;
  /** A key may nothing any more. */
  readonly revoke?: (effect: EffectOf<'revoke'>) => void;
  /** What audits say to the ledger, before it is kept. */
  readonly ledger?: (effect: EffectOf<'verdict' | 'audits-over'>) => void;
  readonly now: () => number;
  /** Begins with effects when what brought the event has been dealt with; absent: at once. */
  readonly soon?: (what: () => void) => void;
  /** Hears of everything that enters the state machine. */
  readonly note?: (before: SynchronizerState, event: SynchronizerEvent, at: number, step: Step) => void;
  /** The caller reads no state that was there before an event. */
  readonly forgetful?: true;
  /** An effect could not be carried out: none behind it is. */
  readonly failed: (error: unknown) => void;
}

type Next = SynchronizerEffect | { readonly kind: 'after'; readonly what: () => void };

export class SynchronizerDriver {
  readonly #ports: SynchronizerPorts;
  #queue: Next[] = [];
  /** Runs as they are stored. */
  readonly #durable = new Map<string, StoredRun>();
  #state: SynchronizerState;
  /** An effect is under way. */
  #busy = false;
  #looping = false;
  #over = false;

  /** @param state which it begins with, until stored runs are there */
  constructor(ports: SynchronizerPorts, state: SynchronizerState) {
    this.#ports = ports;
    this.#state = state;
  }

  get state(): SynchronizerState {
    return this.#state;
  }

  /** Goes on with what is stored. */
  restore(stored: readonly StoredRun[]): void {
    for (const run of stored) this.#durable.set(run.deployment.run, run);
    this.#take(restoredSynchronizer(stored, this.#ports.now(), this.#state.limits));
  }

  happen(event: SynchronizerEvent): void {
    if (event.kind === 'leads') this.#durable.set(event.run.deployment.run, event.run);
    const now = this.#ports.now();
    const step = synchronizer(this.#state, event, now, this.#ports.forgetful && this.#state.members);
    this.#ports.note?.(this.#state, event, now, step);
    this.#take(step);
  }

  /** When all effects of now have been carried out. */
  after(what: () => void): void {
    this.#queue.push({ kind: 'after', what });
    this.#goOn();
  }

  /** The run as it is stored. */
  durable(run: string): StoredRun | undefined {
    return this.#durable.get(run);
  }

  /** It leads the run no longer: nothing more is done for it. @returns the run as it is stored, as far as is known */
  forget(run: string): StoredRun | undefined {
    this.#queue = this.#queue.filter((next) => next.kind === 'after' || runOf(next) !== run);
    const durable = this.#durable.get(run);
    this.#durable.delete(run);
    return durable;
  }

  /** No effect is carried out any more. */
  stop(): void {
    this.#over = true;
  }

  #take({ state, effects }: Step): void {
    this.#state = state;
    if (effects.length === 0) return;
    this.#queue.push(...effects);
    const { soon } = this.#ports;
    if (soon) soon(() => this.#goOn());
    else this.#goOn();
  }

  /** An effect that ends at once comes back here: the loop that began it goes on. */
  #goOn(): void {
    if (this.#looping) return;
    this.#looping = true;
    while (!this.#busy && !this.#over) {
      const next = this.#queue.shift();
      if (!next) break;
      this.#busy = true;
      this.#begin(next);
    }
    this.#looping = false;
  }

  #begin(next: Next): void {
    const failed = (error: unknown): void => {
      this.#over = true;
      this.#ports.failed(error);
    };
    const done = (): void => {
      this.#busy = false;
      this.#goOn();
    };
    try {
      this.#carryOut(next, { done, failed });
    } catch (error) {
      failed(error);
    }
  }

  #allot(effect: EffectOf<'allot'>, { done, failed }: Ending<void>): void {
    const { allot } = this.#ports.store;
    if (!allot) throw new Error('allot: there is nothing to allot where one synchronizer leads all');
    allot(effect, {
      done: (had) => {
        if (!had) this.#outbid(effect);
        done();
      },
      failed,
    });
  }

  /** The term is not announced, and the run is placed again. */
  #outbid({ run, term }: EffectOf<'allot'>): void {
    this.#queue = this.#queue.filter((next) => !announces(next, run, term));
    const before = this.#durable.get(run);
    if (before) this.happen({ kind: 'outbid', term, before });
  }

  #carryOut(next: Next, ending: Ending<void>): void {
    const { store, trainers, work, revoke, ledger } = this.#ports;
    switch (next.kind) {
      case 'allot':
        this.#allot(next, ending);
        return;
      case 'overtook':
        store.overtook?.(next.run);
        break;
      case 'persist':
        this.#durable.set(next.run, next.value);
        store.persist(next.run, next.value, ending);
        return;
      case 'log':
        store.log(next.run, next.event, ending);
        return;
      case 'keep':
        store.keep(next.stream, next.value, ending);
        return;
      case 'send':
        trainers.send(next.to, next.message);
        break;
      case 'reconnect':
        trainers.reconnect(next.key);
        break;
      case 'dismiss':
        trainers.dismiss(next.key);
        break;
      case 'verify':
      case 'check':
      case 'audit':
      case 'pledge':
        work(next);
        break;
      case 'revoke':
        revoke?.(next);
        break;
      case 'verdict':
        ledger?.(next);
        // Beside the signed states: whichever synchronizer writes the ledger finds it there, also after a kill.
        store.keep(`commit/${next.verdict.run}`, { audited: next.verdict }, ending);
        return;
      case 'audits-over':
        ledger?.(next);
        break;
      case 'after':
        next.what();
    }
    ending.done();
  }
}

/** The run that an effect is of; nothing where it is of none, or of all. */
export function runOf(effect: SynchronizerEffect): string | undefined {
  switch (effect.kind) {
    case 'allot':
    case 'persist':
    case 'log':
    case 'check':
    case 'audit':
    case 'pledge':
    case 'revoke':
      return effect.run;
    case 'verdict':
      return effect.verdict.run;
    case 'audits-over':
      return effect.over.run;
    case 'verify':
      return effect.part.run;
    case 'keep':
      return effect.stream.slice(effect.stream.indexOf('/') + 1);
    case 'send':
      return 'run' in effect.message ? effect.message.run : undefined;
    default:
      return undefined;
  }
}

/** Whether it makes a placement known, to the store or to trainers. */
function announces(next: Next, run: string, term: number): boolean {
  switch (next.kind) {
    case 'allot':
      return next.run === run && next.term === term;
    case 'persist':
      return next.run === run && next.value.term === term && next.value.owners.length > 0;
    case 'log':
      return next.run === run && next.event.event === 'epoch-of-owners' && next.event.epoch === term;
    case 'send':
      return next.message.type === 'assign' && next.message.run === run && next.message.term === term;
    default:
      return false;
  }
}
