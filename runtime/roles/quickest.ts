/** Looks for the owners with whom a batch takes the least time, from those that balance the work. */

export interface Search {
  /** Owners that balance the work: they stay where nothing is clearly quicker. */
  readonly start: readonly string[];
  /** Who may have this shard; one alone where it stays where it is. */
  readonly options: readonly (readonly string[])[];
  /** Infinite where their memory does not do. */
  readonly seconds: (owners: readonly string[]) => number;
}

/** So many placements are gone through one by one. */
const MAX_LISTED = 3000;
/** Of trainers that are looked at: the best by themselves. */
const MAX_TRAINERS = 12;
const MAX_MOVES = 200;
/** An estimate knows no difference that is smaller: the present owner keeps it. */
const CLEARLY = 0.97;

export function quickest({ start, options, seconds }: Search): readonly string[] {
  const before = seconds(start);
  const considered = best({ start, options, seconds });
  return seconds(considered) < CLEARLY * before ? considered : start;
}

function best(search: Search): readonly string[] {
  const { options, start, seconds } = search;
  const count = options.reduce((product, keys) => Math.min(MAX_LISTED + 1, product * keys.length), 1);
  let found = start;
  let least = seconds(start);
  const look = (owners: readonly string[]): void => {
    const took = seconds(owners);
    if (!(took < least)) return;
    found = owners;
    least = took;
  };
  if (count <= MAX_LISTED) {
    for (const owners of listed(options)) look(owners);
    return found;
  }
  const names = promising(search);
  const given = (key: (shard: number) => string): string[] =>
    options.map((keys, shard) => {
      const wanted = key(shard);
      return keys.includes(wanted) ? wanted : (start[shard] ?? '');
    });
  for (const name of names) look(given(() => name));
  // A stretch for each of two: most borders stay inside it.
  for (const first of names)
    for (const second of names)
      if (first !== second)
        for (let cut = 1; cut < options.length; cut++) look(given((shard) => (shard < cut ? first : second)));
  for (let moves = 0; moves < MAX_MOVES; moves++) {
    const standing: readonly string[] = found;
    for (const [shard, keys] of options.entries())
      for (const name of names) if (keys.includes(name) && standing[shard] !== name) look(standing.with(shard, name));
    if (found === standing) break;
  }
  return found;
}

/** Those who would be quickest by themselves, where they may, and those who have something. */
function promising({ options, start, seconds }: Search): string[] {
  const all = [...new Set(options.flat())];
  const alone = (name: string): number =>
    seconds(options.map((keys, shard) => (keys.includes(name) ? name : (start[shard] ?? ''))));
  const rated = all.map((name, i) => ({ name, took: alone(name), i }));
  return rated
    .sort((a, b) => (a.took === b.took ? a.i - b.i : a.took - b.took))
    .slice(0, MAX_TRAINERS)
    .map(({ name }) => name);
}

function* listed(options: readonly (readonly string[])[]): Generator<string[]> {
  const at = options.map(() => 0);
  for (;;) {
    yield options.map((keys, shard) => keys[at[shard] ?? 0] ?? '');
    let shard = options.length - 1;
    while (shard >= 0 && (at[shard] ?? 0) + 1 >= (options[shard]?.length ?? 0)) at[shard--] = 0;
    if (shard < 0) return;
    at[shard] = (at[shard] ?? 0) + 1;
  }
}
