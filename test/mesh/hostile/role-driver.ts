/** The synchronizer's state machine with trainers of a few words: what a test says is what enters it. */
import { LIMITS, type Limits } from '../../../runtime/roles/limits.ts';
import { emptySynchronizer, synchronizer } from '../../../runtime/roles/synchronizer.ts';
import type { Proof, Refusal, RunState, Step, SynchronizerEvent } from '../../../runtime/roles/synchronizer-state.ts';
import type { Deployment } from '../../../runtime/wire/deployment.ts';
import type { Message, ShardReport } from '../../../runtime/wire/messages.ts';
import { chain } from '../simulated.ts';

type Logged = Readonly<Record<string, unknown>>;

/** Of a hash, by a letter. */
export const hash = (letter: string): string => letter.repeat(64);
export const RUN = 'chain-1';

/** Two shards, four training batches and an evaluation of two samples, twice; snapshots every two batches. */
export function checkedChain(shards = 2, metric = 'accuracy'): Deployment {
  const column = { name: 'y', type: 'i32' as const, shape: [], blobs: [] };
  const evaluation = { metric, comparison: '>=' as const, bound: 0.5, function: 'predict.p', field: 'y' };
  const totals = (shard: number): string[] => [
    `energy.n${shard}`,
    ...(shard === 0 ? ['sum.0', 'count.0', 'of.0'] : []),
  ];
  const plain = chain(shards, 4, 2, 2);
  return {
    ...plain,
    needs: plain.needs.map((need, shard) => ({ ...need, totals: totals(shard) })),
    checks: [{ name: 'some', length: 2, columns: [column] }],
    evaluations: [{ ...evaluation, check: 'accuracy(p.y) >= 0.5', read: 'y', batch: 2 }],
  };
}

export class Driver {
  state;
  now = 1_000_000;
  refused: Refusal | undefined;
  readonly effects: Step['effects'][number][] = [];
  readonly log: Logged[] = [];
  readonly sent: { readonly to: string; readonly message: Message }[] = [];
  /** Effects that the synchronizer's machine has asked for. */
  readonly wanted: Step['effects'][number][] = [];

  constructor(trainers: readonly string[], deployment: Deployment = checkedChain(), limits: Partial<Limits> = {}) {
    this.state = emptySynchronizer(this.now, { ...LIMITS, ...limits });
    for (const name of trainers) this.join(name);
    this.enter({ kind: 'deploy', deployment, hash: hash('d') });
  }

  get run(): RunState {
    return this.state.runs[RUN] as RunState;
  }

  enter(event: SynchronizerEvent): this {
    const step = synchronizer(this.state, event, this.now);
    this.state = step.state;
    this.refused = step.refused;
    this.effects.push(...step.effects);
    for (const effect of step.effects) {
      if (effect.kind === 'log') this.log.push(effect.event);
      if (effect.kind === 'send') this.sent.push(effect);
      if (effect.kind === 'verify' || effect.kind === 'check') this.wanted.push(effect);
    }
    return this;
  }

  say(from: string, message: Message, proof?: Proof, evidence?: string): this {
    return this.enter({
      ...{ kind: 'message', from, message },
      ...(proof ? { proof } : {}),
      ...(evidence ? { evidence } : {}),
    });
  }

  join(name: string, more: Partial<Message & { type: 'member' }> = {}): this {
    const capability = { cores: 1, memory: 1e9, rate: 1e9, upload: 0, download: 0, machine: name };
    return this.say(name, { type: 'member', name, instance: '0'.repeat(16), capability, ...more });
  }

  /** A message of the owner of the shard. */
  ofShard(shard: number, message: Readonly<Record<string, unknown>>, proof?: Proof, evidence?: string): this {
    const { term, owners } = this.run;
    return this.say(owners[shard] ?? '', { run: RUN, term, shard, ...message } as unknown as Message, proof, evidence);
  }

  /** All shards are loaded. */
  start(): this {
    for (const [shard, key] of this.run.owners.entries()) this.ready(shard, key);
    return this;
  }

  ready(shard: number, key: string, proof?: Proof): this {
    const exchange = { shard, key, number: 1, exchange: hash('e'), sig: '' };
    return this.say(this.run.owners[shard] ?? '', { type: 'ready', run: RUN, term: this.run.term, exchange }, proof);
  }

  failed(shard: number, code = 'x/y'): this {
    return this.ofShard(shard, { type: 'failed', code, reason: `no good ${code}` });
  }

  commit(shard: number, calls: number, state = hash('a')): this {
    return this.ofShard(shard, { type: 'commit', states: [{ calls, hash: state, sig: '' }] });
  }

  part(shard: number, calls: number, more: Partial<Message & { type: 'part' }> = {}): this {
    const told = { blob: hash('b'), hash: hash('a'), totals: {}, signature: '', ...more };
    return this.ofShard(shard, { type: 'part', calls, ...told });
  }

  /** Everything that was asked of the synchronizer's machine is as it should be. */
  lookedAt(problem?: string): this {
    for (const effect of this.wanted.splice(0)) {
      if (effect.kind !== 'verify') throw new Error(`${effect.kind} is wanted`);
      const { run, term, shard, calls } = effect.part;
      const event = { kind: 'verified', run, term, shard, calls } as const;
      this.enter(problem === undefined ? event : { ...event, problem });
    }
    return this;
  }

  /** A snapshot of all shards. */
  snapshot(calls: number, totals: (shard: number) => Record<string, number> = () => ({})): this {
    for (const shard of this.run.owners.keys())
      this.commit(shard, calls - (calls % 5 === 0 ? 1 : 0)).part(shard, calls, { totals: totals(shard) });
    return this.lookedAt();
  }

  report(shard: number, more: Partial<ShardReport>): this {
    const { term, owners } = this.run;
    const nothing = { ticksPerSecond: 0, busy: 0, bytesSent: 0, bytesReceived: 0, reason: '' };
    const report = { run: RUN, term, shard, state: 'running' as const, calls: 0, ...nothing, ...more };
    return this.say(owners[shard] ?? '', { type: 'heartbeat', shards: [report], refused: 0 });
  }

  /** Time goes by, while all say that they live. @param each what shards say meanwhile */
  pass(milliseconds: number, each: () => void = () => undefined): this {
    for (const end = this.now + milliseconds; this.now < end; ) {
      this.now += 250;
      for (const { key } of Object.values(this.state.members))
        this.say(key, { type: 'heartbeat', shards: [], refused: 0 });
      each();
      this.enter({ kind: 'tick' });
    }
    return this;
  }

  events(name: string): Logged[] {
    return this.log.filter((e) => e.event === name);
  }
}
