/** Records of stretches for those who hold a ticket (spec/wire.md, 6): the trainer that keeps one brings it as a blob. */
import type { KeyPair } from '../identity/ed25519.ts';
import { keyText } from '../identity/key-text.ts';
import type { SynchronizerState } from '../roles/synchronizer-state.ts';
import { UserError } from '../support/errors.ts';
import { Recent } from '../support/recent.ts';
import type { Deployment } from '../wire/deployment.ts';
import type { Again, Message, Recorded } from '../wire/messages.ts';
import { type StretchName, signTicket, type Ticket, ticketProblem } from '../wire/ticket.ts';
import { Slots } from './slots.ts';
import { mostBytes, patienceFor, stretchName } from './ticket-rights.ts';

export interface RecordTicketsOptions {
  readonly keys: KeyPair;
  readonly state: () => SynchronizerState;
  /** Keys by shard in that term of the run; nothing where it is not known any more. */
  readonly owners: (run: string, term: number) => Promise<readonly string[] | undefined>;
  /** @returns whether the trainer is connected */
  readonly send: (to: string, message: Message) => boolean;
  /** Bytes of a blob that is the record of this stretch; nothing where it is not there, or is something else. */
  readonly recordBytes: (blob: string, stretch: StretchName) => Promise<number | undefined>;
  readonly hold: (holder: object, blobs: readonly string[]) => void;
  /** Milliseconds, as tickets count them. */
  readonly now: () => number;
  /** Milliseconds that a trainer has at least. */
  readonly patience?: number;
}

/** Milliseconds that a ticket is good for. */
const TICKET_MILLISECONDS = 3_600_000;
/** Blobs of records that are remembered. */
const MAX_KNOWN = 1024;
/** Asked for at the same time: by one bearer, by all; and waiting, of one bearer. */
const [MAX_OF_ONE, MAX_OF_ALL, MAX_WAITING] = [1, 8, 16];
interface Pending {
  readonly trainer: string;
  readonly settle: (blob: string | undefined) => void;
  /** It does not answer, or has no memory to do it again now. */
  readonly fail: (why?: UserError) => void;
}

export class RecordTickets {
  readonly #options: RecordTicketsOptions;
  readonly #slots = new Slots(MAX_OF_ONE, MAX_OF_ALL, MAX_WAITING);
  /** Blobs by stretch. */
  readonly #known = new Recent<string>(MAX_KNOWN);
  /** By trainer and stretch. */
  readonly #pending = new Map<string, Pending>();

  constructor(options: RecordTicketsOptions) {
    this.#options = options;
  }

  /** @throws UserError `mesh/run` */
  issue({ run, shard, term, from }: StretchName, bearer: string): Ticket {
    const { keys, now } = this.#options;
    this.#deploymentOf({ run, shard, term, from });
    return signTicket({ run, shard, term, from, bearer, expires: now() + TICKET_MILLISECONDS }, keys);
  }

