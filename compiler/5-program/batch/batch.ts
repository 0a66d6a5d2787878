/**
 * Equal elements of an array run as one: the operations that `column[0]` … `column[63]` have in common become one
 * operation on tensors with a page for each of them, their weights one state, and what they read of one another is
 * picked by index. A program without arrays is left as it is. Names in snapshots stay: states say who their members
 * are.
 */
import { energyNode, gradientName, isGradientName } from '../../../spec/names.ts';
import {
  type Block,
  type Carry,
  type Input,
  memberStates,
  type Op,
  type Program,
  type ProgramFunction,
  type Result,
  type Shape,
  type State,
  type Update,
} from '../../../spec/program.ts';
import { arrivalTick } from '../arrivals.ts';
import { removeDeadCode } from '../passes/dead-code.ts';
import { freshNames } from '../passes/definitions.ts';
import { Classes, type Unit, unitsOf } from './classes.ts';
import { groupBy, MIN_PACK, packStates, patternOf } from './pattern.ts';
import { Stack } from './stack.ts';
import { emitUnit } from './units.ts';

export function batchArrays(program: Program): Program {
  const packs = packStates(program);
  if (packs.length === 0) return program;
  const packed = new Set(packs.flatMap((p) => memberStates(p).map((m) => m.id)));
  const states = [...program.states.filter((s) => !packed.has(s.id)), ...packs];
  const functions = program.functions.map((f) => new FunctionBatcher(removeDeadCode(f), program.states, packs).run());
  return { ...program, states, functions };
}

class FunctionBatcher {
  readonly #f: ProgramFunction;
  readonly #packs: readonly State[];
  readonly #classes = new Classes();
  readonly #shapes = new Map<string, Shape>();
  readonly #stack: Stack;
  readonly #uses: ReadonlyMap<string, number>;
  readonly #blocks: Block[] = [];
  readonly #inputs: Input[] = [];
  /** Operations of straight blocks before, by what they compute. */
  readonly #seen = new Map<string, string>();

  constructor(f: ProgramFunction, states: readonly State[], packs: readonly State[]) {
    this.#f = f;
    this.#packs = packs;
    this.#uses = countUses(f);
    this.#stack = new Stack(freshNames(f), this.#shapes);
    for (const s of states) this.#declare(s.id, s.shape);
    for (const pack of packs) {
      this.#shapes.set(pack.id, pack.shape);
      memberStates(pack).forEach((member, page) => {
        this.#place(member.id, pack.id, page);
      });
    }
    for (const input of f.inputs) this.#declare(input.id, input.shape);
    this.#packGradients();
  }

  run(): ProgramFunction {
    for (const block of this.#f.blocks) this.#block(block);
    const updates = this.#updates();
    const results = this.#results();
    return { ...this.#f, inputs: this.#inputs, blocks: this.#blocks, updates, results };
  }

  /** A value that stands alone. */
  #declare(id: string, shape: Shape): void {
    this.#shapes.set(id, shape);
    this.#stack.put(id, { id });
    this.#classes.declare(id);
  }

  #place(id: string, pack: string, page: number): void {
    this.#stack.put(id, { pack, page });
    this.#classes.declare(id, pack);
  }

  /** Gradients that a lane hands over are one tensor where the weights are. */
  #packGradients(): void {
    const given = new Map(this.#f.inputs.map((i) => [i.id, i]));
    const gone = new Set<string>();
    const packed: Input[] = [];
    for (const pack of this.#packs) {
      const members = memberStates(pack).map((m) => gradientName(m.id));
      if (!members.every((id) => given.has(id))) continue;
      const id = gradientName(pack.id);
      packed.push({ id, field: id, type: 'f32', shape: pack.shape });
      this.#shapes.set(id, pack.shape);
      members.forEach((member, page) => {
        gone.add(member);
        this.#place(member, id, page);
      });
    }
    this.#inputs.push(...this.#f.inputs.filter((i) => !gone.has(i.id)), ...packed);
  }

