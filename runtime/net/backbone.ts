/**
 * Words between the synchronizers of one mesh, over its backplane. Nothing of them is kept: each has a number, and one who
 * misses a number says so, upon which what was lost is said again. All of them are trusted: a process that can
 * speak here could change what the mesh keeps, too.
 */
import type { Backplane } from '../backplane/backplane.ts';
import type { MeasuredLink } from '../roles/measured-link.ts';
import type { StoredRun } from '../roles/synchronizer-state.ts';
import { Gathered } from '../support/gathered.ts';
import { parsedJson } from '../support/parsed-json.ts';
import type { Role } from '../wire/handshake.ts';
import type { Message, Question } from '../wire/messages.ts';
import type { ToldError } from './told-error.ts';
import type { Seen } from './told-status.ts';

/** A connection of a gateway. */
export interface FarVisitor {
  readonly id: number;
  readonly key: string;
  readonly role: Role;
}

export type Word =
  /**
   * Of every synchronizer, again and again. @property load shards of the runs that it leads. @property runs their names and
   * its reigns. @property reign it leads the mesh, in this reign
   */
  | {
      readonly kind: 'here';
      readonly address: string;
      readonly pid: number;
      readonly load: number;
      readonly runs: readonly (readonly [run: string, reign: number])[];
      readonly reign?: number;
    }
  /** Of one that ends. */
  | { readonly kind: 'gone' }
  /** To all, of what happens at a gateway. @property to one that has just begun; absent: all */
  | { readonly kind: 'said'; readonly key: string; readonly message: Message; readonly to?: string }
  | { readonly kind: 'alive'; readonly key: string; readonly instance: string }
  | { readonly kind: 'disconnected'; readonly key: string }
  | { readonly kind: 'left'; readonly visitor: number }
  | { readonly kind: 'measured'; readonly key: string; readonly link: Omit<MeasuredLink, 'at'> }
  | { readonly kind: 'drain'; readonly name: string }
  /** Of the leader of the mesh: it had asked for that. */
  | { readonly kind: 'taken'; readonly key: string; readonly message: Message }
  | {
      readonly kind: 'ask';
      readonly to: string;
      readonly id: number;
      readonly visitor: FarVisitor;
      readonly question: Question;
    }
  | {
      readonly kind: 'answer';
      readonly to: string;
      readonly id: number;
      readonly answer?: unknown;
      readonly error?: ToldError;
    }
  /** To all: what do you lead, and how does it stand? */
  | { readonly kind: 'look'; readonly id: number }
  | ({ readonly kind: 'seen'; readonly to: string; readonly id: number } & Seen)
  /** Of the leader of a run. */
  | { readonly kind: 'stored'; readonly reign: number; readonly run: StoredRun }
  /** @property run and reign of what belongs to a run; absent of what belongs to none */
  | {
      readonly kind: 'send';
      readonly to: string;
      readonly message: Message;
      readonly run?: string;
      readonly reign?: number;
    }
  | { readonly kind: 'dismiss'; readonly key: string; readonly reason: string }
  | { readonly kind: 'removed'; readonly hash: string }
  /** To the leader of a run that waits: a later one has begun. */
  | { readonly kind: 'overtook'; readonly run: string }
  /** Trainers have been given something else. */
  | { readonly kind: 'allotted' }
  /** Words of that one were missed: its trainers have to say again what they are. */
  | { readonly kind: 'nack'; readonly to: string }
  /** Who may what has changed: in this entry. */
  | { readonly kind: 'keys'; readonly entry: string }
  /** A border packet for a trainer of another gateway, in base64. */
  | { readonly kind: 'border'; readonly to: string; readonly packet: string };

/** One after the other. */
interface Words {
  readonly kind: 'words';
  readonly words: readonly Word[];
}

export interface BackboneOptions {
  readonly backplane: Pick<Backplane, 'publish' | 'subscribe'>;
  /** Of this process. */
  readonly self: string;
  readonly hear: (from: string, word: Word) => void;
  /** Words of this one have been lost. */
  readonly missed: (from: string) => void;
  readonly failed: (error: unknown) => void;
}

const SUBJECT = 'synchronizers';
/** Milliseconds for which signs of life wait for others: each message costs every synchronizer and the server. */
const GATHER_MS = 50;
/** Of one message; four bytes each at most. */
const MAX_CHARACTERS = 200_000;

interface Heard {
  next: number;
  pieces: string[];
}

export class Backbone {
  readonly #options: BackboneOptions;
  readonly #heard = new Map<string, Heard>();
  readonly #end: () => void;
  readonly #gathered = new Gathered(GATHER_MS, (words: readonly Word[]) => this.#publish({ kind: 'words', words }));
  #next = 0;

  constructor(options: BackboneOptions) {
    this.#options = options;
    this.#end = options.backplane.subscribe(SUBJECT, (message) => this.#take(message));
  }

  /**
   * A sign of life may wait for others, but not for a word that is said behind it.
   * @returns when all have it who listen, or it could not be said; of a sign of life at once
   */
  async say(word: Word): Promise<void> {
    if (isSignOfLife(word)) this.#gathered.add(word);
    else await Promise.all([this.#gathered.flush(), this.#publish(word)]);
  }

  async #publish(word: Word | Words): Promise<void> {
    const { self, backplane, failed } = this.#options;
    const text = JSON.stringify(word);
    const said: Promise<void>[] = [];
    for (let at = 0; at < text.length; at += MAX_CHARACTERS) {
      const more = at + MAX_CHARACTERS < text.length ? '+' : '.';
      const piece = `${self} ${this.#next++} ${more}${text.slice(at, at + MAX_CHARACTERS)}`;
      said.push(backplane.publish(SUBJECT, piece).catch(failed));
    }
    await Promise.all(said);
  }

  /** This one is gone. */
  forget(from: string): void {
    this.#heard.delete(from);
  }

  close(): void {
    this.#gathered.drop();
    this.#end();
  }

  #take(message: string): void {
    const [, from = '', number = '', more = '', piece = ''] = /^(\w+) (\d+) ([+.])(.*)$/s.exec(message) ?? [];
    if (from === '' || from === this.#options.self) return;
    const heard = this.#heard.get(from) ?? { next: Number(number), pieces: [] };
    this.#heard.set(from, heard);
    if (Number(number) !== heard.next) {
      heard.pieces = [];
      this.#options.missed(from);
    }
    heard.next = Number(number) + 1;
    heard.pieces.push(piece);
    if (more === '+') return;
    const word = parsedJson(heard.pieces.join(''));
    heard.pieces = [];
    // The rest of one whose beginning was missed is none.
    if (typeof word === 'object' && word !== null && 'kind' in word) this.#hear(from, word as Word | Words);
  }

  #hear(from: string, word: Word | Words): void {
    if (word.kind === 'words') for (const one of word.words) this.#options.hear(from, one);
    else this.#options.hear(from, word);
  }
}

function isSignOfLife(word: Word): boolean {
  return word.kind === 'alive' || (word.kind === 'said' && word.message.type === 'heartbeat');
}
