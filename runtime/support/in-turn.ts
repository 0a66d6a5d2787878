/** Pieces of work that must not overlap: each begins when the one before it has ended, well or badly. */
export type InTurn = <T>(work: () => T | Promise<T>) => Promise<T>;

export function inTurn(): InTurn {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const done = last.then(work);
    last = done.catch(() => undefined);
    return done;
  };
}
