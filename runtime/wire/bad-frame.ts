/** A frame with values that may not cross a border: what is said of it, and what proves who has sent it. */
import { valueProblem } from './border-values.ts';
import { CODEC_BYTES, decodeValues, isPacked } from './codec.ts';
import { type Accusation, type RootEvidence, rootEvidence, type ValuesEvidence, valuesEvidence } from './evidence.ts';
import type { CallPackets } from './frame-chain.ts';
import { hex } from './hash.ts';
import { decodePacket, type Header } from './header.ts';
import { rootOf } from './merkle.ts';
import type { Window } from './window.ts';

/** The border cannot go on in this term: why not, and what proves it, if anything does. */
export interface Broken extends Pick<Accusation, 'call' | 'what'> {
  readonly evidence?: ValuesEvidence | RootEvidence;
  readonly reason: string;
}

export interface BadFrame {
  /** Of its last packet. */
  readonly header: Header;
  readonly call: CallPackets;
  readonly packets: readonly Uint8Array[];
  /** Packets of the call before it. */
  readonly before: number;
  /** How often its sender was asked to sign it. */
  asked: number;
}

/** @param evidence that a judge can read */
export function brokenWindow(call: number, why: string, evidence?: RootEvidence): Broken {
  const reason = `window of call ${call}: ${why}`;
  return { what: evidence ? 'root' : 'border', call, reason, ...(evidence ? { evidence } : {}) };
}

/**
 * A window over other packets than have come. Over fewer than its sender has signed it proves that.
 * @param read leaves of what was read of slots, which are not signed by themselves
 */
export function brokenRoot(window: Window, taken: CallPackets, read: readonly Uint8Array[]): Broken | undefined {
  const { leaves, signature } = taken;
  const all = [...leaves, ...read];
  if (window.packets === all.length && window.root === hex(rootOf(all))) return undefined;
  const isShort = window.packets <= leaves.length;
  const evidence = isShort && signature ? rootEvidence(leaves, signature, window) : undefined;
  return brokenWindow(window.call, 'it is over other packets', evidence);
}

/** Of a packed frame: what is in it depends on those before it, so it proves nothing. */
export function unreadable({ border, batch: call, codec }: Header): Broken {
  return { what: 'border', call, reason: `a frame of message ${border} in call ${call} is no ${codec}` };
}

/**
 * Its sender has signed the call up to here, or says so. No honest one sends such values: the signature proves who did.
 * @param sender its public key
 */
export function brokenBy(frame: BadFrame, sender: Uint8Array | undefined): Broken {
  const { header, call: taken, packets, before } = frame;
  const { batch: call, codec } = header;
  if (!sender || !taken.isSignedBy(sender)) return unsignedBy(frame);
  const bad = packets.findIndex((packet) => {
    if (isPacked(codec)) return false;
    const payload = decodePacket(packet)?.payload ?? new Uint8Array(0);
    const [values] = decodeValues(payload, [payload.length / CODEC_BYTES[codec]], codec);
    return values !== undefined && valueProblem(values) !== undefined;
  });
  const { leaves, signature } = taken;
  const [link, behind] = [taken.chainBehind(before + bad), leaves.slice(before + bad + 1)];
  const evidence = signature && valuesEvidence(link, packets[bad] as Uint8Array, behind, leaves.length, signature);
  return { what: evidence ? 'values' : 'border', call, reason: reasonOf(frame), ...(evidence ? { evidence } : {}) };
}

export function unsignedBy(frame: BadFrame): Broken {
  return { what: 'border', call: frame.header.batch, reason: `${reasonOf(frame)}, and is not signed` };
}

function reasonOf({ header: { border, batch } }: BadFrame): string {
  return `a value of message ${border} in call ${batch} is not finite or too large`;
}
