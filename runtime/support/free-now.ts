/**
 * Memory of large arrays goes back when the engine collects garbage, which it does too late for a process that may hold
 * only so much. What is sent to a port that nothing reads any more is freed at once.
 */
import { MessageChannel } from 'node:worker_threads';

const { port1, port2 } = new MessageChannel();
port1.close();
port2.unref();

/** Smaller ones are left to the garbage: to send one costs as much as to make it. */
const MIN_BYTES = 64 * 1024;

/** Frees the whole memory that the array is a view of: neither it nor any other view of that is used again. */
export function freeNow(array: unknown): void {
  if (!ArrayBuffer.isView(array)) return;
  const { buffer } = array;
  if (buffer instanceof ArrayBuffer && buffer.byteLength >= MIN_BYTES) port2.postMessage(undefined, [buffer]);
}
