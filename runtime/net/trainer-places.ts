/** At which gateway each trainer is connected, as its words come; and what those of this gateway have said that they are. */
import type { Message } from '../wire/messages.ts';

/** Milliseconds for which a trainer may be unknown here that another gateway has let in. */
const STRANGER_MS = 2000;

type Member = Message & { readonly type: 'member' };

export class TrainerPlaces {
  /** Trainers of this gateway, by key, with the names that they were given. */
  readonly #own = new Map<string, Member>();
  /** Trainers of other gateways, by key: of which. */
  readonly #elsewhere = new Map<string, string>();
  /** Those that are not known here, and since when. */
  readonly #strangers = new Map<string, number>();

  /** It has said that at this gateway. */
  here(key: string, member?: Member): void {
    this.#elsewhere.delete(key);
    if (member) this.#own.set(key, member);
  }

  /** @param at the synchronizer of its gateway */
  there(key: string, at: string): void {
    this.#own.delete(key);
    this.#elsewhere.set(key, at);
  }

  /** Of another gateway: which. */
  of(key: string): string | undefined {
    return this.#elsewhere.get(key);
  }

  /** Its connection there has ended. @returns whether it is not at another gateway by now */
  left(key: string, at: string | undefined): boolean {
    if (this.#elsewhere.get(key) !== at) return false;
    if (at === undefined) this.#own.delete(key);
    this.#elsewhere.delete(key);
    return true;
  }

  /** @returns whether it is still to be told of by the one who has let it in. @param now milliseconds */
  isExpected(key: string, now: number): boolean {
    const since = this.#strangers.get(key) ?? now;
    const isExpected = this.#elsewhere.has(key) && now - since < STRANGER_MS;
    if (isExpected) this.#strangers.set(key, since);
    else this.#strangers.delete(key);
    return isExpected;
  }

  get own(): readonly (readonly [key: string, member: Member])[] {
    return [...this.#own];
  }

  /**
   * One of this gateway that has a name which another gateway has given at the same moment: of the two the one with the
   * larger key gets another.
   */
  namesake(key: string, name: string): readonly [key: string, member: Member] | undefined {
    return this.own.find(([own, member]) => own > key && member.name === name);
  }
}
