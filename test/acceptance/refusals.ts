/** Train blocks that one way to train takes and another refuses by name: the table of docs/operator.md. */

/** By the name of the way that refuses, the code. */
export type Refusals = Readonly<Record<string, string>>;

export interface ListedRefusal {
  /** As the table of the documentation says it. */
  readonly what: string;
  /** Of the tasks that are tried, those that it is about. */
  readonly tasks: RegExp;
  readonly refusals: Refusals;
}

export const LISTED_REFUSALS: readonly ListedRefusal[] = [
  {
    what: '`last = keep`',
    tasks: /, last = keep$/,
    refusals: { shards: 'train/last', deploy: 'train/last', page: 'train/last' },
  },
  {
    what: 'data other than `data.glyphs` and `data.tracking`',
    tasks: /^mnist\.pcn: |: mnist$|: cifar10$|^small_brain\.pcn: /,
    refusals: { page: 'data/page' },
  },
];

/** @param found by task, what has refused it @returns what is refused and not listed, and what is listed and not refused */
export function refusalsDifference(found: ReadonlyMap<string, Refusals>): string[] {
  return [...found].flatMap(([task, refusals]) => {
    const listed = LISTED_REFUSALS.filter(({ tasks }) => tasks.test(task));
    const wanted = Object.assign({}, ...listed.map((each) => each.refusals)) as Refusals;
    const ways = [...new Set([...Object.keys(wanted), ...Object.keys(refusals)])];
    return ways.flatMap((way) => {
      const [expected = 'nothing', said = 'nothing'] = [wanted[way], refusals[way]];
      return expected === said ? [] : [`${task}: ${way} refuses by ${said}, listed is ${expected}`];
    });
  });
}
