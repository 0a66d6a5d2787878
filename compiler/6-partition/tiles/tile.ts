/** Rewrites a program whose nodes are cut: states, carries and operations become tiles of what they were. */

import { nodeTile, type OpOrigin, servesWeight, tileName, tileOrigin } from '../../../spec/names.ts';
import type { Block, Carry, Op, Program, ProgramFunction, Shape, State } from '../../../spec/program.ts';
import type { Graph } from '../../4-graph/graph.ts';
import { type Layout, sameLayout, tileShape, tilesOf } from './layout.ts';
import { findLayouts, type Layouts, type Way } from './layouts.ts';
import { joinOps, sliceOps } from './slices.ts';
import { type Spreads, spreadCuts } from './spread.ts';
import { type StateCuts, stateCutsOf } from './state-cuts.ts';
import type { Tiling } from './tiling.ts';

export function tileProgram(graph: Graph, program: Program, tiling: Tiling, spreads: Spreads = new Map()): Program {
  const tiled = cutProgram(program, stateCutsOf(graph, tiling));
  return spreads.size > 0 ? cutProgram(tiled, spreadCuts(graph, tiling, spreads, tiled)) : tiled;
}

function cutProgram(program: Program, cuts: StateCuts): Program {
  const states = program.states.flatMap((state): State[] => {
    const layout = cuts.ofState(state);
    if (!layout) return [state];
    return tilesOf(layout).map(({ from, size }, i) => {
      const { axis, groups } = layout;
      const slice = state.slice
        ? { ...state.slice, across: { axis, from } }
        : { of: state.id, shape: state.shape, axis, from, ...(groups > 1 ? { groups } : {}) };
      return { ...state, id: tileName(state.id, i), shape: tileShape(state.shape, layout, size), slice };
    });
  });
  const functions = program.functions.map((f) => new Tiler(program, f, findLayouts(cuts, program.states, f)).run());
  return { ...program, states, functions };
}

class Tiler {
  readonly #f: ProgramFunction;
  readonly #layouts: Layouts;
  readonly #shapes = new Map<string, Shape>();
  /** States that shards keep from batch to batch, as stored and as loops carry it. */
  readonly #states: ReadonlySet<string>;
  readonly #origins = new Map<string, Op['origin']>();
  /** Values that were put together or cut already, by name; those made in a loop's body are forgotten behind it. */
  #made = new Set<string>();
  #ops: Op[] = [];
  /** Operations of the straight block in front of a loop, and what it knows. */
  #outside: { readonly ops: Op[]; readonly made: Set<string>; readonly inside: ReadonlySet<string> } | undefined;

