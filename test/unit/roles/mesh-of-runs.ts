/** A synchronizer's state machine with several runs: what a test says is what enters it. */
import { emptySynchronizer, synchronizer } from '../../../runtime/roles/synchronizer.ts';
import type { RunState, SynchronizerEvent } from '../../../runtime/roles/synchronizer-state.ts';
import type { Deployment } from '../../../runtime/wire/deployment.ts';
import type { Message } from '../../../runtime/wire/messages.ts';
import { chain } from '../../mesh/simulated.ts';

const STATE = 'a'.repeat(64);
/** Calls of a run whose snapshots are all of them. */
const CALLS = 50;
/** A batch of a shard: a millisecond of a core. */
const WORK = { calls: 1, flops: 1e6, operations: 0, bytes: 0, values: 0, valueBytes: 0, state: 0 };

export class MeshOfRuns {
  state;
  now = 1_000_000;
  readonly released: string[] = [];

  /** @param trainers memory by name */
  constructor(trainers: Readonly<Record<string, number>>) {
    this.state = emptySynchronizer(this.now);
    for (const [name, memory] of Object.entries(trainers)) this.join(name, memory);
  }

  enter(event: SynchronizerEvent): this {
    const step = synchronizer(this.state, event, this.now);
    this.state = step.state;
    for (const effect of step.effects) {
      if (effect.kind === 'send' && effect.message.type === 'release')
        this.released.push(`${effect.message.run} from ${effect.to}`);
      if (effect.kind !== 'verify') continue;
      const { run, term, shard, calls } = effect.part;
      this.enter({ kind: 'verified', run, term, shard, calls });
    }
    return this;
  }

  say(from: string, message: Readonly<Record<string, unknown>>): this {
    return this.enter({ kind: 'message', from, message: message as unknown as Message });
  }

  join(name: string, memory: number): this {
    const capability = { cores: 1, memory, rate: 1e9, upload: 0, download: 0, machine: name };
    return this.say(name, { type: 'member', name, instance: '0'.repeat(16), capability });
  }

  kill(name: string): this {
    return this.enter({ kind: 'expelled', key: name, reason: 'killed' });
  }

  /** @param memory of each shard */
  deploy(run: string, shards: number, memory = 1, schedule: Deployment['schedule'] = 'lockstep'): this {
    this.now += 1;
    const plain = chain(shards, CALLS, 1, 1);
    const needs = plain.needs.map((need) => ({ ...need, memory, work: WORK }));
    return this.enter({ kind: 'deploy', deployment: { ...plain, run, needs, schedule }, hash: STATE }).load();
  }

  stop(run: string): this {
    const { term, owners } = this.run(run);
    this.enter({ kind: 'stop', run });
    for (const [shard, key] of owners.entries()) this.say(key, { type: 'pausing', run, term, shard, calls: 0 });
    return this.tick();
  }

  tick(): this {
    this.now += 250;
    for (const { key, connected } of Object.values(this.state.members))
      if (connected) this.say(key, { type: 'heartbeat', shards: [], refused: 0 });
    return this.enter({ kind: 'tick' }).load();
  }

  /** All owners say that their shards are loaded. */
  load(): this {
    for (const { deployment, phase, owners, term } of Object.values(this.state.runs))
      if (phase === 'preparing')
        for (const [shard, key] of owners.entries()) {
          const exchange = { shard, key, number: 1, exchange: STATE, sig: '' };
          this.say(key, { type: 'ready', run: deployment.run, term, exchange });
        }
    return this;
  }

  /** All shards of the run have saved behind the next call. */
  snapshot(run: string): this {
    const { term, owners, manifests } = this.run(run);
    const calls = (manifests.at(-1)?.calls ?? 0) + 1;
    for (const [shard, key] of owners.entries()) {
      const place = { run, term, shard };
      this.say(key, { type: 'commit', ...place, states: [{ calls, hash: STATE, sig: '' }] });
      this.say(key, { type: 'part', ...place, calls, blob: STATE, hash: STATE, totals: {}, signature: '' });
    }
    return this.load();
  }

  /** All shards of the run have ended so many calls. @param busy by shard: share of its time in work */
  report(run: string, calls: number, busy: readonly number[] = []): this {
    const { term, owners } = this.run(run);
    const nothing = { ticksPerSecond: 0, bytesSent: 0, bytesReceived: 0, reason: '', limit: '' };
    for (const [shard, key] of owners.entries()) {
      const shards = [{ run, term, shard, state: 'running', calls, busy: busy[shard] ?? 0, ...nothing }];
      this.say(key, { type: 'heartbeat', shards, refused: 0 });
    }
    return this;
  }

  run(name: string): RunState {
    return this.state.runs[name] as RunState;
  }

  /** Owners by shard, or why there are none. */
  of(name: string): string {
    const { phase, owners, reason } = this.run(name);
    return phase === 'running' ? owners.join(' ') : `${phase}: ${reason}`;
  }

  /** Runs at this moment. */
  get runs(): RunState[] {
    return Object.values(this.state.runs);
  }
}
