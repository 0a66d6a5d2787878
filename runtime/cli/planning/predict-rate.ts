/** How fast a training in shards will go on the trainers of a mesh, from what they have measured of themselves. */

import type { Work } from '../../../compiler/5-program/cost.ts';
import {
  type Costs,
  lagOfFrame,
  type Running,
  runningApart,
  secondsOfCommitment,
  secondsOfCounted,
  secondsOfFrame,
} from '../../../spec/costs.ts';
import { TRAIN } from '../../../spec/names.ts';
import type { ShardSchedule } from '../../../spec/schedule.ts';
import { placeOf, secondsOfWork } from '../../roles/batch-time.ts';
import { type WayEnd, wayBetween } from '../../roles/border-way.ts';
import { type Pacing, type Placement, place } from '../../roles/place.ts';
import { stretchCostsOn, stretchLength } from '../../roles/stretch-length.ts';
import { type Modelled, type ModelMachine, type ModelPlace, modelRate } from '../../simulation/rate-model.ts';
import type { BorderCodec } from '../../wire/codec.ts';
import { numberBytes } from '../../wire/codec-bytes.ts';
import type { Deployment } from '../../wire/deployment.ts';
import type { Capability } from '../../wire/messages.ts';
import { auditShares } from './audit-work.ts';
import { batchWork, feedingOf, NOTHING, type RatedShard, shareOf, type TrainingLength } from './rated-shard.ts';
import { sharedWork } from './shared-work.ts';
import type { MeasuredBorder, RatedTrainer } from './trainer-rated.ts';
import { type WorkPieces, workPieces } from './work-pieces.ts';

export type { MeasuredBorder, RatedTrainer } from './trainer-rated.ts';

export interface Prediction {
  readonly batchesPerSecond: number;
  /** Of processors for a batch, of all trainers together. */
  readonly processorSeconds: number;
  /** These, by what they are spent on. */
  readonly work: WorkPieces;
  /** By shard, device work over time. */
  readonly busy: readonly number[];
  /** In words. */
  readonly limit: string;
}

/** As the mesh would place them, if it had nothing else to do. */
export function placeOn(
  needs: Deployment['needs'],
  trainers: readonly RatedTrainer[],
  pacing: Pacing & Pick<Deployment, 'on'> = {},
): Placement {
  const all = trainers.map((trainer) => ({ ...wayEnd(trainer), runs: 0 }));
  return place(needs, all, pacing.on, undefined, pacing);
}

/** The training, and the trainers of its shards. */
export interface Placed {
  readonly shards: readonly RatedShard[];
  /** Keys of trainers, by shard. */
  readonly owners: readonly string[];
  readonly trainers: readonly RatedTrainer[];
  readonly codec?: BorderCodec;
  /** Of the shards' whole batches; absent: as their schedules have it. */
  readonly division?: { readonly microbatches: number; readonly ahead: number };
  /** How long the training is; absent: its data are counted as if they were in memory. */
  readonly data?: TrainingLength | undefined;
  /** Ticks that values of neighbours may be old (schedule `async`); absent: each tick waits for its own. */
  readonly staleness?: number | undefined;
  /** Machine of the synchronizer, where it is one of the trainers'. */
  readonly synchronizer?: string | undefined;
}

/**
 * @param owners keys of trainers, by shard
 * @param division of the shards' whole batches; absent: as their schedules have it
 * @returns nothing where a trainer has not measured what it can do
 */
export function predictRate(
  shards: readonly RatedShard[],
  owners: readonly string[],
  trainers: readonly RatedTrainer[],
  codec: BorderCodec = 'f32',
  division?: { readonly microbatches: number; readonly ahead: number },
): Prediction | undefined {
  return predictPlaced({ shards, owners, trainers, codec, ...(division ? { division } : {}) });
}

