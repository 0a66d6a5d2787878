/**
 * Trainers where there are several synchronizers: what one says at its gateway, all hear; and each leader reaches all of
 * them, wherever they are connected.
 */
import type { Message } from '../wire/messages.ts';
import type { Word } from './backbone.ts';
import type { Visitor } from './gateway.ts';
import type { Leading } from './leading.ts';
import type { Trainers } from './leading-options.ts';
import type { ProbedLink } from './probes.ts';
import { TrainerPlaces } from './trainer-places.ts';
import { SAY_AGAIN } from './welcome.ts';

export interface SeveralTrainersOptions {
  /** Of this synchronizer. */
  readonly gateway: Trainers;
  readonly leading: () => Leading;
  /** In which reign this one leads the run, by its own clock. */
  readonly reign: (run: string) => number | undefined;
  readonly say: (word: Word) => void;
}

export class SeveralTrainers implements Trainers {
  readonly #options: SeveralTrainersOptions;
  readonly #places = new TrainerPlaces();

  constructor(options: SeveralTrainersOptions) {
    this.#options = options;
  }

  /** At this gateway. */
  heard(visitor: Visitor, message: Message): void {
    const { leading, say } = this.#options;
    const { key } = visitor;
    this.#places.here(key);
    const before = this.#bordersOf(key);
    leading().heard(visitor, message);
    if (message.type === 'member') this.#admitted(key, message);
    else say({ kind: 'said', key, message });
    this.#taken(key, message, before);
  }

  /** At another one. */
  said(at: string, key: string, message: Message): void {
    const { leading } = this.#options;
    this.#places.there(key, at);
    if (message.type === 'member') {
      leading().taken(key, message);
      const namesake = this.#places.namesake(key, message.name);
      if (namesake) this.heard({ key: namesake[0], role: 'trainer' }, namesake[1]);
      return;
    }
    const before = this.#bordersOf(key);
    leading().heard({ key, role: 'trainer' }, message);
    this.#taken(key, message, before);
  }

  /** Its connection here has ended. */
  disconnected(key: string): void {
    if (!this.#places.left(key, undefined)) return;
    this.#options.leading().disconnected(key);
    this.#options.say({ kind: 'disconnected', key });
  }

  /** Its connection there has ended. */
  left(at: string, key: string): void {
    if (this.#places.left(key, at)) this.#options.leading().disconnected(key);
  }

  measured(key: string, link: ProbedLink): void {
    this.#options.leading().measured(key, link);
    this.#options.say({ kind: 'measured', key, link });
  }

  /** To a synchronizer that has just begun: the trainers of this gateway. */
  tell(to: string): void {
    for (const [key, message] of this.#places.own) this.#options.say({ kind: 'said', key, message, to });
  }

  send(to: string, message: Message): boolean {
    const { gateway, leading, reign, say } = this.#options;
    const run = 'run' in message && leading().leads(message.run) ? message.run : undefined;
    const led = run === undefined ? undefined : reign(run);
    // It was stopped for a while, and another one may lead by now.
    if (run !== undefined && led === undefined) return false;
    if (this.#places.of(to) === undefined) return gateway.send(to, message);
    say({ kind: 'send', to, message, ...(run === undefined ? {} : { run, reign: led ?? 0 }) });
    return true;
  }

  dismiss(key: string, reason: string): void {
    const { gateway, say } = this.#options;
    const isKnown = Boolean(this.#options.leading().state.members[key]?.name);
    // One that another gateway lets in at this moment is told of in a moment.
    if (reason === SAY_AGAIN && !isKnown && this.#places.isExpected(key, performance.now())) return;
    if (this.#places.of(key) === undefined) gateway.dismiss(key, reason);
    else say({ kind: 'dismiss', key, reason });
  }

  /** Its name was given here: all others take it as it is. */
  #admitted(key: string, message: Message & { type: 'member' }): void {
    const name = this.#options.leading().state.members[key]?.name ?? message.name;
    const named = { ...message, name };
    this.#places.here(key, named);
    this.#options.say({ kind: 'said', key, message: named });
  }

  #bordersOf(key: string): unknown {
    return this.#options.leading().state.members[key]?.borders;
  }

  /** Only the leader of the mesh knows which of them were asked for a probe: the others hear of it here. */
  #taken(key: string, message: Message, before: unknown): void {
    if (message.type !== 'measured' || !this.#options.leading().state.presides) return;
    if (this.#bordersOf(key) !== before) this.#options.say({ kind: 'taken', key, message });
  }
}
