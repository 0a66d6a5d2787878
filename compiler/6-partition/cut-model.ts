/** From one program to those of several shards, even in work and each within its machine's memory. Pure. */
import { nodeOrigin, plainName } from '../../spec/names.ts';
import { type Program, sizeOf } from '../../spec/program.ts';
import type { ScheduleInstance, TrainTask } from '../3-check/checked.ts';
import type { Graph } from '../4-graph/graph.ts';
import { type Lowered, passedAtRest, passedInSteps } from '../5-program/at-rest.ts';
import { type Freedom, reachAcross } from '../5-program/free-ticks.ts';
import { ruleOf } from '../5-program/method.ts';
import { runPassesByNode, runPassesFreely } from '../5-program/passes/index.ts';
import { neverText, reachOf, repairOf } from '../5-program/reach.ts';
import { cutAgain, keptBy } from './at-borders.ts';
import { type CannotCut, mebibytes, notYet, restsInPieces } from './cannot-cut.ts';
import { type CutAt, constraintsOf } from './constraints.ts';
import {
  type CutPieces,
  type Cutting,
  cutPieces,
  keepPlaces,
  levelPieces,
  linePieces,
  type OldPlaces,
  spreadPieces,
} from './cut-pieces.ts';
import { unpairedErrors } from './paired-errors.ts';
import type { Machines } from './problem.ts';
import { type BatchTime, isQuicker, mayGain } from './quickest-cut.ts';
import type { ScheduledModel } from './scheduled-machines.ts';
import { assignmentOf, sharedHomes } from './shards/pieces.ts';
import { type ShardProgram, splitting } from './shards/split.ts';
import { twofold } from './shards/twofold.ts';
import { shardMemory, tickWork } from './shards/work.ts';
import type { Tiling } from './tiles/tiling.ts';

/** A model whose program no pass has seen yet. */
export interface Uncut extends ScheduledModel, Lowered {
  /** `values = borders`: it is cut with all values, and then keeps those of some nodes. */
  readonly borders?: { readonly all: Lowered; readonly keeping: (kept: ReadonlySet<string>) => Lowered };
  /** Never cut a node: every tick of a cut one costs more round trips between shards. */
  readonly wholeNodes?: boolean;
  /** Ticks may read older values of other shards (schedule `async`). */
  readonly async?: Freedom;
  /** Batches that begin before the weight step of the one before them, on predicted weights: 0 or 1. */
  readonly ahead?: number;
}

export interface CutModel {
  readonly kind: 'cut';
  /** With the values that are kept, and the ticks that they need. */
  readonly graph: Graph;
  readonly task: TrainTask | undefined;
  /** Of the whole model, in tiles where it had to be cut. */
  readonly program: Program;
  readonly tiling: Tiling;
  /** For each machine its program, and the nodes (or tiles) that it holds. */
  readonly split: readonly ShardProgram[];
  readonly nodes: readonly (readonly string[])[];
}

export interface CutOptions {
  /** Of an older plan, to move as little as is worth it. */
  readonly old?: OldPlaces | undefined;
  /** Of the machines that a mesh file lists, those that have to hold certain nodes. */
  readonly pinned?: ReadonlyMap<string, number> | undefined;
  /** Whole nodes where shards in lockstep train quicker so by these times, though their shares are less even. */
  readonly batchTime?: BatchTime | undefined;
  /** Called with what is being done, since cutting into many shards takes a while. */
  readonly note?: ((doing: string) => void) | undefined;
  /** Called with the program of the whole model behind each pass. */
  readonly passed?: ((name: string, program: Program) => void) | undefined;
}

/** How often the room of machines is corrected by what values of a batch were found to need beside the weights. */
const MEMORY_ROUNDS = 4;
/** How often shares are made even by what shards were found to do: values that several make for themselves, too. */
const WORK_ROUNDS = 4;
/** Shares that miss the mean by less are left as they are: to make them even costs borders. */
const EVEN = 1.045;

/** Programs of the shards, one for each machine; nothing is written for any device yet. */
export function cutModel(uncut: Uncut, machines: Machines, options: CutOptions = {}): CutModel | CannotCut {
  const even = evenCut(uncut, machines, options);
  const { batchTime, old } = options;
  if (!batchTime || old || even.kind !== 'cut' || even.tiling.size === 0) return even;
  if (!mayGain(even.split, machines)) return even;
  const whole = evenCut({ ...uncut, wholeNodes: true }, machines, { ...options, passed: undefined });
  return whole.kind === 'cut' && isQuicker(whole.split, even.split, machines, batchTime) ? whole : even;
}

