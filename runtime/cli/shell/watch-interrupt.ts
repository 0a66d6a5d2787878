/** Ctrl-C from the first moment of a command: the work looks at a flag whenever it can stop in good order. */
import { onInterrupt, type SignalSource } from '../../support/interrupt.ts';

export interface Interrupt {
  readonly requested: () => boolean;
  release(): void;
}

export function watchInterrupt(told: () => void): Interrupt {
  let requested = false;
  const release = onInterrupt(() => {
    requested = true;
    told();
  }, thisProcess);
  return { requested: () => requested, release };
}

const thisProcess: SignalSource = {
  on: (signal, listener) => process.on(signal, listener),
  off: (signal, listener) => process.off(signal, listener),
  exit: endNow,
};

/**
 * Ends as a program does that knows nothing of signals (shells report 130 for it). `process.exit` would wait for a
 * thread that is in the middle of a product, and then fail in it.
 */
function endNow(): void {
  process.removeAllListeners('SIGINT');
  process.kill(process.pid, 'SIGINT');
}
