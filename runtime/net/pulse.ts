/**
 * A trainer's sign of life from a separate thread, so that long computing, loading or verifying does not count as
 * death.
 */
import { Worker } from 'node:worker_threads';
import type { KeyPair } from '../identity/ed25519.ts';
import { monotonicNanoseconds } from '../support/clock.ts';
import type { Address } from './address.ts';
import type { Emulation } from './emulated-socket.ts';

export interface PulseStart {
  readonly address: Address;
  readonly keys: KeyPair;
  readonly pinned?: Uint8Array;
  readonly certificate?: string;
  /** A thread of its own has lines of its own: two beats a second are nothing to a rate. */
  readonly emulation?: Emulation;
  /** Of the process, as it has introduced itself. */
  readonly instance: string;
  /** When the trainer's own thread last came by: one number of 64 bits. */
  readonly beats: SharedArrayBuffer;
  /** Milliseconds after which that thread counts as hanging, and the process is ended; absent: two minutes. */
  readonly silence?: number;
}

const LOOK_EVERY_MS = 1000;

export interface Pulse {
  /** The trainer is connected there now. */
  readonly moved: (address: Address) => void;
  readonly end: () => void;
}

export function startPulse(start: Omit<PulseStart, 'beats'>): Pulse {
  const beats = new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT);
  const beat = new BigInt64Array(beats);
  const come = (): void => {
    Atomics.store(beat, 0, monotonicNanoseconds());
  };
  come();
  const timer = setInterval(come, LOOK_EVERY_MS);
  timer.unref();
  const worker = new Worker(new URL('./pulse-thread.js', import.meta.url), { workerData: { ...start, beats } });
  worker.unref();
  // Without it the trainer counts as silent a little earlier, and nothing ends it where its own thread hangs.
  worker.on('error', () => undefined);
  return {
    moved: (address) => worker.postMessage(address),
    end: () => {
      clearInterval(timer);
      worker.terminate().catch(() => undefined);
    },
  };
}
