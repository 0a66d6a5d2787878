/** A failure in the words that the other end of a connection may know. */

export interface ToldError {
  readonly code: string;
  readonly message: string;
  readonly repair?: string;
}

/** @param bug told of what has no words for others: those are for the log of this machine */
export function toldError(error: unknown, bug: (error: unknown) => void = () => undefined): ToldError {
  const { code, message, repair } = error as { code?: unknown; message?: unknown; repair?: unknown };
  if (typeof code === 'string' && /^[a-z]+\/[a-z-]+$/.test(code) && typeof message === 'string')
    return { code, message, ...(typeof repair === 'string' ? { repair } : {}) };
  bug(error);
  return { code: 'internal', message: 'the mesh could not answer' };
}
