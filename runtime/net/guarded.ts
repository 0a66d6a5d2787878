/** The second line of defence: a handler of input from outside may throw, and only that connection ends. */

/** A connection whose handler threw, and the ways to end it. */
export interface Caught {
  /** Ends the connection. */
  readonly end: () => void;
  /** Counts it, and tells the log: it is a bug. */
  readonly caught: (error: unknown) => void;
}

/** @returns the handler, from which nothing is thrown */
export function guarded<A extends readonly unknown[]>(
  { end, caught }: Caught,
  handler: (...args: A) => void,
): (...args: A) => void {
  return (...args) => {
    try {
      handler(...args);
    } catch (error) {
      caught(error);
      end();
    }
  };
}

/** For a log: where it was thrown, in a few lines. */
export function caughtEvent(where: string, error: unknown): Readonly<Record<string, unknown>> {
  const { message = String(error), stack = '' } = error instanceof Error ? error : {};
  return { event: 'caught', where, message: message.slice(0, 300), stack: stack.slice(0, 1000) };
}