/** Shares as even as they can be. */
function evenCut(given: Uncut, machines: Machines, options: CutOptions): CutModel | CannotCut {
  const { old, pinned = new Map(), note, passed } = options;
  const uncut: Uncut = given.borders ? { ...given, ...given.borders.all } : given;
  const { checked, graph, ahead = 0 } = uncut;
  // A tick of a node in tiles goes to and fro between shards several times, and each time would be late.
  const wholeNodes = uncut.wholeNodes === true || uncut.async !== undefined;
  const mayBeAbsent = uncut.async !== undefined;
  const schedules = checked.schedules.filter((s) => s.model === graph.name);
  const refused = notYet(schedules) ?? restsInPieces(uncut.task, machines.list.length);
  if (refused) return refused;
  const together = [...schedules.flatMap((s) => s.keepTogether), ...sharedHomes(graph)];
  const cutAt = cutAtOf(schedules);
  const whole = passedByNode(uncut, passed);
  const uncutNodes = wholeNodes || stepsNeedWholeWeights(whole, uncut.task);
  const constraints = constraintsOf(graph, uncutNodes && cutAt !== 'clusters' ? 'nodes' : cutAt, together, pinned);
  let cutting: Cutting = { graph, whole, machines, constraints };
  const kept = old && keepPlaces(cutting, old);
  let best: { readonly programs: () => ShardProgram[]; readonly cut: CutPieces; readonly time: number } | undefined;
  let full: CannotCut | undefined;
  let next: CutPieces | undefined = kept;
  // Where nothing bounds memory, a round can do without programs.
  const needsPrograms = ahead > 0 || machines.list.some((m) => m.memory !== Infinity);
  const inOrder = (plain: ShardProgram[]): ShardProgram[] => (ahead > 0 ? plain.map(twofold) : plain);
  let tooLargeRounds = 0;
  let levelled = 0;
  for (let round = 0; round < MEMORY_ROUNDS + WORK_ROUNDS; round++) {
    note?.(`cutting ${graph.name} into ${machines.list.length} shards${round > 0 ? `, once more (${round + 1})` : ''}`);
    const cut = next ?? cutPieces(cutting);
    if (cut.kind === 'impossible') {
      full ??= cut;
      break;
    }
    const assignment = assignmentOf(graph, cut.pieces, cut.part);
    const parts = splitting(cut.program, { owners: cut.owners, assignment, shards: machines.list.length, mayBeAbsent });
    const plain = needsPrograms ? parts.programs() : [];
    const split = inOrder(plain);
    const tooMuch = tooLarge(graph.name, split, machines);
    full ??= tooMuch;
    if (tooMuch && (best || ++tooLargeRounds >= MEMORY_ROUNDS)) break;
    if (tooMuch) {
      // The partitioner counts what stays; the values of a batch are known only now.
      cutting = { ...cutting, machines: { ...machines, list: roomFor(machines, split, plain) } };
      next = undefined;
      continue;
    }
    const done = needsPrograms ? tickWork(split) : parts.tickWork();
    const time = Math.max(cut.bottleneck, slowest(done, machines));
    if (time < (best?.time ?? Infinity)) best = { programs: needsPrograms ? () => split : parts.programs, cut, time };
    const even = done.reduce((sum, w) => sum + w, 0) / machines.list.reduce((sum, m) => sum + m.rate, 0);
    if (kept || time <= EVEN * even || levelled++ >= WORK_ROUNDS) break;
    next = spreadPieces(cutting, cut, done) ?? levelPieces(cutting, cut, done);
    if (!next) break;
  }
  if (!best) return full ?? { kind: 'impossible', reason: `${graph.name} cannot be cut`, repair: 'add memory' };
  const { cut } = best;
  const { task } = uncut;
  if (!given.borders) {
    const split = best.programs();
    const late = uncut.async && (tooLate({ graph, task }, cut, uncut.async) ?? unpairedErrors(task, split));
    return late ?? { ...placed(machines, cut), graph, task, program: cut.program, split };
  }
  const { lowered, ...at } = fewestBorders(given.borders, uncut, [cut, ...(kept ? [] : [linePieces(cutting) ?? cut])]);
  const short = tooFewTicks(lowered);
  if (short) return short;
  const again = cutAgain(at.cut, lowered.graph, passedByNode({ ...uncut, ...lowered }, passed));
  const assignment = assignmentOf(lowered.graph, again.pieces, again.part);
  const shards = { owners: again.owners, assignment, shards: machines.list.length, mayBeAbsent };
  const split = inOrder(splitting(again.program, shards).programs());
  const tooMuch =
    tooLarge(graph.name, split, machines) ??
    (uncut.async && (tooLate(lowered, at.cut, uncut.async) ?? unpairedErrors(lowered.task, split)));
  const model = { graph: lowered.graph, task: lowered.task, program: again.program, split };
  return tooMuch ?? { ...placed(machines, again), ...model };
}

function placed(machines: Machines, { pieces, part, tiling }: CutPieces): Pick<CutModel, 'kind' | 'nodes' | 'tiling'> {
  const nodes = machines.list.map((_, shard) => pieces.filter((_owner, i) => part[i] === shard).map(plainName));
  return { kind: 'cut', nodes, tiling };
}

