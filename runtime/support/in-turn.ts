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

/** The same for each name by itself. */
export function inTurnBy(): <T>(name: string, work: () => T | Promise<T>) => Promise<T> {
  const turns = new Map<string, InTurn>();
  return (name, work) => {
    const turn = turns.get(name) ?? inTurn();
    turns.set(name, turn);
    return turn(work);
  };
}