  constructor(program: Program, f: ProgramFunction, layouts: Layouts) {
    this.#f = f;
    this.#layouts = layouts;
    const states = new Set(program.states.map((s) => s.id));
    this.#states = states;
    for (const { id, shape } of [...program.states, ...f.inputs]) this.#shapes.set(id, shape);
    for (const block of f.blocks) {
      for (const { id } of block.scalars) this.#shapes.set(id, []);
      for (const { id, result, shape, init } of block.carries) {
        this.#shapes.set(id, shape).set(result, shape);
        // A weight that moves in a loop is held where its state is.
        if (states.has(init) || servesWeight(this.#origins.get(init))) states.add(id).add(result);
      }
      for (const { id, shape, origin } of block.ops) {
        this.#shapes.set(id, shape);
        this.#origins.set(id, origin);
      }
    }
  }

  run(): ProgramFunction {
    const blocks: Block[] = [];
    for (const block of this.#f.blocks) {
      const loop = block.repeat > 1 || block.carries.length > 0;
      if (!loop) {
        this.#ops = [];
        this.#outside = undefined;
        for (const op of block.ops) this.#emit(op);
        blocks.push({ ...block, ops: this.#ops });
        continue;
      }
      const before = blocks.at(-1);
      const front: Op[] = before && before.repeat === 1 && before.carries.length === 0 ? (before.ops as Op[]) : [];
      if (!before || front !== before.ops)
        blocks.push({ name: `before-${block.name}`, repeat: 1, firstTick: 0, carries: [], scalars: [], ops: front });
      this.#ops = front;
      const begins = new Map(block.carries.map((c) => [c.id, this.#carryStarts(c)]));
      const kept = this.#made;
      this.#made = new Set(kept);
      const inside = new Set([
        ...block.carries.map((c) => c.id),
        ...block.ops.map((op) => op.id),
        ...block.scalars.map((s) => s.id),
      ]);
      this.#outside = { ops: front, made: kept, inside };
      this.#ops = [];
      for (const op of block.ops) this.#emit(op);
      const carries = block.carries.flatMap((c) => this.#carry(c, begins.get(c.id) ?? []));
      blocks.push({ ...block, carries, ops: this.#ops });
      this.#made = kept;
      this.#outside = undefined;
    }
    return this.#finish(blocks);
  }

  #finish(blocks: Block[]): ProgramFunction {
    this.#ops = [];
    const updates = this.#f.updates.flatMap(({ state, value }) => {
      const layout = this.#layouts.of(state);
      if (!layout) return [{ state, value: this.#whole(value) }];
      return this.#tiles(value, layout).map((tile, i) => ({ state: tileName(state, i), value: tile }));
    });
    const results = this.#f.results.map((r) => ({ ...r, value: this.#whole(r.value) }));
    const end: Block = { name: 'together', repeat: 1, firstTick: 0, carries: [], scalars: [], ops: this.#ops };
    return { ...this.#f, blocks: this.#ops.length > 0 ? [...blocks, end] : blocks, updates, results };
  }

  #carryStarts(carry: Carry): string[] {
    const layout = this.#layouts.of(carry.id);
    return layout ? this.#tiles(carry.init, layout) : [this.#whole(carry.init)];
  }

  #carry(carry: Carry, begins: readonly string[]): Carry[] {
    const layout = this.#layouts.of(carry.id);
    if (!layout) return [{ ...carry, init: begins[0] ?? carry.init, next: this.#whole(carry.next) }];
    const next = this.#tiles(carry.next, layout);
    return tilesOf(layout).map(({ size }, i) => ({
      id: tileName(carry.id, i),
      result: tileName(carry.result, i),
      shape: tileShape(carry.shape, layout, size),
      init: begins[i] ?? '',
      next: next[i] ?? '',
    }));
  }

  #emit(op: Op): void {
    const { slot: _slot, ...plain } = op;
    const way = this.#layouts.way(op);
    if (way.kind === 'whole') this.#ops.push({ ...plain, args: op.args.map((a) => this.#whole(a)) });
    else if (way.kind === 'tiles') this.#emitTiles(plain, way);
    else this.#emitParts(plain, way);
  }

  #argsOf(op: Op, layouts: readonly (Layout | undefined)[]): string[][] {
    return op.args.map((a, j) => {
      const layout = layouts[j];
      return layout ? this.#tiles(a, layout) : [this.#whole(a)];
    });
  }

  #emitTiles(op: Op, { layout, args: cut }: Way & { kind: 'tiles' }): void {
    const args = this.#argsOf(op, cut);
    tilesOf(layout).forEach(({ size }, i) => {
      const shape = tileShape(op.shape, layout, size);
      const attributes = Array.isArray(op.attributes.shape) ? { ...op.attributes, shape } : op.attributes;
      const own = args.map((list, j) => (cut[j] ? list[i] : list[0]) ?? '');
      const origin = originOf(op, layout.node, i);
      this.#ops.push({ id: tileName(op.id, i), op: op.op, args: own, attributes, shape, origin });
    });
  }

  /** Sums over tiles in their order, from the first on. */
  #emitParts(op: Op, { over, layout, args: cut }: Way & { kind: 'parts' }): void {
    const args = this.#argsOf(op, cut);
    const parts = tilesOf(over).map((_, i) => {
      const id = `${op.id}/part${i}`;
      this.#ops.push({ ...op, id, args: args.map((list) => list[i] ?? ''), origin: nodeTile(over.node, i) });
      return id;
    });
    const join = op.op === 'amax' ? 'max' : 'add';
    if (!layout) {
      this.#chain(join, parts, op.id, op.shape, op.origin);
      return;
    }
    tilesOf(layout).forEach((tile, j) => {
      const slices = parts.map((part, i) => {
        const id = `${part}/to${j}`;
        this.#ops.push(...sliceOps(id, part, op.shape, layout, tile, nodeTile(over.node, i)));
        return id;
      });
      this.#chain(join, slices, tileName(op.id, j), tileShape(op.shape, layout, tile.size), nodeTile(layout.node, j));
    });
  }

  #chain(join: string, parts: readonly string[], id: string, shape: Shape, origin: OpOrigin | undefined): void {
    let sum = parts[0] ?? '';
    for (let i = 1; i < parts.length; i++) {
      const name = i === parts.length - 1 ? id : `${id}/sum${i}`;
      this.#ops.push({
        id: name,
        op: join,
        args: [sum, parts[i] ?? ''],
        attributes: {},
        shape,
        ...(origin === undefined ? {} : { origin }),
      });
      sum = name;
    }
  }

  /** A value in one piece. */
  #whole(id: string): string {
    const layout = this.#layouts.of(id);
    if (!layout) return id;
    const name = this.#free(`${id}/whole`);
    const shape = this.#shapes.get(id) ?? [];
    this.#once(id, name, () => {
      const tiles = this.#states.has(id) ? this.#told(id, layout) : [];
      const args = tilesOf(layout).map((_, i) => tiles[i]?.id ?? tileName(id, i));
      return [...tiles, ...joinOps(name, args, shape, layout, nodeTile(layout.node, 0))];
    });
    return name;
  }

  /** The tiles of a state as values: only these are told to other shards. */
  #told(id: string, layout: Layout): Op[] {
    return tilesOf(layout).map(({ size }, i) => {
      const shape = tileShape(this.#shapes.get(id) ?? [], layout, size);
      const args = [tileName(id, i)];
      const origin = nodeTile(layout.node, i);
      return { id: this.#free(`${tileName(id, i)}/told`), op: 'reshape', args, attributes: { shape }, shape, origin };
    });
  }

  /** A value cut as wanted. */
  #tiles(id: string, wanted: Layout): string[] {
    const layout = this.#layouts.of(id);
    if (sameLayout(layout, wanted)) return tilesOf(wanted).map((_, i) => tileName(id, i));
    const whole = this.#whole(id);
    const origin = this.#origins.get(id) ?? nodeTile(wanted.node, 0);
    return tilesOf(wanted).map((tile) => {
      const runs = wanted.groups > 1 ? `${wanted.groups}x` : '';
      const name = this.#free(`${whole}/${wanted.axis}:${runs}${tile.from}+${tile.size}`);
      this.#once(id, name, () => sliceOps(name, whole, this.#shapes.get(id) ?? [], wanted, tile, origin));
      return name;
    });
  }

  /** A program that was cut already, for its weights to be spread, has names of this kind. */
  #free(name: string): string {
    return this.#shapes.has(name) ? this.#free(`${name}/again`) : name;
  }

  /** Writes operations once: in front of the loop where their value was made there. */
  #once(of: string, name: string, write: () => Op[]): void {
    if (this.#made.has(name)) return;
    this.#made.add(name);
    const outside = this.#outside;
    if (outside && !outside.inside.has(of)) {
      // What stands in front of the loop may have made it for itself.
      if (outside.made.has(name)) return;
      outside.made.add(name);
      outside.ops.push(...write());
    } else this.#ops.push(...write());
  }
}

/** An operation that serves a weight goes on doing so; any other one serves the tile of its node. */
function originOf(op: Op, node: string, i: number): OpOrigin {
  return op.origin !== undefined && servesWeight(op.origin) ? tileOrigin(op.origin, i) : nodeTile(node, i);
}
