/**
 * A trainer whose device does not answer ends by itself, so that a core is not burned on: its thread cannot be ended
 * alone. The parent is told why.
 */
import type { Device } from '../../device/device.ts';
import { observed } from '../../device/observed.ts';
import { END_WITHIN_MS, hasStuckDevice } from '../../device/stuck.ts';
import { WATCHDOG_MILLISECONDS } from '../../net/shard-host.ts';
import { printed } from '../../support/printable.ts';
import { tellParent } from './with-parent.ts';

const LOOK_EVERY_MS = 200;

export interface WatchedDevice {
  readonly device: Device;
  /** This trainer was asked to leave: from now on the device has little time for each answer. */
  leaving(): void;
  release(): void;
}

/** @param end of the process; a parameter for tests */
export function watchDevice(given: Device, end: (reason: string) => void = endNow): WatchedDevice {
  const now = (): number => performance.now();
  let leavingSince: number | undefined;
  const { device, waitingSince } = observed(given, now, () => {
    if (hasStuckDevice()) end('its device does not end');
  });
  const look = (): void => {
    const since = waitingSince();
    if (since === undefined) return;
    if (now() - since > WATCHDOG_MILLISECONDS + END_WITHIN_MS) end('its device does not answer');
    else if (leavingSince !== undefined && now() - Math.max(since, leavingSince) > END_WITHIN_MS)
      end('its device does not answer while it is leaving');
  };
  const timer = setInterval(look, LOOK_EVERY_MS);
  return {
    device,
    leaving: () => {
      leavingSince ??= now();
    },
    release: () => clearInterval(timer),
  };
}

function endNow(reason: string): void {
  process.stderr.write(printed`error[device/stuck]: this trainer ends: ${reason}\n`);
  tellParent({ event: 'stuck', reason });
  // What was written is with the kernel by then; a usual exit would wait for the thread that does not answer.
  setImmediate(() => process.kill(process.pid, 'SIGKILL'));
}
