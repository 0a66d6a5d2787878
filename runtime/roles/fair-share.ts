/** The fair division of trainers between runs: none gets more before every other has as much, or all that it can use. */

/**
 * @param trainers how many there are
 * @param needs by run: so many trainers it can use, one for each shard
 * @returns by run: so many it gets; where there are fewer trainers than runs, parts of one
 */
export function fairShares(trainers: number, needs: ReadonlyMap<string, number>): Map<string, number> {
  const shares = new Map<string, number>();
  let left = trainers;
  const smallestFirst = [...needs].sort(([, a], [, b]) => a - b);
  for (const [i, [run, need]] of smallestFirst.entries()) {
    const share = Math.min(need, left / (smallestFirst.length - i));
    shares.set(run, share);
    left -= share;
  }
  return shares;
}
