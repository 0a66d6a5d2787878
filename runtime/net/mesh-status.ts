/** The state of a mesh, as `nmc status` shows it. */
import type { Checked, FirstWrong } from '../../spec/run-events.ts';
import { bordersOf } from '../roles/border-probes.ts';
import { lateTicks } from '../roles/late-frames.ts';
import { type MeasuredLink, withLink } from '../roles/measured-link.ts';
import { fairSharesOf, heldByTrainer, shareOf } from '../roles/sharing.ts';
import { startEstimate } from '../roles/start-estimate.ts';
import { isActive } from '../roles/synchronizer.ts';
import type { RunState, SynchronizerState } from '../roles/synchronizer-state.ts';
import { rateFor, standingOf } from '../roles/watching.ts';
import { allCalls, batchesOf, callAt } from '../training/calls.ts';
import type { Capability } from '../wire/messages.ts';
import type { GatewayCounters } from './gateway.ts';
import type { LostMember } from './lost-members.ts';
import { runLimit } from './run-limit.ts';

/** Of one trainer, or one run. */
const MAX_LISTED_SHARDS = 1000;
const MAX_LISTED_RUNS = 100;
const MAX_LISTED_TRAINERS = 500;
const MAX_LISTED_MISMATCHES = 8;

export interface ShardStatus {
  readonly shard: number;
  readonly state: string;
  readonly trainer: string | null;
  /** Training batches of this epoch done. */
  readonly batch: number;
  readonly ticksPerSecond: number;
  readonly busy: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** With shards of other trainers; so many of them straight, the others through the relay. */
  readonly borders: number;
  readonly direct: number;
  readonly reason: string;
  /** The limit of its rate, in words; empty while it does not run. */
  readonly limit: string;
}

export interface RunStatus {
  readonly run: string;
  readonly model: string;
  readonly task: string;
  readonly state: string;
  readonly reason: string;
  /** Of a run that is done: whether its checks were computed again from the weights, and by whom. */
  readonly checked?: Checked | null;
  /** Of training, from 1. */
  readonly epoch: number;
  readonly epochs: number;
  readonly schedule: string;
  /** Of `async`: ticks that may lie between a value and the tick that reads it. */
  readonly staleness?: number;
  readonly late?: 'absent';
  /** Of `async`: ticks for which frames are on their way by what is measured now; absent: it cannot be told. */
  readonly lateTicks?: number;
  /** Of one batch in flight; 1 in lockstep. */
  readonly microbatches: number;
  /** Batches that begin before the weight step of the one before them. */
  readonly ahead: number;
  /** Of owners. */
  readonly ownersEpoch: number;
  readonly energy: number | null;
  readonly accuracy: number | null;
  readonly samplesPerSecond: number | null;
  /** Seconds since the last complete snapshot; null before the first. */
  readonly snapshotAge: number | null;
  readonly snapshot: number | null;
  /** Seconds since it was deployed. Here and below, older synchronizers do not say what may be missing. */
  readonly age?: number;
  /** Of one epoch. */
  readonly batches?: number;
  /** The limit of the whole run, in words; empty while it does not train. */
  readonly limit?: string;
  /** The one shard that limits it, or the two of a border. */
  readonly limitedBy?: readonly number[];
  /** Of the programs that train it. */
  readonly version?: string | null;
  /** Trainers that work for it; one that works for two runs is half a trainer to each. */
  readonly share?: number;
  /** As many as it is entitled to; absent of one that is over. */
  readonly fairShare?: number;
  /** Names of its trainers. */
  readonly trainers?: readonly string[];
  /** Stretches that were not computed as they were signed, the newest last; absent: none. */
  readonly mismatches?: readonly MismatchStatus[];
  /** Of one that waits for trainers: when it will probably begin, in seconds, and what it waits for. */
  readonly start?: { readonly seconds: number; readonly at: 'snapshot' | 'end'; readonly of: string } | null;
  readonly shards: readonly ShardStatus[];
}

