/**
 * Changes between two plans of a model: pieces that go to another machine, and why; nodes that are cut into other
 * tiles; machines that came, went or changed; what limits the tick before and after. Machines are known by their names.
 */
import { append } from '../../spec/append.ts';
import type { Plan, PlanPredicted } from '../../spec/plan.ts';
import { sizeOf } from '../../spec/program.ts';

export interface PieceMove {
  /** `h1`, or `h1/2` for a tile. */
  readonly piece: string;
  readonly from: string;
  readonly to: string;
  readonly why: string;
}

/** A node that is cut into another number of tiles. */
export interface Recut {
  readonly node: string;
  readonly tilesBefore: number;
  readonly tilesAfter: number;
  /** Machines that hold tiles of it. */
  readonly before: readonly string[];
  readonly after: readonly string[];
}

export interface PlanSide {
  readonly shards: number;
  /** Seconds; null for one shard, of which nothing is predicted. */
  readonly secondsPerTick: number | null;
  readonly bottleneck: { readonly machine: string; readonly by: string } | null;
  readonly bytesPerTick: number;
}

export interface PlanDiff {
  readonly model: { readonly before: string; readonly after: string; readonly sameSource: boolean };
  readonly before: PlanSide;
  readonly after: PlanSide;
  readonly machines: {
    readonly gone: readonly string[];
    readonly added: readonly string[];
    readonly changed: readonly string[];
  };
  readonly moves: readonly PieceMove[];
  readonly recut: readonly Recut[];
  /** Nodes that only one of the plans has. */
  readonly nodes: { readonly gone: readonly string[]; readonly added: readonly string[] };
  readonly parameterBytes: {
    readonly all: number;
    /** Of parameters that are on another machine as they are. */
    readonly moved: number;
    /** Of those that are cut differently: at most so many move. */
    readonly recut: number;
  };
}

export function diffPlans(a: Plan, b: Plan): PlanDiff {
  const [before, after] = [placesOf(a), placesOf(b)];
  const [tilesBefore, tilesAfter] = [tilesOf(before), tilesOf(after)];
  const recut: Recut[] = [];
  for (const [node, now] of tilesAfter) {
    const then = tilesBefore.get(node);
    if (!then || then.length === now.length) continue;
    const machines = (pieces: readonly string[], places: ReadonlyMap<string, string>): string[] => [
      ...new Set(pieces.map((piece) => places.get(piece) ?? '')),
    ];
    recut.push({
      node,
      tilesBefore: then.length,
      tilesAfter: now.length,
      before: machines(then, before),
      after: machines(now, after),
    });
  }
  const machines = machinesBetween(a, b);
  const cutAnew = new Set(recut.map((r) => r.node));
  const moves: PieceMove[] = [];
  for (const [piece, to] of after) {
    const from = before.get(piece);
    if (from === undefined || from === to || cutAnew.has(nodeOf(piece))) continue;
    moves.push({ piece, from, to, why: reason(a, b, from, to) });
  }
  return {
    model: { before: a.model, after: b.model, sameSource: sourceOf(a) === sourceOf(b) },
    before: sideOf(a),
    after: sideOf(b),
    machines,
    moves,
    recut,
    nodes: {
      gone: [...tilesBefore.keys()].filter((node) => !tilesAfter.has(node)),
      added: [...tilesAfter.keys()].filter((node) => !tilesBefore.has(node)),
    },
    parameterBytes: parameterBytes(a, b),
  };
}

/** The name of the machine of a shard; the shard's number where there is none. */
function machineAt({ predicted }: Plan, shard: number): string {
  return predicted?.machines[shard]?.name ?? `shard-${shard}`;
}

/** The machine of every piece. */
function placesOf(plan: Plan): Map<string, string> {
  return new Map(plan.shards.flatMap((s, i) => s.nodes.map((piece) => [piece, machineAt(plan, i)] as const)));
}

const nodeOf = (piece: string): string => piece.replace(/\/\d+$/, '');

