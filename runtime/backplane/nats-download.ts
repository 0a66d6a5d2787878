/** One object of the store into a file, piece by piece. */
import type { ObjectInfo, ObjectStore } from '@nats-io/obj';
import { EnvironmentError } from '../support/errors.ts';
import type { BlobWriter } from './blob-writer.ts';
import { inTime } from './nats-patience.ts';

/** Damaged: all of its bytes came, and are not what its name says. Interrupted: some are missing. */
export type Downloaded = 'whole' | 'damaged' | 'interrupted';

/**
 * @param patienceMs milliseconds without a piece: then it is given up
 * @throws EnvironmentError of the disk
 */
export async function download(
  store: ObjectStore,
  info: ObjectInfo,
  writer: BlobWriter,
  patienceMs: number,
): Promise<Downloaded> {
  let came = 0;
  try {
    const result = await store.get(info.name);
    // The same failure ends its stream.
    result?.error.catch(() => undefined);
    const reader = result?.data.getReader();
    try {
      for (let piece = await next(reader, patienceMs); piece; piece = await next(reader, patienceMs)) {
        writer.write(piece);
        came += piece.length;
      }
    } finally {
      reader?.cancel().catch(() => undefined);
    }
    if (await writer.finish()) return 'whole';
  } catch (error) {
    writer.abandon();
    if (error instanceof EnvironmentError) throw error;
  }
  return came >= info.size ? 'damaged' : 'interrupted';
}

async function next(
  reader: ReadableStreamDefaultReader<Uint8Array> | undefined,
  patienceMs: number,
): Promise<Uint8Array | undefined> {
  if (!reader) return undefined;
  const read = await inTime(reader.read(), patienceMs);
  if (read === 'late') throw new Error('no piece has come in time');
  return read.done ? undefined : read.value;
}