/** Found by an audit. */
export interface MismatchStatus {
  readonly trainer: string;
  readonly shard: number;
  /** The first wrong one. */
  readonly call: number;
  readonly first?: FirstWrong;
  readonly term: number;
  /** Calls before the stretch, and behind it. */
  readonly from: number;
  readonly to: number;
}

/** Shards of one run that a trainer has. */
export interface TrainerWork {
  readonly run: string;
  readonly shards: readonly number[];
}

export interface LinkStatus {
  /** Bytes a second. */
  readonly upload: number;
  readonly download: number;
  /** Milliseconds. */
  readonly roundTrip: number;
  readonly age: number;
}

/** Straight to another trainer, as both ends have measured it. */
export interface BorderStatus {
  readonly key: string;
  /** Of the other trainer. */
  readonly name: string;
  /** Bytes a second to it, within what both owners allow. */
  readonly rate: number;
  /** Milliseconds there and back. */
  readonly roundTrip: number;
  /** Seconds. */
  readonly age: number;
}

/** How closely a trainer is looked at. */
export interface WatchStatus {
  /** Share of its stretches that is done again. */
  readonly rate: number;
  /** 0 … 1, and of what. */
  readonly suspicion: number;
  readonly why: string;
}

/** One of several synchronizers. */
export interface SynchronizerStatus {
  readonly address: string;
  readonly pid: number;
  /** It leads the mesh: what is decided for all runs. */
  readonly presides: boolean;
  /** Where not, its runs are shown as they are stored. */
  readonly answers: boolean;
  readonly runs: readonly string[];
}

export interface MeshStatus {
  readonly runs: readonly RunStatus[];
  readonly trainers: readonly {
    readonly name: string;
    readonly key: string;
    readonly state: string;
    readonly pid: number | null;
    readonly refused: number;
    /** Upload, download and round trip as measured, within what its owner allows. */
    readonly capability: Capability;
    /** Of its program. */
    readonly version?: string | null;
    /** Seconds since it was last heard. */
    readonly heard?: number;
    /** Bytes that its shards hold. */
    readonly used?: number;
    /** Whose work it does. */
    readonly work?: readonly TrainerWork[];
    /** As the gateway has measured it, so many seconds ago; absent: not yet. */
    readonly link?: LinkStatus;
    /** Direct connections to other trainers that were measured; absent: none. */
    readonly borders?: readonly BorderStatus[];
    /** Absent: it does not seal its stretches. */
    readonly audited?: WatchStatus;
  }[];
  /** Trainers that have gone without a word. */
  readonly lost?: readonly LostMember[];
  /** Runs whose records cannot be read, and were set aside. */
  readonly damaged?: readonly string[];
  readonly refused: Readonly<Record<string, number>>;
  /** Seconds since the last of each. */
  readonly refusedAge?: Readonly<Record<string, number>>;
  readonly relayedBytes: number;
  /** Of several: each with the runs that it leads. */
  readonly synchronizers?: readonly SynchronizerStatus[];
  /** Who answered. */
  readonly synchronizer?: { readonly pid: number; readonly version?: string; readonly wire?: string };
  /** Runs, shards and trainers that are on pages behind this one. */
  readonly more: number;
  /** Where the next page begins. */
  readonly next?: number;
}

/** All of it, for this process; what goes over the wire goes in pages. */
export function meshStatus(state: SynchronizerState, counters: GatewayCounters): MeshStatus {
  return {
    runs: Object.values(state.runs).map((run) => ({
      ...runHeader(state, run),
      shards: run.deployment.needs.map((_, shard) => shardStatus(state, run, shard)),
    })),
    trainers: trainersStatus(state),
    refused: counters.refused,
    relayedBytes: counters.relayedBytes,
    more: 0,
  };
}