export function predictPlaced(placed: Placed): Prediction | undefined {
  const found = modelOf(placed, TRAIN);
  if (!found) return undefined;
  const { modelled, machines, places, capabilities, runnings } = found;
  const threads = sharedWork(placed.shards, capabilities[0] as Capability);
  const pieces = workPieces(placed, modelled, capabilities, runnings);
  return {
    batchesPerSecond: 1 / modelled.batch,
    processorSeconds: modelled.processors + threads,
    work: { ...pieces, threads },
    busy: modelled.busy,
    limit: limitIn(modelled, machines, places),
  };
}

/** Seconds of one call of a function that changes no weights; nothing where a trainer has not measured what it can do. */
export function predictCall(placed: Placed, name: string): number | undefined {
  return modelOf(placed, name)?.modelled.batch;
}

function modelOf(placed: Placed, name: string) {
  const { shards, owners, trainers, codec = 'f32', division, data, staleness, synchronizer } = placed;
  const used = owners.map((key) => trainers.find((t) => t.key === key));
  if (used.some((t) => !t || t.capability.rate <= 0)) return undefined;
  const names = [...new Set(used.map((t) => t?.capability.machine ?? ''))];
  const machines = names.map((machine): ModelMachine => {
    const own = trainers.find((t) => t.capability.machine === machine)?.capability;
    const speedup = own?.costs && { speedup: Math.max(1, own.costs.speedup) };
    return { name: machine, cores: Math.max(1, own?.cores ?? 1), ...speedup };
  });
  const placeNames = [...new Set(used.map((t) => (t ? placeOf(t.capability) : '')))];
  const places = placeNames.map((place): ModelPlace => {
    const { upload = 0, download = 0 } = trainers.find((t) => placeOf(t.capability) === place)?.capability ?? {};
    return { name: place, ...(upload > 0 ? { upload } : {}), ...(download > 0 ? { download } : {}) };
  });
  const parts = division?.microbatches ?? 1;
  const stretch = name === TRAIN ? stretchOf(shards, used as readonly RatedTrainer[], division) : 1;
  const capabilities = used.map((trainer, i) => onItsOwn(i, owners, (trainer as RatedTrainer).capability));
  const runnings = shards.map(({ short }, i) => runningOf(shards.length, short, capabilities[i] as Capability));
  // Of a run with free ticks nothing is kept that could be done again.
  const isAudited = name === TRAIN && staleness === undefined;
  const again = isAudited ? auditShares(shards, owners, trainers, synchronizer) : [];
  const divided = shards.map(({ schedule, program, work, state }, i) => {
    const [capability, running] = [capabilities[i] as Capability, runnings[i] as Running];
    return {
      program,
      schedule: division ? inParts(schedule, parts, division.ahead) : schedule,
      seconds: (segment: string) => secondsOf(work.get(segment) ?? NOTHING, parts, capability, running),
      withFrames: running === 'short',
      closing:
        name === TRAIN
          ? closingOf(state, stretch, capability) + feedingOf(shards[i] as RatedShard, data, capability)
          : 0,
      beside: (again[i] ?? []).flatMap(({ machine, share }) => {
        const at = names.indexOf(machine);
        const seconds = secondsAgain(shards[i] as RatedShard, division, stretch, capability, running);
        return at < 0 ? [] : [{ machine: at, seconds: share * seconds }];
      }),
      waiting: name === TRAIN && shards.length === 1 ? waitingAlone(capability) : 0,
      machine: names.indexOf(capability.machine),
      place: placeNames.indexOf(placeOf(capability)),
      trainer: trainers.findIndex((t) => t.key === owners[i]),
    };
  });
  const arePlacedTogether = (from: number, to: number): boolean => {
    const [one, other] = [trainers[from], trainers[to]];
    return one !== undefined && other !== undefined && placeOf(one.capability) === placeOf(other.capability);
  };
  const wayEnds = trainers.map(wayEnd);
  const wayOf = (from: number, to: number) => {
    const [one, other] = [wayEnds[from], wayEnds[to]];
    return one && other && wayBetween(one, other);
  };
  const straight = (from: number, to: number) => {
    const rate = wayEnds[from]?.borders?.[wayEnds[to]?.key ?? '']?.rate;
    const way = wayOf(from, to);
    return rate === undefined || !way ? undefined : { rate, isApart: way.isApart };
  };
  const costs = used.map((t) => t?.capability.costs);
  const most = (cost: 'handByte' | 'window'): number => Math.max(...costs.map((c) => c?.[cost] ?? 0));
  const handByte = most('handByte');
  const ends = shards.map(({ schedule, short }, i) => {
    const microbatches = division?.microbatches ?? microbatchesOf(schedule, name);
    const { capability } = used[i] as RatedTrainer;
    return endOf(short, microbatches > 1, isCrowded(used as RatedTrainer[], capability), capability);
  });
  const network = {
    places,
    // Within a place a frame's own cost has all of its way.
    delay: (from: number, to: number) => (arePlacedTogether(from, to) ? 0 : (wayOf(from, to)?.delay ?? 0)),
    straight,
    frame: (bytes: number, from: number, to: number) => bothEnds(ends, from, to, (end) => secondsOfFrame(bytes, end)),
    lag: (bytes: number, from: number, to: number) => bothEnds(ends, from, to, (end) => lagOfFrame(bytes, end)),
    handover: (bytes: number) => bytes * handByte,
    window: most('window'),
    number: numberBytes(codec, parts),
  };
  const modelled = modelRate(divided, machines, network, name, staleness);
  return { modelled, machines, places, capabilities, runnings };
}

