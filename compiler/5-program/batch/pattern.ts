/** Which names belong together: those of one array's elements, `column[3].high` and `column[4].high`. */
import { append } from '../../../spec/append.ts';
import type { Program, State } from '../../../spec/program.ts';

/** The name with every index left open: `column[*].high`; undefined where it has none. */
export function patternOf(name: string): string | undefined {
  const open = name.replace(/\[\d+\]/g, '[*]');
  return open === name ? undefined : open;
}

/** Fewer elements than this are quicker one by one: their products are large beside what stacking costs. */
export const MIN_PACK = 4;

/** Items under one key each, in the order in which they come. */
export function groupBy<T>(items: Iterable<T>, key: (item: T) => string | undefined): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const of = key(item);
    if (of !== undefined) append(groups, of, item);
  }
  return groups;
}

/** The states of equal shape whose names differ in indices alone, as one state each; others are left out. */
export function packStates(program: Program): State[] {
  const alike = groupBy(program.states, (s) => {
    const pattern = patternOf(s.id);
    return pattern === undefined || s.members ? undefined : `${s.role} ${s.shape.join('x')} ${pattern}`;
  });
  const packs: State[] = [];
  const taken = new Set(program.states.map((s) => s.id));
  for (const members of alike.values()) {
    const first = members[0];
    if (!first || members.length < MIN_PACK) continue;
    let id = patternOf(first.id) ?? first.id;
    while (taken.has(id)) id = `${id}'`;
    taken.add(id);
    packs.push({
      id,
      shape: [members.length, ...first.shape],
      role: first.role,
      init: first.init,
      members: members.map((m) => ({ id: m.id, init: m.init })),
    });
  }
  return packs;
}
