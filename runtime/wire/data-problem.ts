/** Whether a data packet is the one that has to come: its place in its frame, and its length. Pure. */
import type { Codec } from './codec.ts';
import { type Header, MAX_PAYLOAD_BYTES } from './header.ts';

/** The frame that is coming: its first packet, and how many have come. */
export interface Coming {
  readonly first: Header;
  readonly packets: readonly Uint8Array[];
}

/** Bytes of a frame: where `least` is absent its first chunk says how many there are. */
export interface FrameSize {
  readonly least?: number;
  readonly most: number;
}

/**
 * @param size of a frame of its message; nothing for a message that the sender does not have
 * @param coming nothing between two frames
 * @returns why it is refused
 */
export function dataProblem(
  header: Header,
  payload: Uint8Array,
  codec: Codec,
  size: FrameSize | undefined,
  coming: Coming | undefined,
): string | undefined {
  if (!size) return 'there is no such border';
  if (header.codec !== codec) return `its codec is ${header.codec}`;
  const { chunks } = header;
  const { least = 0, most } = size;
  if (chunks < chunksOf(least) || chunks > chunksOf(most) || !follows(header, coming))
    return 'its chunks do not follow each other';
  const before = (chunks - 1) * MAX_PAYLOAD_BYTES;
  const [shortest, longest] =
    header.chunk + 1 < chunks ? [MAX_PAYLOAD_BYTES, MAX_PAYLOAD_BYTES] : [least - before, most - before];
  if (payload.length < shortest || payload.length > longest)
    return `it has ${payload.length} bytes, not ${shortest === longest ? '' : 'at most '}${longest}`;
  return (header.phase === 1) === (header.chunk + 1 === chunks)
    ? undefined
    : 'its frame does not end where its chunks do';
}

const chunksOf = (bytes: number): number => Math.max(1, Math.ceil(bytes / MAX_PAYLOAD_BYTES));

const SAME = ['border', 'batch', 'microbatch', 'tick', 'chunks'] as const;

/** All chunks of a frame belong to one message at one point. */
function follows(header: Header, coming: Coming | undefined): boolean {
  if (!coming) return header.chunk === 0;
  const { first, packets } = coming;
  return header.chunk === packets.length && SAME.every((name) => header[name] === first[name]);
}
