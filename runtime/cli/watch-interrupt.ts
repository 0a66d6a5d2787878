/** Ctrl-C from the first moment of a command: the work looks at a flag whenever it can stop in good order. */
import { onInterrupt } from '../support/interrupt.ts';

export interface Interrupt {
  readonly requested: () => boolean;
  release(): void;
}

export function watchInterrupt(told: () => void): Interrupt {
  let requested = false;
  const release = onInterrupt(() => {
    requested = true;
    told();
  });
  return { requested: () => requested, release };
}
