/**
 * Which operations of a block are the same work on different elements of an array. Every value gets a class: states
 * and carries of one pack share one, and so do results of the same operation on values of the same classes. A class is
 * a tree of finite depth, so no value depends on another of its own class: all of them can be computed at once.
 */
import { type Block, type Op, type Shape, sameShape } from '../../../spec/program.ts';
import { canLift } from './lift.ts';

/** A class and whether it has to do with an array at all. */
export interface Class {
  readonly key: number;
  readonly wide: boolean;
}

/** Operations that are computed together: one operation, or the same one of every element. */
export interface Unit {
  readonly members: readonly Op[];
  /** Terms of each member's sum, where the unit is a sum of several values; the members are then its last additions. */
  readonly terms?: readonly (readonly string[])[];
  /** Members are equal shares of one value. */
  readonly shares: boolean;
}

/** Numbers classes; one for all blocks of a function. */
export class Classes {
  #count = 0;
  readonly #keys = new Map<string, Class>();
  readonly #of = new Map<string, Class>();
  readonly #replaced = new Map<string, string>();

  /** The class of a unique value, or of those that `pack` holds. */
  declare(id: string, pack?: string): void {
    this.#of.set(id, pack === undefined ? this.alone() : this.named(`pack ${pack}`, true));
  }

  classOf(id: string): Class {
    const found = this.#of.get(id);
    if (!found) throw new Error(`${id} has no class`);
    return found;
  }

  set(id: string, found: Class): void {
    this.#of.set(id, found);
  }

  /** The value that this one equals. */
  final(id: string): string {
    return this.#replaced.get(id) ?? id;
  }

  replace(id: string, by: string): void {
    this.#replaced.set(id, by);
  }

  /** A class of its own member alone. */
  alone(): Class {
    return { key: this.#count++, wide: false };
  }

  named(key: string, wide: boolean): Class {
    const known = this.#keys.get(key);
    if (known) return known;
    const made = { key: this.#count++, wide };
    this.#keys.set(key, made);
    return made;
  }
}

/**
 * @param uses how often each value is read, in the whole function
 * @param seen operations of blocks before, by what they compute; added to
 * @returns units in the order of their first members
 */
export function unitsOf(
  block: Block,
  shapeOf: (id: string) => Shape,
  classes: Classes,
  uses: ReadonlyMap<string, number>,
  seen: Map<string, string>,
): Unit[] {
  const sums = new Sums(block, shapeOf, uses);
  const units: { members: Op[]; terms?: (readonly string[])[]; shares: boolean }[] = [];
  const byClass = new Map<Class, (typeof units)[number]>();
  for (const old of block.ops) {
    if (sums.isInner(old.id)) continue;
    const inner = sums.termsOf(old.id);
    const reads = (inner ?? old.args).map((a) => classes.final(a));
    if (old.op === 'reshape' && sameShape(shapeOf(reads[0] as string), old.shape)) {
      // A name of its own was needed while gradients were taken; from here on it is the same value.
      classes.replace(old.id, reads[0] as string);
      continue;
    }
    const said = old.args.length === 0 || hasAttributes(old) ? JSON.stringify(old.attributes) : '';
    const same = `${old.op}${said} ${reads.join(' ')}`;
    const known = seen.get(same);
    if (known !== undefined) {
      classes.replace(old.id, known);
      continue;
    }
    seen.set(same, old.id);
    const shares = inner === undefined && isShare(old);
    const parts = reads.map((a) => classes.classOf(a));
    const wide = shares || (parts.some((c) => c.wide) && (inner !== undefined || canLift(old)));
    const made: Op = inner ? old : { ...old, args: reads };
    if (!wide) {
      classes.set(old.id, classes.alone());
      units.push({ members: [made], shares, ...(inner ? { terms: [reads] } : {}) });
      continue;
    }
    const attributes = shares ? `share ${old.attributes.size}` : said;
    const inputs = inner ? sumKey(parts) : parts.map((c) => c.key).join(' ');
    const found = classes.named(`${old.op}${attributes} ${inputs} ${old.shape.join('x')}`, true);
    classes.set(old.id, found);
    const unit = byClass.get(found);
    if (unit) {
      unit.members.push(made);
      if (inner) unit.terms?.push(reads);
    } else {
      const opened = { members: [made], shares, ...(inner ? { terms: [reads] } : {}) };
      units.push(opened);
      byClass.set(found, opened);
    }
  }
  return units;
}

function hasAttributes(op: Op): boolean {
  for (const _ in op.attributes) return true;
  return false;
}

/** Sums over any number of an array's elements are alike: a node with four links into it, and one with five. */
function sumKey(terms: readonly Class[]): string {
  const counts = new Map<number, number>();
  for (const c of terms) counts.set(c.key, c.wide ? 1 : (counts.get(c.key) ?? 0) + 1);
  return [...counts]
    .sort(([a], [b]) => a - b)
    .map(([key, count]) => `${key}*${count}`)
    .join('+');
}

/** The i-th equal share of a batch: what each replica is fed. */
function isShare(op: Op): boolean {
  const { axis, from, size } = op.attributes;
  return op.op === 'slice' && axis === 0 && typeof from === 'number' && typeof size === 'number' && from % size === 0;
}

/** Chains of additions of one shape, whose partial sums have no other reader, as sums of many terms. */
class Sums {
  readonly #terms = new Map<string, string[]>();
  readonly #inner = new Set<string>();

  constructor(block: Block, shapeOf: (id: string) => Shape, uses: ReadonlyMap<string, number>) {
    for (const op of block.ops) {
      if (op.op !== 'add' || !op.args.every((a) => sameShape(shapeOf(a), op.shape))) continue;
      const [a, b] = op.args as [string, string];
      const take = (id: string): string[] | undefined => (uses.get(id) === 1 ? this.#terms.get(id) : undefined);
      const left = take(a);
      const right = a === b ? undefined : take(b);
      const all = left ?? [a];
      if (left) this.#inner.add(a);
      if (right) this.#inner.add(b);
      all.push(...(right ?? [b]));
      this.#terms.set(op.id, all);
    }
  }

  isInner(id: string): boolean {
    return this.#inner.has(id);
  }

  termsOf(id: string): readonly string[] | undefined {
    return this.#terms.get(id);
  }
}