function tilesOf(places: ReadonlyMap<string, string>): Map<string, string[]> {
  const tiles = new Map<string, string[]>();
  for (const piece of places.keys()) append(tiles, nodeOf(piece), piece);
  return tiles;
}

function sourceOf({ source }: Plan): string {
  return source.map((s) => s.sha256).join(' ');
}

function sideOf(plan: Plan): PlanSide {
  const { predicted } = plan;
  return {
    shards: plan.shards.length,
    secondsPerTick: predicted?.tick ?? null,
    bottleneck: predicted ? { machine: machineAt(plan, predicted.limit.shard), by: predicted.limit.by } : null,
    bytesPerTick: plan.borders.flatMap((x) => x.flows).reduce((sum, f) => sum + f.bytesPerTick.f32, 0),
  };
}

type Machine = PlanPredicted['machines'][number];

function machinesByName({ predicted }: Plan): Map<string, Machine> {
  return new Map((predicted?.machines ?? []).map((m) => [m.name, m]));
}

function machinesBetween(a: Plan, b: Plan): PlanDiff['machines'] {
  const names = (plan: Plan): string[] => plan.shards.map((_, i) => machineAt(plan, i));
  const [before, after] = [new Set(names(a)), new Set(names(b))];
  const [then, now] = [machinesByName(a), machinesByName(b)];
  return {
    gone: [...before].filter((name) => !after.has(name)),
    added: [...after].filter((name) => !before.has(name)),
    changed: [...then].flatMap(([name, old]) => {
      const machine = now.get(name);
      const what = machine ? changesOf(old, machine) : [];
      return what.length > 0 ? [`${name}: ${what.join(', ')}`] : [];
    }),
  };
}

function changesOf(before: Machine, after: Machine): string[] {
  return (['rate', 'memory', 'upload', 'download'] as const)
    .filter((key) => (before[key] ?? Infinity) !== (after[key] ?? Infinity))
    .map((key) => `${key} ${figure(before[key])} → ${figure(after[key])}`);
}

const figure = (value: number | null | undefined): string =>
  value === null || value === undefined ? 'unbounded' : Number(value.toPrecision(3)).toExponential();

/** The nearest reason that the plans themselves show; several may hold, the first is said. */
function reason(a: Plan, b: Plan, from: string, to: string): string {
  const { gone, added } = machinesBetween(a, b);
  if (gone.includes(from)) return `${from} is gone`;
  const [then, now] = [machinesByName(a), machinesByName(b)];
  const held = a.shards.reduce((sum, s, i) => sum + (machineAt(a, i) === from ? s.memory : 0), 0);
  if ((now.get(from)?.memory ?? Infinity) < held) return `${from} has less memory now than it held`;
  if (added.includes(to)) return `${to} is new`;
  const ratio = (name: string): number => (now.get(name)?.rate ?? 1) / (then.get(name)?.rate ?? 1);
  if (ratio(from) < 1 || ratio(to) > 1)
    return ratio(from) < 1 ? `${from} is slower than before` : `${to} is faster than before`;
  const limit = sideOf(a).bottleneck;
  return limit?.machine === from ? `${from} limited the tick, by ${limit.by}` : 'balance';
}

function parameterBytes(a: Plan, b: Plan): PlanDiff['parameterBytes'] {
  const places = new Map(
    a.shards.flatMap((s, i) => s.parameters.map((p) => [`${p.name} ${p.shape}`, machineAt(a, i)] as const)),
  );
  const bytes = { all: 0, moved: 0, recut: 0 };
  b.shards.forEach((s, i) => {
    for (const { name, shape } of s.parameters) {
      const size = 4 * sizeOf(shape);
      const place = places.get(`${name} ${shape}`);
      bytes.all += size;
      if (place === undefined) bytes.recut += size;
      else if (place !== machineAt(b, i)) bytes.moved += size;
    }
  });
  return bytes;
}