  #block(block: Block): void {
    for (const op of block.ops) this.#shapes.set(op.id, op.shape);
    for (const scalar of block.scalars) {
      this.#declare(scalar.id, []);
      // Elements that the error reaches at different ticks are alike but for this.
      if (arrivalTick(scalar.expr) !== undefined) this.#classes.set(scalar.id, this.#classes.named('arrival', false));
    }
    if (block.repeat === 1 && block.carries.length === 0) {
      this.#blocks.push({ ...block, ops: this.#straight(block, this.#seen) });
      return;
    }
    const alike = groupBy(block.carries, (c) => {
      const pattern = patternOf(c.id);
      return pattern === undefined ? undefined : `${pattern} ${c.shape.join('x')}`;
    });
    const groups = [...alike.values()].filter((members) => members.length >= MIN_PACK);
    const grouped = new Set(groups.flat());
    const packs = groups.map((members) => this.#openCarries(members));
    const single = block.carries
      .filter((c) => !grouped.has(c))
      .map((c) => ({ ...c, init: this.#before(() => this.#stack.plain(this.#classes.final(c.init))) }));
    for (const carry of single) this.#declare(carry.id, carry.shape);
    this.#stack.enter();
    const ops = this.#straight(block, new Map(this.#seen));
    const written = this.#writing(ops, () => [
      ...packs.map(({ carry, members }) => ({
        ...carry,
        next: this.#stack.stack(members.map((m) => this.#classes.final(m.next))),
      })),
      ...single.map((c) => ({ ...c, next: this.#stack.plain(this.#classes.final(c.next)) })),
    ]);
    this.#stack.leave();
    for (const carry of single) this.#declare(carry.result, carry.shape);
    for (const { carry, members } of packs) this.#closeCarries(carry, members);
    this.#blocks.push({ ...block, ops, carries: written });
  }

  #openCarries(members: readonly Carry[]): { carry: Carry; members: readonly Carry[] } {
    const first = members[0] as Carry;
    const id = this.#stack.name();
    const shape = [members.length, ...first.shape];
    const init = this.#before(() => this.#stack.stack(members.map((m) => this.#classes.final(m.init))));
    this.#shapes.set(id, shape);
    members.forEach((member, page) => {
      this.#shapes.set(member.id, member.shape);
      this.#place(member.id, id, page);
    });
    return { carry: { id, shape, init, next: '', result: this.#stack.name() }, members };
  }

  #closeCarries(carry: Carry, members: readonly Carry[]): void {
    this.#shapes.set(carry.result, carry.shape);
    members.forEach((member, page) => {
      this.#shapes.set(member.result, member.shape);
      this.#place(member.result, carry.result, page);
    });
  }

  /** The operations of a block, units in an order in which everything is there before it is read. */
  #straight(block: Block, seen: Map<string, string>): Op[] {
    const units = unitsOf(block, (id) => this.#stack.shapeOf(id), this.#classes, this.#uses, seen);
    const makers = new Map<string, Unit>();
    for (const unit of units) for (const op of unit.members) makers.set(op.id, unit);
    const ops: Op[] = [];
    this.#writing(ops, () => {
      for (const unit of inOrder(units, makers)) emitUnit(unit, this.#stack);
    });
    return ops;
  }

  #writing<T>(ops: Op[], write: () => T): T {
    const kept = this.#stack.ops;
    this.#stack.ops = ops;
    const made = write();
    this.#stack.ops = kept;
    return made;
  }

  /** Writes operations that everything from here on can read. */
  #before<T>(write: () => T): T {
    const last = this.#blocks.at(-1);
    const open = last !== undefined && last.repeat === 1 && last.carries.length === 0;
    const ops = open ? [...last.ops] : [];
    const made = this.#writing(ops, write);
    if (open) this.#blocks[this.#blocks.length - 1] = { ...last, ops };
    else if (ops.length > 0)
      this.#blocks.push({ name: 'stack', repeat: 1, firstTick: 0, scalars: [], carries: [], ops });
    return made;
  }

  #updates(): Update[] {
    const next = new Map(this.#f.updates.map((u) => [u.state, this.#classes.final(u.value)]));
    const updates: Update[] = [];
    for (const pack of this.#packs) {
      const members = memberStates(pack).map((m) => m.id);
      if (!members.some((id) => next.has(id))) continue;
      const value = this.#before(() => this.#stack.stack(members.map((id) => next.get(id) ?? id)));
      updates.push({ state: pack.id, value });
      for (const id of members) next.delete(id);
    }
    const single = [...next].map(([state, value]) => ({ state, value: this.#before(() => this.#stack.plain(value)) }));
    return [...single, ...updates];
  }

  #results(): Result[] {
    const gradients = new Map<string, string>();
    for (const pack of this.#packs) for (const m of memberStates(pack)) gradients.set(gradientName(m.id), pack.id);
    const all = this.#f.results.map((r) => ({ ...r, value: this.#classes.final(r.value) }));
    const names = new Set(all.map((r) => r.name));
    const complete = new Set(
      this.#packs.filter((p) => memberStates(p).every((m) => names.has(gradientName(m.id)))).map((p) => p.id),
    );
    const single: Result[] = [];
    const groups = groupBy(all, (r) => {
      const pack = gradients.get(r.name);
      if (pack !== undefined && complete.has(pack)) return `gradient ${pack}`;
      const place = this.#stack.placeOf(r.value);
      if ('pack' in place && pack === undefined && energyNode(r.name) !== undefined) return `page ${place.pack}`;
      single.push(r);
      return undefined;
    });
    const valueByName = new Map(all.map((r) => [r.name, r.value]));
    const packed = [...groups].map(([key, members]): Result => {
      const pack = this.#packs.find((p) => key === `gradient ${p.id}`);
      // Pages in the order of the weights' own: a rule may reach the last layer first.
      const values = pack
        ? memberStates(pack).map((m) => valueByName.get(gradientName(m.id)) as string)
        : members.map((m) => m.value);
      const value = this.#before(() => this.#stack.stack(values));
      if (pack) return { name: gradientName(pack.id), value };
      const first = members[0] as Result;
      return { name: first.name, value, members: members.map((m) => m.name) };
    });
    const alone = single.map((r) => ({ ...r, value: this.#before(() => this.#stack.plain(r.value)) }));
    // Gradients come last, in the order in which the step takes them: a lane hands them over as one piece of memory.
    const rank = (r: Result): number => this.#packs.findIndex((p) => gradientName(p.id) === r.name) + 1;
    const gradientResults = [...alone, ...packed].filter((r) => isGradientName(r.name));
    gradientResults.sort((a, b) => rank(a) - rank(b));
    return [...[...alone, ...packed].filter((r) => !gradientResults.includes(r)), ...gradientResults];
  }
}

function countUses(f: ProgramFunction): Map<string, number> {
  const uses = new Map<string, number>();
  const use = (id: string): void => {
    uses.set(id, (uses.get(id) ?? 0) + 1);
  };
  for (const block of f.blocks) {
    for (const op of block.ops) op.args.forEach(use);
    for (const carry of block.carries) {
      use(carry.init);
      use(carry.next);
    }
  }
  for (const { value } of [...f.updates, ...f.results]) use(value);
  return uses;
}

/** Depth first from each unit in turn; an explicit stack, for chains may be long. */
function inOrder(units: readonly Unit[], makers: ReadonlyMap<string, Unit>): Unit[] {
  const done = new Set<Unit>();
  const order: Unit[] = [];
  for (const root of units) {
    const work: { unit: Unit; needs: Unit[] }[] = [];
    const open = (unit: Unit): void => {
      done.add(unit);
      work.push({ unit, needs: needsOf(unit, makers) });
    };
    if (!done.has(root)) open(root);
    while (work.length > 0) {
      const top = work[work.length - 1] as (typeof work)[number];
      const next = top.needs.pop();
      if (next === undefined) {
        work.pop();
        order.push(top.unit);
      } else if (!done.has(next)) open(next);
    }
  }
  return order;
}

function needsOf(unit: Unit, makers: ReadonlyMap<string, Unit>): Unit[] {
  const found = new Set<Unit>();
  unit.members.forEach((op, i) => {
    for (const id of unit.terms?.[i] ?? op.args) {
      const maker = makers.get(id);
      if (maker && maker !== unit) found.add(maker);
    }
  });
  return [...found];
}
