/**
 * The right of a verifier to one stretch (spec/wire.md, 6): the synchronizer's word that this key may see the record of
 * this shard, and what is needed to do it again, until then.
 */
import { ed25519, type KeyPair } from '../identity/ed25519.ts';
import { keyBytes } from '../identity/key-text.ts';
import { canonicalBytes } from './canonical.ts';
import type { BlobRef, Deployment } from './deployment.ts';
import { fromHex, hex } from './hash.ts';

export interface StretchName {
  readonly run: string;
  readonly shard: number;
  readonly term: number;
  /** Calls before it. */
  readonly from: number;
}

export interface Ticket extends StretchName {
  /** Key of the one who may have it. */
  readonly bearer: string;
  /** Milliseconds, by the synchronizer's clock. */
  readonly expires: number;
  /** The synchronizer's. */
  readonly sig: string;
}

export type TicketProblem = 'forged' | 'other-bearer' | 'other-stretch' | 'expired';

export function signTicket(ticket: Omit<Ticket, 'sig'>, keys: KeyPair): Ticket {
  return { ...ticket, sig: hex(ed25519.sign(textOf(ticket), keys.secretKey)) };
}

/**
 * @param synchronizer its key, @param bearer whose connection it came on, @param now by the synchronizer's clock
 * @returns why it is worth nothing here, or nothing
 */
export function ticketProblem(
  ticket: Ticket,
  asked: StretchName,
  { synchronizer, bearer, now }: { readonly synchronizer: string; readonly bearer: string; readonly now: number },
): TicketProblem | undefined {
  if (!isSigned(ticket, synchronizer)) return 'forged';
  if (ticket.bearer !== bearer) return 'other-bearer';
  const { run, shard, term, from } = ticket;
  if (run !== asked.run || shard !== asked.shard || term !== asked.term || from !== asked.from) return 'other-stretch';
  return now < ticket.expires ? undefined : 'expired';
}

/** Rights of its bearer beside the record: plan, statistics, and the columns that the shard reads. */
export function blobsOfTicket({ shard }: Ticket, { plan, statistics, train, checks, needs }: Deployment): BlobRef[] {
  const reads = needs[shard]?.reads;
  const columns = [train, ...checks].flatMap((data, i) => {
    const names = i === 0 ? reads?.train : reads?.checks[i - 1];
    return data.columns.filter(({ name }) => names?.includes(name));
  });
  return [...plan, ...statistics.map(({ mean }) => mean), ...columns.flatMap(({ blobs }) => blobs)];
}

function isSigned(ticket: Ticket, synchronizer: string): boolean {
  const [publicKey, signature] = [keyBytes(synchronizer), fromHex(ticket.sig, 64)];
  try {
    return !!publicKey && !!signature && ed25519.verify(textOf(ticket), signature, publicKey);
  } catch {
    return false; // numbers or text that have no form to be signed in
  }
}

function textOf({ run, shard, term, from, bearer, expires }: Omit<Ticket, 'sig'>): Uint8Array {
  return canonicalBytes(['nmc/ticket/2', run, shard, term, from, bearer, expires]);
}
