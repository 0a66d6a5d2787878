/**
 * Records of stretches for those who hold a ticket (spec/wire.md, 6): the trainer that keeps one brings it as a blob, and
 * the bearer may get that blob, the plan, and the columns that the shard reads, until the ticket expires.
 */
import type { KeyPair } from '../identity/ed25519.ts';
import { keyText } from '../identity/key-text.ts';
import type { SynchronizerState } from '../roles/synchronizer-state.ts';
import { UserError } from '../support/errors.ts';
import type { Deployment } from '../wire/deployment.ts';
import type { Message, Recorded } from '../wire/messages.ts';
import { blobsOfTicket, type StretchName, signTicket, type Ticket, ticketProblem } from '../wire/ticket.ts';
import { BLOB_BOUNDS } from './blob-transfer.ts';
import { recordName } from './records/stretch-log.ts';
import { Slots } from './slots.ts';

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
const PATIENCE_MILLISECONDS = 60_000;
/** Bytes a second that a trainer is taken to reach. */
const MIN_BYTES_PER_SECOND = 1e6;
/** Tickets of one bearer that open blobs at the same time. */
const MAX_GRANTS = 16;
/** Asked for at the same time: by one bearer, by all; and waiting, of one bearer. */
const [MAX_OF_ONE, MAX_OF_ALL, MAX_WAITING] = [1, 8, 16];
/** Of a record, beside its state and frames. */
const MAX_RECORD_HEADS = 2 ** 20;
/** Where a deployment does not say how long a record may be. */
const SOME_BYTES = 2 ** 30;

interface Grant {
  readonly name: string;
  readonly expires: number;
  readonly blobs: ReadonlySet<string>;
  record?: string;
}

interface Pending {
  readonly trainer: string;
  readonly most: number;
  readonly settle: (blob: string | undefined) => void;
  /** It does not answer. */
  readonly fail: () => void;
}

export class RecordTickets {
  readonly #options: RecordTicketsOptions;
  readonly #slots = new Slots(MAX_OF_ONE, MAX_OF_ALL, MAX_WAITING);
  /** By bearer. */
  readonly #grants = new Map<string, Grant[]>();
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
   * @throws UserError `ticket/forged`, `ticket/bearer`, `ticket/expired`, `record/missing`, `record/away`
   */
  async bring(
    holder: { readonly key: string },
    ticket: Ticket,
  ): Promise<{ readonly blob: string; readonly bytes: number }> {
    this.#assertGood(ticket, holder.key);
    const { deployment, hash } = this.#deploymentOf(ticket);
    const release = await this.#slots.take(holder.key);
    if (!release) throw new UserError('mesh/busy', 'too many records are asked for at once', 'ask again in a while');
    try {
      const grant = this.#grantOf(ticket, [hash, ...blobsOfTicket(ticket, deployment).map(({ blob }) => blob)]);
      const known = grant.record;
      const there = known === undefined ? undefined : await this.#options.recordBytes(known, ticket);
      const blob = there === undefined ? await this.#ask(ticket) : known;
      const bytes = there ?? (blob === undefined ? undefined : await this.#options.recordBytes(blob, ticket));
      if (blob === undefined || bytes === undefined) throw missing(ticket);
      this.#options.hold(holder, [blob]);
      grant.record = blob;
      return { blob, bytes };
    } finally {
      release();
    }
  }

  /** What a trainer says of a record that was wanted. */
  heard(trainer: string, said: Recorded): void {
    this.#pending.get(pendingName(trainer, said))?.settle(said.blob);
  }

  /** The trainer is not connected any more. */
  gone(trainer: string): void {
    for (const pending of this.#pending.values()) if (pending.trainer === trainer) pending.fail();
  }

  /** Whether a record of this trainer is wanted that can have this size. */
  mayPut(trainer: string, bytes: number): boolean {
    return [...this.#pending.values()].some((p) => p.trainer === trainer && bytes <= p.most);
  }

  /** Whether a ticket of this key opens the blob. */
  mayGet(bearer: string, blob: string): boolean {
    const now = this.#options.now();
    return (this.#grants.get(bearer) ?? []).some((g) => now < g.expires && (g.record === blob || g.blobs.has(blob)));
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

  #deploymentOf({ run, shard }: StretchName): { readonly deployment: Deployment; readonly hash: string } {
    const known = this.#options.state().runs[run];
    if (known && shard < known.deployment.shards) return known;
    throw new UserError('mesh/run', known ? `${run} has no shard ${shard}` : `there is no run ${run}`);
  }

  #grantOf(ticket: Ticket, blobs: readonly string[]): Grant {
    const name = nameOf(ticket);
    const now = this.#options.now();
    const live = (this.#grants.get(ticket.bearer) ?? []).filter((g) => now < g.expires);
    const before = live.find((g) => g.name === name);
    const record = before?.record;
    const grant: Grant = {
      ...{ name, blobs: new Set(blobs) },
      expires: Math.max(ticket.expires, before?.expires ?? 0),
      ...(record === undefined ? {} : { record }),
    };
    this.#grants.set(ticket.bearer, [...live.filter((g) => g !== before), grant].slice(-MAX_GRANTS));
    return grant;
  }

  /** @returns the blob; nothing where the trainer does not keep the record */
  async #ask(ticket: Ticket): Promise<string | undefined> {
    const { owners, send, state, patience = PATIENCE_MILLISECONDS } = this.#options;
    const trainer = (await owners(ticket.run, ticket.term))?.[ticket.shard];
    if (trainer === undefined) throw missing(ticket);
    const member = state().members[trainer];
    if (!member?.connected || !member.records) throw away(ticket);
    const name = pendingName(trainer, ticket);
    const bytes = this.#deploymentOf(ticket).deployment.stretches?.bytes ?? SOME_BYTES;
    const most = Math.min(BLOB_BOUNDS.blobBytes, 2 * bytes + MAX_RECORD_HEADS);
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#pending.delete(name);
      };
      const before = this.#pending.get(name);
      const fail = (): void => {
        end();
        before?.fail();
        reject(away(ticket));
      };
      const timer = setTimeout(fail, patience + (1000 * most) / MIN_BYTES_PER_SECOND).unref();
      const settle = (blob: string | undefined): void => {
        end();
        before?.settle(blob);
        resolve(blob);
      };
      this.#pending.set(name, { trainer, most, settle, fail });
      if (!before && !send(trainer, { type: 'wanted', ticket })) fail();
    });
  }
}

function nameOf({ run, shard, term, from }: StretchName): string {
  return `${run}/${recordName(shard, term, from)}`;
}

function pendingName(trainer: string, stretch: StretchName): string {
  return `${trainer} ${nameOf(stretch)}`;
}

function missing(stretch: StretchName): UserError {
  return new UserError(
    'record/missing',
    `no trainer keeps a record of ${nameOf(stretch)}`,
    'ask for a newer stretch: the oldest records give way',
  );
}

function away(stretch: StretchName): UserError {
  return new UserError(
    'record/away',
    `the trainer of ${nameOf(stretch)} is not connected, or does not answer`,
    'ask again when it is back',
  );
}
