/** Hears once how a piece of work ended: at once, or later. */
export interface Ending<T> {
  readonly done: (value: T) => void;
  readonly failed: (error: unknown) => void;
}

/** Tells the end of real work, which comes later. */
export function settle<T>(work: Promise<T>, { done, failed }: Ending<T>): void {
  work.then(done).catch(failed);
}