/** The cut with the fewest nodes that an error has to pass; of equals the first. */
function fewestBorders(
  { keeping }: NonNullable<Uncut['borders']>,
  { graph, task }: Pick<Lowered, 'graph' | 'task'>,
  cuts: readonly [CutPieces, ...CutPieces[]],
): { readonly cut: CutPieces; readonly lowered: Lowered } {
  const [first, ...others] = cuts.map((cut) => {
    const lowered = keeping(keptBy(graph, cut, task));
    return { cut, lowered, hops: (lowered.task && reachOf(lowered.graph, lowered.task)?.hops) ?? 0 };
  });
  if (!first) throw new Error('no cut');
  return others.reduce((least, found) => (found.hops < least.hops ? found : least), first);
}

/** Behind microbatches every shard moves its weights by itself, and an optimiser that reduces needs all of a weight. */
export function stepsNeedWholeWeights({ functions }: Program, task: TrainTask | undefined): boolean {
  return task?.optimizer.ofWeights !== undefined && functions.some((f) => f.role === 'move');
}

/** The program of the whole model behind its passes, each node by itself. */
function passedByNode(uncut: Uncut, passed: CutOptions['passed']): Program {
  const run = uncut.async ? runPassesFreely : runPassesByNode;
  if (!passed) return passedAtRest(uncut, (first) => run(first)).program;
  const { program, behind } = passedInSteps(uncut, run);
  for (const [name, current] of behind) passed(name, current);
  return program;
}

/** The cut decides how far errors have to come. */
function tooFewTicks({ graph, task }: Lowered): CannotCut | undefined {
  const reach = task && reachOf(graph, task);
  if (!reach || reach.never.length === 0) return undefined;
  return {
    kind: 'impossible',
    reason: neverText(ruleOf(task.method), reach),
    repair: `${repairOf(reach)}; or fewer shards`,
  };
}

/** Errors wait at borders, too, where these may be late. */
function tooLate(
  { graph, task }: Pick<Lowered, 'graph' | 'task'>,
  { pieces, part }: Pick<CutPieces, 'pieces' | 'part'>,
  freedom: Freedom,
): CannotCut | undefined {
  const home = new Map(pieces.map((owner, i) => [owner, part[i]]));
  const crosses = (source: string, target: string): boolean =>
    home.get(nodeOrigin(source)) !== home.get(nodeOrigin(target));
  const reach = task && reachAcross(graph, task, freedom, crosses);
  if (!task || !reach || reach.never.length === 0) return undefined;
  const { staleness } = freedom;
  return {
    kind: 'impossible',
    reason: `${neverText(ruleOf(task.method), { ...reach, fades: false })}, where what crosses a border may be ${staleness} ${staleness === 1 ? 'tick' : 'ticks'} old`,
    repair: `\`steps = ${reach.hops + 2}\` or more, a smaller staleness, or fewer shards`,
  };
}

function cutAtOf(schedules: readonly ScheduleInstance[]): CutAt {
  const words = schedules.map(({ settings }) => settings.cut_at);
  const found = words.find((word) => typeof word === 'object' && word.kind === 'symbol');
  const name = typeof found === 'object' && found.kind === 'symbol' ? found.name : 'anywhere';
  return name === 'clusters' || name === 'nodes' ? name : 'anywhere';
}

function slowest(done: readonly number[], { list }: Machines): number {
  return done.reduce((most, work, p) => Math.max(most, work / (list[p]?.rate ?? 1)), 0);
}

/** @param plain the shards with the states that the partitioner counts, and no others */
function roomFor(machines: Machines, split: readonly ShardProgram[], plain: readonly ShardProgram[]): Machines['list'] {
  return machines.list.map((m, i) => {
    const [shard, counted] = [split[i], plain[i]];
    if (!shard || !counted) return m;
    return { ...m, memory: Math.max(0, m.memory - shardMemory(shard) + stateBytes(counted)) };
  });
}

function stateBytes({ program }: ShardProgram): number {
  return program.states.reduce((sum, s) => sum + 4 * sizeOf(s.shape), 0);
}

/** The first shard that its machine has no room for. */
function tooLarge(model: string, split: readonly ShardProgram[], { list }: Machines): CannotCut | undefined {
  const at = split.findIndex((shard, i) => shardMemory(shard) > (list[i]?.memory ?? Infinity));
  const [shard, machine] = [split[at], list[at]];
  if (!shard || !machine) return undefined;
  return {
    kind: 'impossible',
    reason: `${machine.name} has ${mebibytes(machine.memory)}, its part of ${model} needs ${mebibytes(shardMemory(shard))}, ${mebibytes(stateBytes(shard))} of it weights and states`,
    repair: 'add machines or memory, or make the batch smaller',
  };
}
