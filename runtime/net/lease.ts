/** The lease of the leader: its state machine, with an entry of the backplane and a clock behind it. */
import type { Backplane } from '../backplane/backplane.ts';
import {
  BEFORE_LEADERSHIP,
  type FoundLeader,
  type Leader,
  type LeadershipEffect,
  type LeadershipEvent,
  type LeadershipState,
  leadershipStep,
} from '../roles/leadership.ts';
import { parsedJson } from '../support/parsed-json.ts';
import { count, follows, object, text } from '../support/shape.ts';

export interface LeaseOptions {
  readonly backplane: Pick<Backplane, 'get' | 'put'>;
  /** Of the entry. */
  readonly key: string;
  /** Of this process, drawn when it begins. */
  readonly self: string;
  /** Milliseconds. */
  readonly lapseMs: number;
  /** Milliseconds for which it leaves what is free to others at this moment; absent: none. */
  readonly waitMs?: () => number;
  /** Milliseconds since any moment, by a clock that is never set. */
  readonly now: () => number;
  readonly begins: (reign: number) => void;
  readonly ends: (reign: number) => void;
  readonly log: (event: Readonly<Record<string, unknown>>) => void;
}

type Happening = LeadershipEvent extends infer E
  ? E extends { readonly now: number }
    ? Omit<E, 'now'>
    : never
  : never;

/** Looks within the time agreed. */
const LOOKS = 16;
/** No process draws this name. */
const UNREADABLE = '?';
const LEADER = object({ holder: text, reign: count });

export class Lease {
  readonly #options: LeaseOptions;
  readonly #timer: NodeJS.Timeout;
  #state: LeadershipState = BEFORE_LEADERSHIP;
  #asking: Promise<void> = Promise.resolve();
  /** Of the reigns that were met. */
  #newest = 0;
  #closed = false;

  constructor(options: LeaseOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#happen({ kind: 'time' }), options.lapseMs / LOOKS);
    queueMicrotask(() => this.#happen({ kind: 'time' }));
  }

  /** By its own clock, at this moment: what was stopped for a while learns it here first. */
  leads(reign: number): boolean {
    const { leads } = this.#state;
    return leads?.reign === reign && this.#options.now() < leads.until;
  }

  /** In which reign it leads now; nothing where it does not. */
  get reign(): number | undefined {
    const { leads } = this.#state;
    return leads && this.leads(leads.reign) ? leads.reign : undefined;
  }

  /** Another one may lead at once. @returns when that is written down, or could not be */
  resign(): Promise<void> {
    this.#happen({ kind: 'resign' });
    return this.#asking;
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
  }

  #happen(event: Happening): void {
    const { self, lapseMs, now, waitMs = () => 0 } = this.#options;
    const step = leadershipStep({ self, lapseMs, waitMs: waitMs() }, this.#state, {
      ...event,
      now: now(),
    } as LeadershipEvent);
    this.#state = step.state;
    for (const effect of step.effects) this.#carryOut(effect);
  }

  #carryOut(effect: LeadershipEffect): void {
    switch (effect.kind) {
      case 'read':
        this.#ask(this.#read().then((found) => ({ kind: 'found', found })));
        return;
      case 'change':
        this.#ask(this.#change(effect.leader, effect.expected).then((revision) => ({ kind: 'changed', revision })));
        return;
      case 'leads':
        this.#newest = Math.max(this.#newest, effect.reign);
        this.#options.begins(effect.reign);
        return;
      case 'ends':
        this.#options.ends(effect.reign);
    }
  }

  #ask(answer: Promise<Happening>): void {
    this.#asking = answer
      .catch((error: unknown): Happening => {
        this.#options.log({ event: 'lease-unanswered', message: String(error) });
        return { kind: 'unanswered' };
      })
      .then((event) => {
        if (!this.#closed) this.#happen(event);
      });
  }

  async #read(): Promise<FoundLeader | undefined> {
    const entry = await this.#options.backplane.get(this.#options.key);
    if (!entry) return undefined;
    const read = parsedJson(entry.value);
    // An entry that cannot be read is replaced like that of a leader who is gone; there were no more reigns than changes.
    const leader = follows(LEADER, read) ? read : { holder: UNREADABLE, reign: entry.revision };
    // Reigns grow, whatever an entry says: those who have met a later one would hear none of an earlier.
    this.#newest = Math.max(this.#newest, leader.reign);
    return { leader: { ...leader, reign: this.#newest }, revision: entry.revision };
  }

  #change(leader: Leader, expected: number): Promise<number | undefined> {
    return this.#options.backplane.put(this.#options.key, JSON.stringify(leader), expected);
  }
}