export function trainersStatus(state: SynchronizerState): MeshStatus['trainers'] {
  const members = Object.values(state.members).filter((m) => m.name !== '');
  const work = workByTrainer(state);
  const held = heldByTrainer(state);
  return members.map(
    ({ name, key, pid, connected, draining, refused, capability, measured, version, seen, audits }) => ({
      name,
      key,
      state: !connected ? 'silent' : draining ? 'leaving' : work.has(key) ? 'training' : 'idle',
      pid: pid ?? null,
      refused,
      capability: withLink(capability, measured),
      ...(measured ? { link: linkStatus(measured, state.now) } : {}),
      ...bordersStatus(state, key),
      ...(audits ? { audited: watchStatus(state, key) } : {}),
      version: version ?? null,
      heard: Math.max(0, state.now - seen) / 1000,
      used: held.get(key)?.memory ?? 0,
      work: listed(work.get(key) ?? []),
    }),
  );
}

/** Of those that own a shard. */
function workByTrainer(state: SynchronizerState): Map<string, TrainerWork[]> {
  const work = new Map<string, TrainerWork[]>();
  for (const { owners, deployment } of Object.values(state.runs).filter(isActive))
    for (const key of new Set(owners)) {
      const shards = owners.flatMap((owner, shard) => (owner === key ? [shard] : []));
      work.set(key, [...(work.get(key) ?? []), { run: deployment.run, shards }]);
    }
  return work;
}

/** As many shards as fit into an answer with certainty. */
function listed(work: readonly TrainerWork[]): TrainerWork[] {
  let left = MAX_LISTED_SHARDS;
  return work.slice(0, MAX_LISTED_RUNS).map(({ run, shards }) => {
    const some = shards.slice(0, left);
    left -= some.length;
    return { run, shards: some };
  });
}

function bordersStatus(state: SynchronizerState, key: string): { readonly borders?: readonly BorderStatus[] } {
  const borders = Object.entries(bordersOf(state, key)).map(([to, { rate, roundTrip, at }]) => {
    const name = state.members[to]?.name ?? '';
    return { key: to, name, rate, roundTrip, age: Math.max(0, state.now - at) / 1000 };
  });
  return borders.length > 0 ? { borders } : {};
}

function watchStatus(state: SynchronizerState, key: string): WatchStatus {
  const { suspicion, why } = standingOf(state, key);
  return { rate: rateFor(state, key), suspicion, why };
}

function linkStatus({ at, ...link }: MeasuredLink, now: number): LinkStatus {
  return { ...link, age: Math.max(0, now - at) / 1000 };
}

function lateNow(state: SynchronizerState, { deployment, owners }: RunState): Pick<RunStatus, 'lateTicks'> {
  const ticks = lateTicks(
    deployment,
    owners.map((key) => {
      const member = state.members[key];
      const capability = member && withLink(member.capability, member.measured);
      return capability && { key, capability, borders: bordersOf(state, key) };
    }),
  );
  return ticks === undefined ? {} : { lateTicks: ticks };
}

export function runHeader(state: SynchronizerState, run: RunState): Omit<RunStatus, 'shards'> {
  const { deployment, manifests, rows, phase, reason } = run;
  const last = rows.at(-1);
  const newest = manifests.at(-1);
  const calls = Math.max(newest?.calls ?? 0, ...Object.values(run.reports).map((r) => r.calls));
  return {
    run: deployment.run,
    model: deployment.model,
    task: deployment.task,
    // Trainers may be asked to do it: it is trained in any case.
    state: run.checkingFrom !== undefined && isActive(run) ? 'checking' : phase,
    reason,
    checked: run.checked ?? null,
    epoch: Math.min(deployment.epochs, positionOf(run, calls).epoch + 1),
    epochs: deployment.epochs,
    schedule: deployment.schedule,
    ...(deployment.staleness === undefined ? {} : { staleness: deployment.staleness }),
    ...(deployment.late && { late: deployment.late }),
    ...lateNow(state, run),
    microbatches: deployment.microbatches,
    ahead: deployment.ahead ?? 0,
    ownersEpoch: run.term,
    energy: last?.energy ?? null,
    accuracy: last?.accuracy ?? null,
    samplesPerSecond: last?.samplesPerSecond ?? null,
    snapshotAge: newest ? (state.now - (run.manifestAt ?? run.created)) / 1000 : null,
    snapshot: newest?.calls ?? null,
    age: Math.max(0, state.now - run.created) / 1000,
    batches: batchesOf(deployment),
    ...limitOf(state, run),
    version: run.version ?? null,
    ...mismatchesOf(run),
    ...sharingOf(state, run),
  };
}

