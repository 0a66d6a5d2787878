/** Machine-readable output: one JSON object a line on stdout, and nothing else there. */

import { errorCode } from './atomic.ts';

/** The part of a stream that is used; `process.stdout` is one. */
export interface OutputStream {
  readonly write: (text: string) => unknown;
  readonly on: (event: 'error', listener: (error: Error) => void) => unknown;
}

/** What to do when the reader has gone (`nmc train --json | head -1`): by default end, with success. */
export type OnClosed = () => void;

export type Emit = (object: Readonly<Record<string, unknown>>) => void;

/** An `emit` to the stream; create one per process. Numbers that JSON has no word for (NaN, Infinity) become null. */
export function createEmitter(stream: OutputStream = process.stdout, onClosed: OnClosed = () => process.exit(0)): Emit {
  stream.on('error', (error) => {
    if (!isClosed(error)) throw error;
    onClosed();
  });
  return (object) => {
    try {
      stream.write(`${JSON.stringify(object, readable)}\n`);
    } catch (error) {
      if (!isClosed(error)) throw error;
      onClosed();
    }
  };
}

/** EPIPE from POSIX pipes, EOF from those of Windows. */
function isClosed(error: unknown): boolean {
  const code = errorCode(error);
  return code === 'EPIPE' || code === 'EOF' || code === 'ERR_STREAM_DESTROYED';
}

/** Typed arrays as lists, big integers as numbers where exact; JSON.stringify has words for neither. */
function readable(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : String(value);
  }
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) return Array.from(value as Uint8Array);
  return value;
}
