/**
 * A mesh under attack, in virtual time: the state machines of synchronizer and trainers, the draw of audits, exclusion,
 * the way back to an earlier snapshot, and the ledger are those of the product. Of devices it is known here only in
 * which calls one of them does not do its work; what that does to the numbers is computed afterwards (`numbers.ts`).
 */
import { simulate } from '../../runtime/simulation/simulation.ts';
import type { SaysOf } from '../../runtime/simulation/virtual-devices.ts';
import { stream } from '../../spec/random.ts';
import { chain } from '../mesh/simulated.ts';
import type { Behaviour } from './behaviours.ts';
import { MeshLedger, type Paid } from './mesh-ledger.ts';
import { BATCHES, LABELS, SHARDS } from './network.ts';

export const PEERS = 15;
/** Batches of a stretch. */
export const STRETCH = 2;

export interface MeshOptions {
  readonly seed: number;
  readonly epochs: number;
  readonly rate: number;
  /** Of the trainers. */
  readonly share: number;
  readonly acts: Behaviour['acts'];
  readonly on?: Behaviour['on'];
  /** Trainers do stretches of each other again: what a bad one says, of whom. Absent: the synchronizer does all. */
  readonly says?: (isOfBad: boolean, isRight: boolean) => 'match' | 'mismatch' | undefined;
  /** They do their own work as it has to be. */
  readonly works?: boolean;
  /** It ends when all that were bad have been excluded, or are asked no more, and honest work has gone on for a while. */
  readonly brief?: boolean;
}

export interface Term {
  readonly term: number;
  /** Calls before it, and the trainer of each shard. */
  readonly from: number;
  readonly owners: readonly number[];
}

export interface Judged {
  readonly term: number;
  readonly shard: number;
  readonly from: number;
  readonly to: number;
  readonly node: number;
  readonly verdict: string;
}

/** What has become of one bad trainer that had a shard. */
export interface Caught {
  readonly node: number;
  /** Stretches that it had committed when an audit found it; nothing: none has. */
  readonly steps: number | undefined;
  /** Stretches that it has committed in all. */
  readonly stretches: number;
  readonly excluded: boolean;
  readonly paid: Paid;
}

export interface MeshOutcome {
  readonly phase: string;
  readonly calls: number;
  readonly terms: readonly Term[];
  readonly judged: readonly Judged[];
  readonly caught: readonly Caught[];
  /** Bad trainers that were asked to do a stretch again: so often, and behind how many of these it was found to lie, or lost its place. */
  readonly auditors: readonly {
    readonly node: number;
    readonly asked: number;
    readonly found?: number;
    readonly paid: Paid;
  }[];
  /** Honest trainers that have a mismatch or were excluded, and that have committed anything. */
  readonly punished: number;
  readonly honest: number;
  readonly bad: readonly number[];
}

/** Batches between two snapshots: whole stretches. */
export const SNAPSHOT = 2 * STRETCH;
/** Calls of a brief mesh behind the last deed of a bad trainer. */
const CALMLY = 4 * SNAPSHOT;
const CALM = { latency: 20, jitter: 10, loss: 0 };
const CALL = 50;
/** Shards that each trainer has room for: a run begins when several are there. */
const LENT = 2;
const nodeOf = (key: string): number => Number(key.slice('node-'.length));

/** Whether a bad trainer does not do its work in the call behind which so many have been made. */
export function actsIn({ acts, seed }: Pick<MeshOptions, 'acts' | 'seed'>, node: number, calls: number): boolean {
  if (acts === 'all') return true;
  if (acts === 'epoch-ends') return calls % BATCHES === 0;
  if (acts === 'late') return calls % STRETCH === 0;
  return stream(seed, `acts/${node}`).uniform(calls) < acts.chance;
}