function mismatchesOf({ marks = [] }: RunState): Pick<RunStatus, 'mismatches'> {
  const found = marks.filter(({ what }) => what === 'mismatch').slice(-MAX_LISTED_MISMATCHES);
  if (found.length === 0) return {};
  return {
    mismatches: found.map(({ trainer, shard, call, term, from, to, first }) => ({
      ...{ trainer, shard, call, term, from, to },
      ...(first ? { first } : {}),
    })),
  };
}

function sharingOf(
  state: SynchronizerState,
  run: RunState,
): Pick<RunStatus, 'share' | 'fairShare' | 'trainers' | 'start'> {
  if (!isActive(run)) return { share: 0, trainers: [] };
  const { run: id } = run.deployment;
  const names = [...new Set(run.owners)].map((key) => state.members[key]?.name ?? '');
  const fair = fairSharesOf(state).get(id);
  const estimate = startEstimate(state, run);
  const start = estimate ? { seconds: estimate.in / 1000, at: estimate.at, of: estimate.of } : null;
  return {
    share: shareOf(state, id, run.owners),
    ...(fair === undefined ? {} : { fairShare: fair }),
    trainers: names.filter((name) => name !== '').slice(0, MAX_LISTED_TRAINERS),
    ...(run.phase === 'waiting' ? { start } : {}),
  };
}

function limitOf(state: SynchronizerState, run: RunState): Required<Pick<RunStatus, 'limit' | 'limitedBy'>> {
  const { shards, by } = runLimit(run);
  const on = (shard: number): string => {
    const name = state.members[run.owners[shard] ?? '']?.name;
    return name ? `shard ${shard} on ${name}` : `shard ${shard}`;
  };
  const [first = 0, second] = shards;
  const words = {
    work: `the work of ${on(first)}`,
    loading: `${on(first)} loads`,
    border: second === undefined ? `the way to ${on(first)}` : `the border between ${on(first)} and ${on(second)}`,
    nothing: '',
  };
  return { limit: words[by], limitedBy: shards };
}

export function shardStatus(state: SynchronizerState, run: RunState, shard: number): ShardStatus {
  const report = run.reports[shard];
  const trainer = state.members[run.owners[shard] ?? ''];
  const active = isActive(run);
  const { ticksPerSecond = 0, busy = 0, bytesSent = 0, bytesReceived = 0, borders = 0, direct = 0 } = report ?? {};
  return {
    shard,
    state: active ? (emptyState(run, shard) ?? report?.state ?? run.phase) : run.phase,
    trainer: active ? (trainer?.name ?? null) : null,
    batch: positionOf(run, report?.calls ?? run.manifests.at(-1)?.calls ?? 0).batch,
    ticksPerSecond,
    busy,
    bytesSent,
    bytesReceived,
    borders,
    direct,
    reason: report?.reason || run.reason,
    limit: active ? (report?.limit ?? '') : '',
  };
}

/** Of a shard that no trainer computes, while others go on. */
function emptyState({ empty = [], lost = [], owners }: RunState, shard: number): string | undefined {
  if (lost.includes(shard)) return 'given up';
  if (!empty.includes(shard)) return undefined;
  return owners[shard] ? 'loading' : 'empty';
}

function positionOf({ deployment }: RunState, calls: number): { readonly epoch: number; readonly batch: number } {
  if (calls >= allCalls(deployment)) return { epoch: deployment.epochs - 1, batch: 0 };
  const call = callAt(deployment, calls);
  // While the test set is evaluated all batches of the epoch are done.
  return { epoch: call.epoch, batch: call.kind === 'train' ? call.batch : batchesOf(deployment) };
}
