/**
 * How many ticks old values of neighbours may be (schedule `async`), by what the trainers have measured: as many as a
 * frame is on its way while a shard ticks, and no more than the ticks of the training let an error cross the borders with.
 */
import type { TrainTask } from '../../../compiler/3-check/checked.ts';
import type { Graph } from '../../../compiler/4-graph/graph.ts';
import { reachAcross } from '../../../compiler/5-program/free-ticks.ts';
import { secondsOfFrame } from '../../../spec/costs.ts';
import { TRAIN } from '../../../spec/names.ts';
import type { Plan } from '../../../spec/plan.ts';
import { sizeOf } from '../../../spec/program.ts';
import type { Message } from '../../../spec/schedule.ts';
import { placeOf } from '../../roles/batch-time.ts';
import { wayBetween } from '../../roles/border-way.ts';
import { freeMessages } from '../../training/free-ticks.ts';
import type { BorderCodec } from '../../wire/codec.ts';
import { numberBytes } from '../../wire/codec-bytes.ts';
import { placementNeeds } from './placement-needs.ts';
import { onItsOwn, type Placed, placeOn, type RatedTrainer, runningOf, secondsOf, wayEnd } from './predict-rate.ts';
import { NOTHING, type RatedShard } from './rated-shard.ts';

/** In seconds. */
export interface TickDelays {
  /** Of the slowest shard: its device, and its ends of the frames. */
  readonly tick: number;
  /** Of the slowest border: from one end to the other. */
  readonly way: number;
}

/** Delays beyond it cost accuracy in places (`npm run accept -- async`), and every one of them costs ticks. */
export const MAX_STALENESS = 8;

/**
 * One at least: a shard that must never be ahead is in lockstep.
 *
 * @returns ticks, before the training's own are looked at
 */
export function staleFor({ tick, way }: TickDelays): number {
  return Math.min(MAX_STALENESS, Math.max(1, Math.ceil(way / Math.max(tick, Number.MIN_VALUE))));
}

/** @returns nothing where a trainer has not measured what it can do */
export function tickDelays({ shards, owners, trainers, codec = 'f32' }: Placed): TickDelays | undefined {
  const used = owners.map((key) => trainers.find((t) => t.key === key));
  if (used.some((t) => !t || t.capability.rate <= 0)) return undefined;
  const numbers = numberBytes(codec, 1);
  const bytesOf = ({ values }: Message): number => values.reduce((sum, v) => sum + sizeOf(v.shape), 0) * numbers.later;
  let [tick, way] = [0, 0];
  for (const [i, { schedule, work, short }] of shards.entries()) {
    const own = used[i] as RatedTrainer;
    const capability = onItsOwn(i, owners, own.capability);
    const running = runningOf(shards.length, short, capability);
    const ticks = (schedule.functions.find((f) => f.name === TRAIN)?.stages ?? []).filter(({ repeat }) => repeat > 1);
    const runs = ticks.flatMap(({ segments }) => segments.flatMap(({ run }) => run ?? []));
    let seconds = runs.reduce((sum, run) => sum + secondsOf(work.get(run) ?? NOTHING, 1, capability, running), 0);
    const free = freeMessages(schedule);
    for (const message of schedule.messages) {
      const peer = message.from === schedule.shard ? message.to : message.from;
      const other = used[shards.findIndex((s) => s.schedule.shard === peer)];
      if (!free.has(message.id) || !other || other === own) continue;
      const handled = capability.costs ? secondsOfFrame(bytesOf(message), capability.costs) : 0;
      seconds += handled / 2;
      if (peer === message.to) way = Math.max(way, handled + secondsBetween(own, other, bytesOf(message)));
    }
    tick = Math.max(tick, seconds);
  }
  return tick > 0 ? { tick, way } : undefined;
}

/** Where the trainers have not measured what they can do. */
const USUAL_STALENESS = 2;

/** A training that was cut for a bound of one tick, and those who would train it. */
interface Cut {
  readonly graph: Graph;
  readonly task: Pick<TrainTask, 'method' | 'clamps' | 'starts'>;
  readonly plan: Pick<Plan, 'shards'>;
  readonly shards: readonly RatedShard[];
  readonly trainers: readonly RatedTrainer[];
  readonly codec: BorderCodec;
  readonly on?: readonly string[];
}

/** The bound by what was measured, within what the ticks of the training allow. */
export function measuredStaleness({ graph, task, ...cut }: Cut): number {
  const delays = delaysOf(cut);
  return mostStale(graph, task, cut.plan, delays ? staleFor(delays) : USUAL_STALENESS);
}

/** Where the mesh would place the shards, if it had nothing else to do. */
export function delaysOf({ plan, shards, trainers, codec, on }: Omit<Cut, 'graph' | 'task'>): TickDelays | undefined {
  const { needs, pace } = placementNeeds(shards, codec);
  const memoryOf = (i: number): number => plan.shards[i]?.memory ?? 0;
  const placed = needs.map((need, i) => ({ ...need, memory: memoryOf(i), flops: need.work.flops, bytes: 0 }));
  const { owners, problem } = placeOn(placed, trainers, { pace, ...(on ? { on } : {}) });
  return problem === undefined ? tickDelays({ shards, owners, trainers, codec }) : undefined;
}

function secondsBetween(from: RatedTrainer, to: RatedTrainer, bytes: number): number {
  if (placeOf(from.capability) === placeOf(to.capability)) return 0;
  const { upload, download, delay } = wayBetween(wayEnd(from), wayEnd(to));
  const through = (rate: number): number => (rate > 0 ? bytes / rate : 0);
  return delay + Math.max(through(upload), through(download));
}

/**
 * The largest bound, up to that, with which an error still comes to every node within the ticks of the task.
 *
 * @param task as the model has it: the ticks of `steps = auto` follow from the bound, and allow any
 * @returns one at least
 */
export function mostStale(
  graph: Graph,
  task: Pick<TrainTask, 'method' | 'clamps' | 'starts'>,
  { shards }: Pick<Plan, 'shards'>,
  upTo: number,
): number {
  const home = new Map(shards.flatMap(({ id, nodes }) => nodes.map((node) => [node, id] as const)));
  const crosses = (source: string, target: string): boolean => home.get(source) !== home.get(target);
  let most = upTo;
  while (most > 1 && (reachAcross(graph, task, { staleness: most }, crosses)?.never.length ?? 0) > 0) most--;
  return most;
}

/** How old values may be, who said so, of how many ticks, and what it answers, in a line. */
export function staleText(
  { staleness, steps }: { readonly staleness: number; readonly steps?: number | undefined },
  by: string,
  delays: TickDelays | undefined,
): string {
  const bound = `at most ${ticksText(staleness)} old (${by})${steps === undefined ? '' : `, of ${steps} in a batch`}`;
  if (!delays) return `${bound}: how late they come was not measured`;
  const { tick, way } = delays;
  const late = Math.max(1, Math.ceil(way / tick));
  const waits = late > staleness ? `; frames come ${ticksText(late)} late, so shards wait` : '';
  return `${bound}: a frame is ${milliseconds(way)} on its way, a tick takes ${milliseconds(tick)}${waits}`;
}

const ticksText = (ticks: number): string => `${ticks} ${ticks === 1 ? 'tick' : 'ticks'}`;
const milliseconds = (seconds: number): string => `${Number((1000 * seconds).toPrecision(2))} ms`;
