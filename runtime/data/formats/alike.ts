/** Names that people take for the same: they differ in case, in blanks, in how an accent is encoded, in unseen marks. */

/** The same for names that look the same. */
export function foldedName(name: string): string {
  const seen = name.normalize('NFKC').replace(/\p{Cf}/gu, '');
  return seen.replace(/\s+/g, ' ').trim().toLowerCase();
}

/** The first name that looks like an earlier one, behind that one. */
export function lookAlikes(names: Iterable<string>): readonly [string, string] | undefined {
  const known = new Map<string, string>();
  for (const name of names) {
    const folded = foldedName(name);
    const other = known.get(folded);
    if (other !== undefined) return [other, name];
    known.set(folded, name);
  }
  return undefined;
}