export function attackedMesh(options: MeshOptions): MeshOutcome {
  const { seed, epochs, rate, share, on } = options;
  const bad = drawnNodes(seed, Math.round(share * PEERS));
  const target = on === undefined ? undefined : LABELS;
  const deployment = {
    ...chain(SHARDS, BATCHES, epochs, SNAPSHOT),
    ...{ seed, stretches: { batches: STRETCH, bytes: 1e9, keep: 1e9 } },
    // Who holds no shard beside it may be asked to do a stretch again.
    needs: Array.from({ length: SHARDS }, (_, shard) => ({ memory: 1, flops: 1, bytes: 1, sends: sendsOf(shard) })),
    // Who can only do it there has that shard.
    ...(target === undefined || bad[0] === undefined ? {} : { on: onShard(target, bad[0]) }),
  };
  const ledger = new MeshLedger(deployment, rate);
  const judged: Judged[] = [];
  const revoked: number[] = [];
  const terms: Term[] = [];
  /** Of the newest term, by shard. */
  let owners: readonly number[] = [];
  const { says: badSays } = options;
  const isBad = (key: string): boolean => bad.includes(nodeOf(key));
  const says: SaysOf | undefined =
    badSays &&
    ((auditor, trainer, isRight) =>
      isBad(auditor) ? badSays(isBad(trainer), isRight) : isRight ? 'match' : 'mismatch');
  const asked = new Map<number, number>();
  const falsely = new Map<number, number>();
  const dropped = new Map<number, number>();
  /** Calls of the newest snapshot, and those behind which no bad trainer had anything to do any more. */
  let [calls, calmFrom] = [0, undefined as number | undefined];
  /** Nothing more is asked of it: it is excluded, or was found to be no auditor. */
  const isOver = (node: number): boolean =>
    revoked.includes(node) || dropped.has(node) || (options.works === true && falsely.has(node));
  /** It never had what it would need to be bad. */
  const isIdle = (node: number): boolean =>
    target === undefined
      ? !ledger.stretches.has(node) && !owners.includes(node)
      : terms.every((term) => term.owners[target] !== node);
  const follow = (newest: number): void => {
    calls = newest;
    const isCalm = owners.length > 0 && bad.every((node) => isOver(node) || isIdle(node));
    calmFrom = isCalm ? Math.min(calmFrom ?? calls, calls) : undefined;
  };
  const isAt = (node: number): boolean => target === undefined || owners[target] === node;
  const result = simulate({
    ...{ deployment, nodes: PEERS, seed, faults: CALM, call: CALL, until: 3_600_000, memory: () => LENT },
    audits: {
      rate,
      lie: (node, calls) => options.works !== true && bad.includes(node) && isAt(node) && actsIn(options, node, calls),
      ...(says ? { says, given: 1 } : {}),
    },
    ...(options.brief ? { isOver: () => calmFrom !== undefined && calls >= calmFrom + CALMLY } : {}),
    note: (_before, _event, _at, { state, effects }) => {
      for (const effect of effects) {
        if (effect.kind === 'log' && effect.event.event === 'epoch-of-owners') {
          const { epoch, keys } = effect.event as unknown as { epoch: number; keys: string[] };
          owners = keys.map(nodeOf);
          terms.push({ term: epoch, from: state.runs[deployment.run]?.manifests.at(-1)?.calls ?? 0, owners });
        }
        if (effect.kind === 'verdict') judged.push({ ...effect.verdict, node: nodeOf(effect.verdict.trainer) });
        if (effect.kind === 'audit' && effect.auditor !== undefined) {
          const auditor = nodeOf(effect.auditor);
          asked.set(auditor, (asked.get(auditor) ?? 0) + 1);
        }
        if (effect.kind === 'log' && effect.event.event === 'false-audit') {
          const liar = nodeOf(effect.event.key);
          if (!falsely.has(liar)) falsely.set(liar, asked.get(liar) ?? 0);
        }
        if (effect.kind === 'log' && effect.event.event === 'no-auditor') {
          const lazy = nodeOf(effect.event.key);
          if (!dropped.has(lazy)) dropped.set(lazy, asked.get(lazy) ?? 0);
        }
        if (effect.kind === 'revoke') revoked.push(nodeOf(effect.key));
        ledger.hear(effect);
      }
      ledger.settle(state.runs[deployment.run]);
      if (options.brief) follow(state.runs[deployment.run]?.manifests.at(-1)?.calls ?? 0);
    },
  });
  if (result.violations.length > 0) throw new Error(result.violations.join('; '));
  ledger.end();
  const mismatched = new Set(judged.filter(({ verdict }) => verdict === 'mismatch').map(({ node }) => node));
  const stretchesOf = (node: number) => ledger.stretches.get(node) ?? [];
  const worked = [...ledger.stretches.keys()];
  return {
    ...{ phase: result.phase, calls: epochs * BATCHES, terms, judged, bad },
    caught: bad
      .filter(
        (node) =>
          stretchesOf(node).length > 0 && (target === undefined || terms.some((t) => t.owners[target] === node)),
      )
      .map((node) => ({
        node,
        steps: stepsTo(judged, stretchesOf(node), node),
        stretches: stretchesOf(node).length,
        excluded: revoked.includes(node),
        paid: ledger.paidTo(node),
      })),
    auditors: bad
      .filter((node) => asked.has(node))
      .map((node) => {
        const found = falsely.get(node) ?? dropped.get(node);
        const paid = ledger.paidTo(node);
        return { node, asked: asked.get(node) ?? 0, paid, ...(found === undefined ? {} : { found }) };
      }),
    punished: worked.filter((n) => !bad.includes(n) && (mismatched.has(n) || revoked.includes(n) || falsely.has(n)))
      .length,
    honest: worked.filter((n) => !bad.includes(n)).length,
  };
}

/** Stretches of a trainer up to the first one that an audit has refuted. */
function stepsTo(judged: readonly Judged[], stretches: readonly string[], node: number): number | undefined {
  const places = judged
    .filter((j) => j.node === node && j.verdict === 'mismatch')
    .map(({ term, to }) => stretches.indexOf(`${term}/${to}`) + 1)
    .filter((place) => place > 0);
  return places.length === 0 ? undefined : Math.min(...places);
}

/** To the shards beside it in the chain. */
function sendsOf(
  shard: number,
): { readonly to: number; readonly bytes: number; readonly frames: number; readonly hops: number }[] {
  return [shard - 1, shard + 1]
    .filter((to) => to >= 0 && to < SHARDS)
    .map((to) => ({ to, bytes: 1, frames: 1, hops: 1 }));
}

function onShard(shard: number, node: number): string[] {
  return Array.from({ length: SHARDS }, (_, s) => (s === shard ? `node-${node}` : ''));
}

function drawnNodes(seed: number, count: number): number[] {
  const rng = stream(seed, 'bad');
  const all = Array.from({ length: PEERS }, (_, node) => ({ node, at: rng.bits(node) }));
  return all
    .sort((a, b) => a.at - b.at)
    .slice(0, count)
    .map(({ node }) => node);
}
