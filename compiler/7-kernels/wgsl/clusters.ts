/**
 * Fusion: which operations one kernel carries out. A kernel is at most one operation that needs many elements (a
 * product, a reduction, a move), what is done element by element with its result, and what is done element by element
 * with its arguments, where that has no other reader.
 *
 * A kernel runs at the place of its first operation. An operation joins the kernel that makes the last of its
 * arguments: all its other arguments are there by then.
 */
import { append } from '../../../spec/append.ts';
import { MAX_BINDINGS, MAX_SCALARS } from '../../../spec/kernels.ts';
import { sizeOf } from '../../../spec/program.ts';
import type { Cluster } from './cluster.ts';
import { type Flat, type FlatOp, inMemory } from './flat.ts';
import { loweringOf } from './operators.ts';
import { type Parts, TooManyParts } from './parts.ts';

interface Draft {
  readonly anchor: FlatOp | undefined;
  readonly claimed: Map<string, FlatOp>;
  members: FlatOp[];
  readonly elements: number;
}

/** A claim leaves room for what is done with the result. */
const MAX_CLAIMED_INPUTS = 6;

/** @throws TooManyParts where one operation alone binds too much */
export function clusters(flat: Flat, parts: Parts): Cluster[] {
  const uses = usersOf(flat);
  const claims = claim(flat, uses, parts);
  // Operations that begin a kernel of their own because the kernel they would join binds too much.
  const apart = new Set<string>();
  for (;;) {
    const drafts = sink(join(flat, claims, apart), flat, uses, parts);
    const found = drafts.map((d) => finish(d, uses, flat));
    const full = found.filter((c) => !fits(c, flat, parts));
    if (full.length === 0) return found;
    for (const c of full) apart.add(tooMuch(c, flat, uses, parts));
  }
}

interface Users {
  readonly of: ReadonlyMap<string, readonly FlatOp[]>;
  /** Returned by the function. */
  readonly wanted: ReadonlySet<string>;
}

function usersOf(flat: Flat): Users {
  const of = new Map<string, FlatOp[]>();
  for (const op of flat.ops) for (const { base } of op.uses) append(of, base, op);
  return { of, wanted: new Set([...flat.updates, ...flat.results].map((each) => each.value)) };
}

const isElementwise = (op: FlatOp): boolean => loweringOf(op.op).kind === 'elementwise';
const isGather = (op: FlatOp): boolean => loweringOf(op.op).kind === 'gather';

/** For each operation that only serves one argument of one anchor: that anchor. */
function claim(flat: Flat, users: Users, parts: Parts): Map<string, FlatOp> {
  const claimed = new Map<string, { readonly anchor: FlatOp; readonly argument: number; readonly elements: number }>();
  const inputs = new Map<string, Set<string>>();
  for (const op of [...flat.ops].reverse()) {
    if (!isElementwise(op) || users.wanted.has(op.id)) continue;
    const group = groupOf(op, users, claimed);
    if (!group || sizeOf(op.shape) !== group.elements) continue;
    const next = new Set(inputs.get(group.anchor.id) ?? group.anchor.uses.map((u) => u.base));
    next.delete(op.id);
    for (const { base } of op.uses) if (inMemory(flat, base)) next.add(base);
    const result = isGather(group.anchor) ? 1 : parts.count(group.anchor.id);
    const bound = [...next].reduce((sum, base) => sum + parts.count(base), result - 1);
    if (bound > MAX_CLAIMED_INPUTS) continue;
    inputs.set(group.anchor.id, next);
    claimed.set(op.id, group);
  }
  return new Map([...claimed].map(([id, { anchor }]) => [id, anchor]));
}

function groupOf(
  op: FlatOp,
  users: Users,
  claimed: ReadonlyMap<string, { readonly anchor: FlatOp; readonly argument: number; readonly elements: number }>,
): { anchor: FlatOp; argument: number; elements: number } | undefined {
  let found: { anchor: FlatOp; argument: number; elements: number } | undefined;
  for (const user of users.of.get(op.id) ?? []) {
    const lowering = loweringOf(user.op);
    const known = claimed.get(user.id);
    const at = user.uses.findIndex((u) => u.base === op.id);
    const direct = 'claims' in lowering && lowering.claims && user.uses.filter((u) => u.base === op.id).length === 1;
    const group =
      known ?? (direct ? { anchor: user, argument: at, elements: sizeOf(user.uses[at]?.shape ?? []) } : undefined);
    if (!group) return undefined;
    if (found && (found.anchor !== group.anchor || found.argument !== group.argument)) return undefined;
    found = group;
  }
  return found;
}

