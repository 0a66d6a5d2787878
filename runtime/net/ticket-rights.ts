/**
 * What tickets open at one gateway (spec/wire.md, 6): the trainer that is asked for a record may bring it, and who was told
 * of a record may get it, the plan, and the columns that its shard reads, until the ticket expires. It follows from what
 * passes the gateway, whichever synchronizer has asked and answered.
 */
import type { StoredRun } from '../roles/synchronizer-state.ts';
import type { Deployment } from '../wire/deployment.ts';
import type { Recorded } from '../wire/messages.ts';
import { blobsOfTicket, type StretchName, type Ticket } from '../wire/ticket.ts';
import { BLOB_BOUNDS } from './blob-transfer.ts';
import { recordName } from './records/stretch-log.ts';

/** Milliseconds that a trainer has at least. */
const PATIENCE_MILLISECONDS = 60_000;
/** Bytes a second that a trainer is taken to reach. */
const MIN_BYTES_PER_SECOND = 1e6;
/** Tickets of one bearer that open blobs at the same time. */
const MAX_GRANTS = 16;
/** Of a record, beside its state and frames. */
const MAX_RECORD_HEADS = 2 ** 20;
/** Where a deployment does not say how long a record may be. */
const SOME_BYTES = 2 ** 30;

interface Grant {
  readonly name: string;
  readonly expires: number;
  readonly blobs: ReadonlySet<string>;
}

export class TicketRights {
  readonly #now: () => number;
  /** By bearer. */
  readonly #grants = new Map<string, readonly Grant[]>();
  /** By trainer, then stretch: bytes of what it may bring, and until when. */
  readonly #wanted = new Map<string, Map<string, { readonly most: number; readonly until: number }>>();

  /** @param now milliseconds, as tickets count them */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** The trainer is about to be asked for a record. @param run nothing: it is not known here, and nothing may come */
  wanted(trainer: string, ticket: Ticket, run: Pick<StoredRun, 'deployment'> | undefined): void {
    if (!run) return;
    const most = mostBytes(run.deployment);
    const wanted = this.#wanted.get(trainer) ?? new Map();
    this.#wanted.set(trainer, wanted.set(stretchName(ticket), { most, until: this.#now() + patienceFor(most) }));
  }

  /** It has answered. */
  recorded(trainer: string, said: Recorded): void {
    this.#wanted.get(trainer)?.delete(stretchName(said));
  }

  /** It is not connected any more. */
  gone(trainer: string): void {
    this.#wanted.delete(trainer);
  }

  /** The bearer has been told of the record. */
  opened(ticket: Ticket, { hash, deployment }: Pick<StoredRun, 'hash' | 'deployment'>, record: string): void {
    const name = stretchName(ticket);
    const live = (this.#grants.get(ticket.bearer) ?? []).filter((g) => this.#now() < g.expires);
    const before = live.find((g) => g.name === name);
    const grant: Grant = {
      name,
      blobs: new Set([hash, record, ...blobsOfTicket(ticket, deployment).map(({ blob }) => blob)]),
      expires: Math.max(ticket.expires, before?.expires ?? 0),
    };
    this.#grants.set(ticket.bearer, [...live.filter((g) => g !== before), grant].slice(-MAX_GRANTS));
  }

  /** Whether a ticket of this key opens the blob. */
  mayGet(bearer: string, blob: string): boolean {
    const now = this.#now();
    return (this.#grants.get(bearer) ?? []).some((g) => now < g.expires && g.blobs.has(blob));
  }

  /** Whether a record of this trainer is wanted that can have this size. */
  mayPut(trainer: string, bytes: number): boolean {
    const now = this.#now();
    return [...(this.#wanted.get(trainer)?.values() ?? [])].some((w) => now < w.until && bytes <= w.most);
  }
}

/** Bytes that a record of this run may have. */
export function mostBytes({ stretches }: Deployment): number {
  return Math.min(BLOB_BOUNDS.blobBytes, 2 * (stretches?.bytes ?? SOME_BYTES) + MAX_RECORD_HEADS);
}

/** Milliseconds that a trainer has to bring so many bytes. */
export function patienceFor(bytes: number, least = PATIENCE_MILLISECONDS): number {
  return least + (1000 * bytes) / MIN_BYTES_PER_SECOND;
}

export function stretchName({ run, shard, term, from }: StretchName): string {
  return `${run}/${recordName(shard, term, from)}`;
}
