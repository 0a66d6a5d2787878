/**
 * Proof that a shard's owner has lied on a border: what it has signed itself, against itself. Who judges needs neither
 * the border's keys nor its other packets. Nothing that an honest sender signs can be made into a proof against it.
 */
import { keyBytes } from '../identity/key-text.ts';
import { listOf, ofPresent } from '../support/bounded.ts';
import { valueProblem } from './border-values.ts';
import { CODEC_BYTES, decodeValues, isPacked } from './codec.ts';
import { chainHolds, chainNext, chainStart, type Stretch } from './frame-chain.ts';
import { fromHex, hex, sha256 } from './hash.ts';
import { decodePacket } from './header.ts';
import { leafOf, rootOf } from './merkle.ts';
import { MAX_BINARY_BYTES } from './routing.ts';
import { directionOf, type Window, windowHolds, windowOf } from './window.ts';

/** A packet with a value that may not cross a border, and the sender's signature over it. */
export interface ValuesEvidence {
  /** The chain before the packet, hexadecimal. */
  readonly before: string;
  /** Header and payload, base64. */
  readonly packet: string;
  /** Leaves of the packets behind it up to the signature, one after the other, base64. */
  readonly after: string;
  /** Packets of the call up to the signature. */
  readonly packets: number;
  /** Over the chain there. */
  readonly sig: string;
}

/** A window of the sender that is not over the packets that it signed. */
export interface RootEvidence {
  /** Of all packets of the call, one after the other, base64. */
  readonly leaves: string;
  /** Over the chain of them. */
  readonly sig: string;
  readonly window: Window;
}

/** As a trainer's `dispute` says it; what is in the evidence is not known to be anything. */
export interface Accusation {
  /** Of the accuser. */
  readonly shard: number;
  /** Of the accused, who sent. */
  readonly peer: number;
  readonly call: number;
  readonly what: 'values' | 'root' | 'border';
  readonly evidence?: unknown;
}

export type Verdict = 'proved' | 'false' | 'undecided';

const LEAF_BYTES = 32;
/** So that evidence fits into one message. */
export const MAX_EVIDENCE_LEAVES = 12_288;

/**
 * @param accusedKey of the owner of `accusation.peer` in that term
 * @returns `false`: this evidence shows nothing, so who brought it has made it up
 */
export function verdictOn(
  place: { readonly run: string; readonly term: number },
  accusedKey: string,
  accusation: Accusation,
): Verdict {
  if (accusation.what === 'border') return 'undecided';
  try {
    const key = keyBytes(accusedKey);
    const { shard: to, peer: from, call, what, evidence } = accusation;
    if (!key || typeof evidence !== 'object' || evidence === null) return 'false';
    const stretch = { ...place, from, to, call };
    const fields = evidence as Record<string, unknown>;
    const shown = what === 'values' ? valuesShown(stretch, key, fields) : rootShown(stretch, key, fields);
    return shown ? 'proved' : 'false';
  } catch {
    return 'false'; // numbers or text that have no form to be signed in
  }
}

/** The chain names its packets by their hashes, so one link before the packet stands for all that came earlier. */
function valuesShown(stretch: Stretch, key: Uint8Array, evidence: Record<string, unknown>): boolean {
  const [before, signature] = [fromHex(evidence.before, 32), fromHex(evidence.sig, 64)];
  const packet = bytesOf(evidence.packet, MAX_BINARY_BYTES);
  const after = leavesOf(evidence.after);
  const { packets } = evidence;
  if (!before || !signature || !packet || !after || typeof packets !== 'number') return false;
  const chain = [leafOf(packet), ...after].reduce(chainNext, before);
  if (!chainHolds(chainStart(stretch), packets, chain, signature, key)) return false;
  return isOf(stretch, packet) && breaksValues(packet);
}

function isOf({ run, term, from, to, call }: Stretch, packet: Uint8Array): boolean {
  const header = decodePacket(packet)?.header;
  return (
    header?.kind === 'data' &&
    header.term === term &&
    header.batch === call &&
    header.direction === directionOf(from, to) &&
    hex(header.run) === hex(sha256(new TextEncoder().encode(run)).subarray(0, 16))
  );
}

function breaksValues(packet: Uint8Array): boolean {
  const decoded = decodePacket(packet);
  if (!decoded) return false;
  const { header, payload } = decoded;
  // What is packed says nothing by itself.
  if (isPacked(header.codec)) return false;
  const bytes = CODEC_BYTES[header.codec];
  if (payload.length % bytes !== 0) return false;
  const [values] = decodeValues(payload, [payload.length / bytes], header.codec);
  return values !== undefined && valueProblem(values) !== undefined;
}

/** A sender closes a window behind the last packet of the call: over fewer than it has signed, it is as wrong. */
function rootShown(stretch: Stretch, key: Uint8Array, evidence: Record<string, unknown>): boolean {
  const { from, to, call, run, term } = stretch;
  const [leaves, signature, window] = [leavesOf(evidence.leaves), fromHex(evidence.sig, 64), windowOf(evidence.window)];
  if (!leaves || leaves.length === 0 || !signature || !window) return false;
  // Of the other direction the accused is the one who answers: it has signed what the accuser sent.
  if (window.call !== call || window.direction !== directionOf(from, to)) return false;
  const start = chainStart(stretch);
  const differs =
    window.packets < leaves.length || (window.packets === leaves.length && window.root !== hex(rootOf(leaves)));
  return (
    differs &&
    windowHolds({ run, term, own: to, peer: from }, window, key) &&
    chainHolds(start, leaves.length, leaves.reduce(chainNext, start), signature, key)
  );
}

function leavesOf(text: unknown): Uint8Array[] | undefined {
  const bytes = bytesOf(text, LEAF_BYTES * MAX_EVIDENCE_LEAVES);
  if (!bytes || bytes.length % LEAF_BYTES !== 0) return undefined;
  return listOf(ofPresent(bytes.length / LEAF_BYTES), (i) => bytes.subarray(i * LEAF_BYTES, (i + 1) * LEAF_BYTES));
}

function bytesOf(text: unknown, most: number): Uint8Array | undefined {
  if (typeof text !== 'string' || text.length > 4 * Math.ceil(most / 3)) return undefined;
  const bytes = new Uint8Array(Buffer.from(text, 'base64'));
  return bytes.length <= most ? bytes : undefined;
}

/**
 * @param leaves behind the packet, up to the signature
 * @returns nothing where it would not fit into a message
 */
export function valuesEvidence(
  before: Uint8Array,
  packet: Uint8Array,
  leaves: readonly Uint8Array[],
  packets: number,
  signature: Uint8Array,
): ValuesEvidence | undefined {
  if (leaves.length > MAX_EVIDENCE_LEAVES) return undefined;
  const [bytes, after] = [Buffer.from(packet), Buffer.concat(leaves)];
  return {
    before: hex(before),
    packet: bytes.toString('base64'),
    after: after.toString('base64'),
    packets,
    sig: hex(signature),
  };
}

/** @returns nothing where it would not fit into a message */
export function rootEvidence(
  leaves: readonly Uint8Array[],
  signature: Uint8Array,
  window: Window,
): RootEvidence | undefined {
  if (leaves.length > MAX_EVIDENCE_LEAVES) return undefined;
  return { leaves: Buffer.concat(leaves).toString('base64'), sig: hex(signature), window };
}
