/**
 * Says twice a second that its trainer lives, on a connection of its own: its thread does nothing else. A shard whose
 * program is short is computed by the trainer's own thread, where no timer fires while a device hangs: then this one ends
 * the process, so that no core is burned on.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { END_WITHIN_MS } from '../device/stuck.ts';
import { HEARTBEAT_MS } from '../roles/liveness.ts';
import { monotonicNanoseconds } from '../support/clock.ts';
import { printed } from '../support/printable.ts';
import { sayAtOnce } from '../support/say-at-once.ts';
import { type Address, addressText } from './address.ts';
import { ask } from './ask.ts';
import { dial } from './dial.ts';
import { emulatedLink } from './emulated-socket.ts';
import type { Link } from './link.ts';
import type { PulseStart } from './pulse.ts';

/** Milliseconds. A trainer whose own thread has not come by for so long is not busy, it hangs. */
const MAX_SILENCE_MS = 120_000;

const { keys, pinned, certificate, instance, beats, emulation, silence = MAX_SILENCE_MS } = workerData as PulseStart;
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

const isSilent = (): boolean => monotonicNanoseconds() - Atomics.load(beat, 0) >= BigInt(silence) * 1_000_000n;

async function beatOn(): Promise<never> {
  for (;;) {
    try {
      if (isSilent()) throw new Error('it hangs');
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
}

/** Beside the beats: whatever the mesh answers, and whether it does. */
async function watch(): Promise<never> {
  for (;;) {
    await sleep(HEARTBEAT_MS);
    if (!isSilent()) continue;
    // Where the whole process was stopped, and goes on now, its own thread comes by before this time is over.
    await sleep(END_WITHIN_MS);
    if (isSilent()) endProcess();
  }
}

/** Through the trainer's own thread nothing would get out. */
function endProcess(): void {
  const seconds = silence / 1000;
  sayAtOnce(printed`error[device/stuck]: this trainer ends: its own thread has not answered for ${seconds} s\n`);
  process.kill(process.pid, 'SIGKILL');
}

void beatOn();
void watch();