/** The trainer as one end of borders. */
export function wayEnd({ key, capability, borders }: RatedTrainer) {
  return { key, capability, ...(borders ? { borders: byKey(borders) } : {}) };
}

function byKey(borders: readonly MeasuredBorder[]): NonNullable<WayEnd['borders']> {
  return Object.fromEntries(borders.map((border) => [border.key, border]));
}

/** A batch done again, with its share of the hash at the end of its stretch: on a device of the same class, which is as fast. */
function secondsAgain(
  shard: RatedShard,
  division: Placed['division'],
  stretch: number,
  capability: Capability,
  running: Running,
): number {
  const work = batchWork(shard, division);
  const { costs } = capability;
  if (!costs) return secondsOfWork(work, capability, running === 'alone');
  return secondsOfCounted(work, costs, running) + (shard.state * costs.stateByte) / stretch;
}

/** Behind a batch. @param state its bytes @param stretch batches between two commitments */
function closingOf(state: number, stretch: number, { costs }: Pick<Capability, 'costs'>): number {
  return costs ? secondsOfCommitment(state, costs) / stretch : 0;
}

/** Of the only shard, behind each batch: by the clock beyond what its run and the batch itself take. */
export function waitingAlone({ costs }: Pick<Capability, 'costs'>): number {
  if (!costs) return 0;
  const { call, batch = 0, aloneBatch = 0 } = costs;
  return Math.max(0, aloneBatch - call - batch);
}

/** A trainer that has one shard alone hands its runs to a thread that no other shard uses. */
export function onItsOwn(shard: number, owners: readonly string[], capability: Capability): Capability {
  const { costs } = capability;
  const own = owners.filter((key) => key === owners[shard]).length === 1;
  return costs && own ? { ...capability, costs: runningApart(costs) } : capability;
}

export function runningOf(shards: number, short: boolean, { costs }: Capability): Running {
  if (shards === 1) return 'alone';
  return short && costs?.shortRun !== undefined ? 'short' : 'shard';
}

type EndCosts = Pick<Costs, 'frame' | 'frameByte' | 'farFrameByte' | 'framePath' | 'framePathByte'>;
const NO_COSTS: EndCosts = { frame: 0, frameByte: 0 };

