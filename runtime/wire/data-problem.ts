/** Whether a data packet is the one that has to come: its place in its frame, and its length. Pure. */
import { CODEC_BYTES, type Codec } from './codec.ts';
import { type Header, MAX_PAYLOAD_BYTES } from './header.ts';

/** The frame that is coming: its first packet, and how many have come. */
export interface Coming {
  readonly first: Header;
  readonly packets: readonly Uint8Array[];
}

/**
 * @param lengths elements of each value of its message; nothing for a message that the sender does not have
 * @param coming nothing between two frames
 * @returns why it is refused
 */
export function dataProblem(
  header: Header,
  payload: Uint8Array,
  codec: Codec,
  lengths: readonly number[] | undefined,
  coming: Coming | undefined,
): string | undefined {
  if (!lengths) return 'there is no such border';
  if (header.codec !== codec) return `its codec is ${header.codec}`;
  const bytes = lengths.reduce((sum, n) => sum + n, 0) * CODEC_BYTES[header.codec];
  const chunks = Math.max(1, Math.ceil(bytes / MAX_PAYLOAD_BYTES));
  if (header.chunks !== chunks || !follows(header, coming)) return 'its chunks do not follow each other';
  const length = header.chunk + 1 < chunks ? MAX_PAYLOAD_BYTES : bytes - (chunks - 1) * MAX_PAYLOAD_BYTES;
  if (payload.length !== length) return `it has ${payload.length} bytes, not ${length}`;
  return (header.phase === 1) === (header.chunk + 1 === chunks)
    ? undefined
    : 'its frame does not end where its chunks do';
}

const SAME = ['border', 'batch', 'microbatch', 'tick'] as const;

/** All chunks of a frame belong to one message at one point. */
function follows(header: Header, coming: Coming | undefined): boolean {
  if (!coming) return header.chunk === 0;
  const { first, packets } = coming;
  return header.chunk === packets.length && SAME.every((name) => header[name] === first[name]);
}
