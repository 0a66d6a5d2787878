/** Says twice a second that its trainer lives, on a connection of its own: its thread does nothing else. */

import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { HEARTBEAT_MS } from '../roles/liveness.ts';
import { monotonicNanoseconds } from '../support/clock.ts';
import { type Address, addressText } from './address.ts';
import { ask } from './ask.ts';
import { dial } from './dial.ts';
import { emulatedLink } from './emulated-socket.ts';
import type { Link } from './link.ts';
import type { PulseStart } from './pulse.ts';

/** Nanoseconds. A trainer whose own thread has not come by for so long is not busy, it hangs. */
const MAX_SILENCE_NANOSECONDS = 120_000_000_000n;

const { keys, pinned, certificate, instance, beats, emulation } = workerData as PulseStart;
const emulated = emulation ? { emulated: emulatedLink(emulation) } : {};
const known = { ...(pinned ? { pinned } : {}), ...(certificate === undefined ? {} : { certificate }) };
const beat = new BigInt64Array(beats);
let { address } = workerData as PulseStart;
let link: Link | undefined;

parentPort?.on('message', (moved: Address) => {
  if (addressText(moved) === addressText(address)) return;
  address = moved;
  link?.close();
});

async function beatOn(): Promise<void> {
  while (monotonicNanoseconds() - Atomics.load(beat, 0) < MAX_SILENCE_NANOSECONDS) {
    try {
      // A trainer's key may look as a viewer, and a second connection as trainer would end the first.
      link ??= await dial({ address, role: 'viewer', keys, ...emulated, ...known });
      await ask(link, { what: 'alive', instance });
    } catch {
      // The mesh is away for a moment, or does not know this key yet.
      link?.close();
      link = undefined;
    }
    await sleep(HEARTBEAT_MS);
  }
  link?.close();
}

void beatOn();