function join(flat: Flat, claims: ReadonlyMap<string, FlatOp>, apart: ReadonlySet<string>): Draft[] {
  const drafts: Draft[] = [];
  const made = new Map<string, number>();
  const claimedBy = new Map<string, Map<string, FlatOp>>();
  for (const op of flat.ops) {
    const anchor = claims.get(op.id);
    if (anchor) {
      const map = claimedBy.get(anchor.id) ?? new Map<string, FlatOp>();
      claimedBy.set(anchor.id, map.set(op.id, op));
      continue;
    }
    if (!isElementwise(op)) {
      made.set(op.id, drafts.length);
      const claimed = claimedBy.get(op.id) ?? new Map<string, FlatOp>();
      drafts.push({ anchor: op, claimed, members: [], elements: sizeOf(op.shape) });
      continue;
    }
    const last = Math.max(-1, ...op.uses.map(({ base }) => made.get(base) ?? -1));
    const draft = drafts[last];
    if (draft && draft.elements === sizeOf(op.shape) && !apart.has(op.id)) {
      draft.members.push(op);
      made.set(op.id, last);
    } else {
      made.set(op.id, drafts.length);
      drafts.push({ anchor: undefined, claimed: new Map(), members: [op], elements: sizeOf(op.shape) });
    }
  }
  return drafts;
}

/** Work element by element whose results only one later kernel reads, element by element, moves into that kernel. */
function sink(drafts: readonly Draft[], flat: Flat, users: Users, parts: Parts): Draft[] {
  const home = new Map<string, Draft>();
  for (const d of drafts) for (const op of opsOf(d)) home.set(op.id, d);
  const gone = new Set<Draft>();
  for (const draft of [...drafts].reverse()) {
    if (draft.anchor) continue;
    const to = soleReader(draft, users, home);
    if (!to || to.elements !== draft.elements) continue;
    const both: Draft = { ...to, members: [...draft.members, ...to.members] };
    if (!fits(finish(both, users, flat), flat, parts)) continue;
    to.members = both.members;
    for (const op of draft.members) home.set(op.id, to);
    gone.add(draft);
  }
  return drafts.filter((d) => !gone.has(d));
}

function soleReader(draft: Draft, users: Users, home: ReadonlyMap<string, Draft>): Draft | undefined {
  let found: Draft | undefined;
  for (const op of draft.members) {
    for (const user of users.of.get(op.id) ?? []) {
      const to = home.get(user.id);
      if (to === draft) continue;
      if (!to?.members.includes(user) || (found && found !== to)) return undefined;
      found = to;
    }
  }
  return found;
}

/** Everything that a kernel carries out, in an order in which it can be. */
export function opsOf(d: Draft | Cluster): FlatOp[] {
  return [...d.claimed.values(), ...(d.anchor ? [d.anchor] : []), ...d.members];
}

function finish(d: Draft, users: Users, flat: Flat): Cluster {
  const ops = opsOf(d);
  const own = new Set(ops.map((op) => op.id));
  const inputs = new Set<string>();
  for (const op of ops) for (const { base } of op.uses) if (!own.has(base) && inMemory(flat, base)) inputs.add(base);
  const isWanted = ({ id }: FlatOp): boolean =>
    users.wanted.has(id) || (users.of.get(id)?.some((user) => !own.has(user.id)) ?? false);
  const results = d.anchor ? [d.anchor, ...d.members] : d.members;
  return { ...d, inputs: [...inputs], outputs: results.filter(isWanted).map((op) => op.id) };
}

function fits(c: Cluster, flat: Flat, parts: Parts): boolean {
  const scalars = new Set<string>();
  for (const op of opsOf(c)) for (const { base } of op.uses) if (flat.scalars.has(base)) scalars.add(base);
  // However many buffers the tensors lie in; the host's numbers lie in one of the inputs'.
  const tensors = parts.bindings(c) + Math.min(1, scalars.size);
  return tensors <= MAX_BINDINGS && scalars.size <= MAX_SCALARS;
}

/** The first member with which the kernel binds too much. */
function tooMuch(c: Cluster, flat: Flat, users: Users, parts: Parts): string {
  for (let n = 1; n <= c.members.length; n++) {
    const part = finish({ ...c, claimed: new Map(c.claimed), members: c.members.slice(0, n) }, users, flat);
    const last = c.members[n - 1];
    if (!fits(part, flat, parts) && last && (n > 1 || c.anchor)) return last.id;
  }
  throw new TooManyParts(
    c.anchor?.origin ?? c.anchor?.op ?? c.members[0]?.origin ?? c.members[0]?.op ?? '',
    MAX_BINDINGS,
  );
}
