/**
 * Bytes of a connection in memory that was made once. Node makes an array of 64 KiB for each read, which is garbage when
 * it was looked at: a frame of that size takes two of them, and the collector as much again. Its option `onread` does
 * without, but only for who opens the connection, and before a WebSocket is on it: so it is switched over here.
 */
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

interface Handle {
  useUserBuffer?(memory: Uint8Array): void;
}

/**
 * From now on listeners of `data` get views of `memory`, which is used again when they return.
 * @returns whether it does: not of lines that are encrypted or emulated, nor where Node keeps this elsewhere
 */
export function readInto(stream: Duplex | undefined, memory: Uint8Array): boolean {
  if (!(stream instanceof Socket) || 'encrypted' in stream) return false;
  const { _handle: handle } = stream as unknown as { readonly _handle?: Handle | null };
  const places = stream as unknown as Record<symbol, unknown>;
  const [buffer, callback] = [placeOf(stream, 'kBuffer'), placeOf(stream, 'kBufferCb')];
  if (typeof handle?.useUserBuffer !== 'function' || buffer === undefined || callback === undefined) return false;
  handle.useUserBuffer(memory);
  places[callback] = (bytes: number): boolean => {
    stream.emit('data', Buffer.from(memory.buffer, memory.byteOffset, bytes));
    // A listener that wants no more has paused it, which has ended reading.
    return true;
  };
  places[buffer] = memory;
  return true;
}

/** Where nothing stands in it yet. */
function placeOf(stream: Socket, name: string): symbol | undefined {
  return Object.getOwnPropertySymbols(stream).find(
    (symbol) => symbol.description === name && (stream as unknown as Record<symbol, unknown>)[symbol] === null,
  );
}