  /**
   * @param holder of what it gets, and its key
   * @throws UserError `ticket/forged`, `ticket/bearer`, `ticket/expired`, `record/missing`, `record/away`, `record/later`
   */
  async bring(
    holder: { readonly key: string },
    ticket: Ticket,
  ): Promise<{ readonly blob: string; readonly bytes: number }> {
    this.#assertGood(ticket, holder.key);
    this.#deploymentOf(ticket);
    const release = await this.#slots.take(holder.key);
    if (!release) throw busy();
    try {
      const known = this.#known.get(stretchName(ticket));
      const there = known === undefined ? undefined : await this.#options.recordBytes(known, ticket);
      const blob = there === undefined ? await this.#ask(holder, ticket) : known;
      const bytes = there ?? (blob === undefined ? undefined : await this.#options.recordBytes(blob, ticket));
      if (blob === undefined || bytes === undefined) throw missing(ticket);
      this.#options.hold(holder, [blob]);
      this.#known.set(stretchName(ticket), blob);
      return { blob, bytes };
    } finally {
      release();
    }
  }

  /**
   * What a trainer shows that has done the stretch again, without a step only what it binds itself to.
   * @returns its blob; nothing where its program cannot
   * @throws UserError as `bring`
   */
  async bringAgain(
    holder: { readonly key: string },
    ticket: Ticket,
    { trainer, ...again }: Again & { readonly trainer: string },
  ): Promise<string | undefined> {
    this.#assertGood(ticket, holder.key);
    if (!this.#options.state().members[trainer]?.again) return undefined;
    const release = await this.#slots.take(holder.key);
    if (!release) throw busy();
    try {
      const blob = await this.#askOf(holder, trainer, ticket, again);
      if (blob === undefined) throw missing(ticket);
      return blob;
    } finally {
      release();
    }
  }

  /** What a trainer says of a record that was wanted. */
  heard(trainer: string, said: Recorded): void {
    const pending = this.#pending.get(pendingName(trainer, said, said.again !== undefined));
    if (said.again === 'later') pending?.fail(later(said));
    else pending?.settle(said.blob);
  }

  /** The trainer is not connected any more. */
  gone(trainer: string): void {
    for (const pending of this.#pending.values()) if (pending.trainer === trainer) pending.fail();
  }

  #assertGood(ticket: Ticket, bearer: string): void {
    const { keys, now } = this.#options;
    switch (ticketProblem(ticket, ticket, { synchronizer: keyText(keys.publicKey), bearer, now: now() })) {
      case undefined:
      case 'other-stretch':
        return;
      case 'forged':
        throw new UserError('ticket/forged', 'this mesh has not signed the ticket', 'ask an operator for one');
      case 'other-bearer':
        throw new UserError('ticket/bearer', 'the ticket is for another key', 'ask an operator for one of your own');
      case 'expired':
        throw new UserError('ticket/expired', 'the ticket has expired', 'ask an operator for another one');
    }
  }

  #deploymentOf({ run, shard }: StretchName): Deployment {
    const known = this.#options.state().runs[run];
    if (known && shard < known.deployment.shards) return known.deployment;
    throw new UserError('mesh/run', known ? `${run} has no shard ${shard}` : `there is no run ${run}`);
  }

  /** @returns the blob; nothing where the trainer does not keep the record */
  async #ask(holder: object, ticket: Ticket): Promise<string | undefined> {
    const trainer = (await this.#options.owners(ticket.run, ticket.term))?.[ticket.shard];
    if (trainer === undefined) throw missing(ticket);
    return this.#askOf(holder, trainer, ticket);
  }

  async #askOf(holder: object, trainer: string, ticket: Ticket, again?: Again): Promise<string | undefined> {
    const { send, state, patience, hold } = this.#options;
    const member = state().members[trainer];
    if (!member?.connected || !member.records) throw away(ticket);
    const name = pendingName(trainer, ticket, again !== undefined);
    const longest = patienceFor(mostBytes(this.#deploymentOf(ticket)), patience);
    const wanted = { type: 'wanted', ticket, ...(again ? { again } : {}) } as const;
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#pending.delete(name);
      };
      const before = this.#pending.get(name);
      const fail: Pending['fail'] = (why = away(ticket)) => {
        end();
        before?.fail(why);
        reject(why);
      };
      const timer = setTimeout(() => fail(), longest).unref();
      const settle = (blob: string | undefined): void => {
        end();
        before?.settle(blob);
        // At once: its trainer holds it no longer when it has said so.
        if (blob !== undefined) hold(holder, [blob]);
        resolve(blob);
      };
      this.#pending.set(name, { trainer, settle, fail });
      if (!before && !send(trainer, wanted)) fail();
    });
  }
}

function pendingName(trainer: string, stretch: StretchName, again: boolean): string {
  return `${trainer} ${stretchName(stretch)}${again ? ' again' : ''}`;
}

function busy(): UserError {
  return new UserError('mesh/busy', 'too many records are asked for at once', 'ask again in a while');
}

function missing(stretch: StretchName): UserError {
  return new UserError(
    'record/missing',
    `no trainer keeps a record of ${stretchName(stretch)}`,
    'ask for a newer stretch: the oldest records give way',
  );
}

function later(stretch: StretchName): UserError {
  return new UserError(
    'record/later',
    `the trainer of ${stretchName(stretch)} has no memory to do it again beside what it trains`,
    'ask again in a while',
  );
}

function away(stretch: StretchName): UserError {
  return new UserError(
    'record/away',
    `the trainer of ${stretchName(stretch)} is not connected, or does not answer`,
    'ask again when it is back',
  );
}