/** Of a frame whose values a thread of its own makes, or takes, each byte costs more. */
function endOf(
  short: boolean,
  streams: boolean,
  crowded: boolean,
  { cores, costs }: Pick<Capability, 'cores' | 'costs'>,
): EndCosts {
  if (!costs) return NO_COSTS;
  const { frame, frameByte, farFrameByte = 0, framePath, framePathByte = frameByte } = costs;
  const { streamFrame = frame, crowdedFrame, apartByte = 0 } = costs;
  const more = short ? 0 : apartByte;
  const bytes = { frameByte: frameByte + more, farFrameByte, framePathByte: framePathByte + more };
  if (crowded && crowdedFrame !== undefined) {
    const { crowdedFrameByte = 0, crowdedStreamFrame } = costs;
    // It was measured while all cores were at work.
    const apart = apartOnCores(cores, costs, cores);
    // No end looks out for frames there while another works: all of it is on the way of the frame.
    const each = Math.max(frameByte, crowdedFrameByte * apart) + more;
    const crowdedBytes = { frameByte: each, farFrameByte };
    if (streams && crowdedStreamFrame !== undefined) return { frame: crowdedStreamFrame * apart, ...crowdedBytes };
    if (!streams) return { frame: Math.max(frame, crowdedFrame * apart), ...crowdedBytes };
  }
  // Of a stream no frame waits until an end that is idle wakes. It was measured while both ends worked at once.
  if (streams) return { frame: streamFrame * apartOnCores(cores, costs), ...bytes };
  return { frame, ...(framePath === undefined ? {} : { framePath }), ...bytes };
}

/** More trainers work there than it has cores. */
function isCrowded(used: readonly RatedTrainer[], { machine, cores }: Capability): boolean {
  return new Set(used.filter((t) => t.capability.machine === machine).map(({ key }) => key)).size > Math.max(1, cores);
}

/** What work takes that has all that cores share to itself, as a part of what it takes where so many are at work. */
function apartOnCores(cores: number, { speedup }: Pick<Costs, 'speedup'>, busy = 2): number {
  return cores > 1 ? Math.min(1, Math.max(1, speedup) / busy) : 1;
}

function microbatchesOf({ functions }: ShardSchedule, name: string): number {
  return functions.find((f) => f.name === name)?.microbatches ?? 1;
}

function bothEnds(ends: readonly EndCosts[], from: number, to: number, seconds: (end: EndCosts) => number): number {
  return (seconds(ends[from] ?? NO_COSTS) + seconds(ends[to] ?? NO_COSTS)) / 2;
}

/** Batches between two commitments, as a deployment would have it. */
function stretchOf(shards: readonly RatedShard[], used: readonly RatedTrainer[], division: Placed['division']): number {
  const costs = shards.map((shard, i) => {
    const { capability } = used[i] as RatedTrainer;
    return { ...stretchCostsOn(batchWork(shard, division), capability, shards.length === 1), frames: 0 };
  });
  return stretchLength(costs).batches;
}

/**
 * Seconds of one run, of which data are divided into `parts`. One thread runs a shard, unless it is the only one, which
 * has them all.
 */
export function secondsOf(work: Work, parts: number, capability: Capability, running: Running): number {
  const counted = { ...shareOf(work, parts), calls: 1 };
  const { costs } = capability;
  return costs
    ? secondsOfCounted(counted, costs, running)
    : secondsOfWork({ ...counted, state: 0 }, capability, running === 'alone');
}

/** A weight step at the end is once in either case: it stays where it is, in the last stage. */
export function inParts(schedule: ShardSchedule, microbatches: number, ahead: number): ShardSchedule {
  // Odd batches run what even ones run: it takes as long.
  const odd = ahead > 0 && microbatches > 1 ? { odd: {} } : {};
  const functions = schedule.functions.map((f) => (f.name === TRAIN ? { ...f, microbatches, ...odd } : f));
  return { ...schedule, functions };
}

function limitIn({ limit, busy }: Modelled, machines: readonly ModelMachine[], places: readonly ModelPlace[]): string {
  const ofLink = limit.by === 'upload' || limit.by === 'download' || limit.by === 'straight';
  const { name } = (ofLink ? places : machines)[limit.at] ?? { name: 'nobody' };
  if (limit.by === 'work') return `work of ${name}`;
  if (limit.by === 'straight') return `direct connections of ${name}`;
  if (ofLink) return `${limit.by} of ${name}`;
  if (limit.by === 'frames') return `frames that ${name} seals and opens`;
  const mean = busy.reduce((a, b) => a + b, 0) / Math.max(1, busy.length);
  return `delay between shards: they work ${Math.round(100 * mean)} % of the time`;
}
