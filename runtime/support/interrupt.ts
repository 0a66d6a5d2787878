/** Ctrl-C and `kill`: the first asks to stop in good order, the second ends the process at once. */

/** The part of `process` that is used. */
export interface SignalSource {
  readonly on: (signal: NodeJS.Signals, listener: (signal: NodeJS.Signals) => void) => unknown;
  readonly off: (signal: NodeJS.Signals, listener: (signal: NodeJS.Signals) => void) => unknown;
  readonly exit: (code: number) => void;
}

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
/** Exit code that shells report for a program ended by Ctrl-C. */
const EXIT_INTERRUPTED = 130;

/**
 * Calls the handler once, on the first SIGINT or SIGTERM; a second one exits with 130. Returns what removes both.
 * Ctrl-C in a terminal also reaches child processes; that is theirs to handle.
 */
export function onInterrupt(handler: (signal: NodeJS.Signals) => void, source: SignalSource = process): () => void {
  let asked = false;
  const listener = (signal: NodeJS.Signals): void => {
    if (asked) {
      source.exit(EXIT_INTERRUPTED);
      return;
    }
    asked = true;
    handler(signal);
  };
  for (const signal of SIGNALS) source.on(signal, listener);
  return () => {
    for (const signal of SIGNALS) source.off(signal, listener);
  };
}
