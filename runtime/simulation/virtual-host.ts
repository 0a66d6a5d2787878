/** Shards of a virtual trainer's process: they share its cores and its memory, whichever runs they belong to. */
import type { Ending } from '../driver/ending.ts';
import type { HostPort, ShardCalls } from '../driver/ports.ts';
import { type ShardId, shardName } from '../roles/trainer-state.ts';
import type { Deployment } from '../wire/deployment.ts';
import { Processors } from './processors.ts';
import { VirtualShard, type VirtualShardOptions } from './virtual-shard.ts';

/** A training there. */
export interface SimulatedRun {
  readonly deployment: Deployment;
  /** By shard, those between which there is a border; absent: each and the next one. */
  readonly borders?: readonly (readonly number[])[];
  /** Milliseconds of a call on a trainer, and its ticks: after each one it hears of its neighbours; absent: one. */
  readonly call: number;
  readonly ticks?: number;
}

export interface VirtualHostOptions extends Pick<VirtualShardOptions, 'key' | 'uniform' | 'later' | 'lies' | 'keep'> {
  readonly cores: number;
  /** Bytes that all shards may have. */
  readonly memory: number;
  readonly runOf: (run: string) => SimulatedRun | undefined;
  /** A shard was to be loaded for which there was no memory. */
  readonly withoutRoom: () => void;
}

export class VirtualHost implements HostPort<VirtualShard> {
  readonly #options: VirtualHostOptions;
  readonly #processors: Processors;
  /** Bytes by shard. */
  readonly #held = new Map<string, number>();

  constructor(options: VirtualHostOptions) {
    this.#options = options;
    this.#processors = new Processors([{ cores: options.cores }], (seconds, what) =>
      options.later(1000 * seconds, what),
    );
  }

  open(at: ShardId, _deployment: string, calls: ShardCalls, { done, failed }: Ending<VirtualShard>): void {
    const { runOf, memory, withoutRoom } = this.#options;
    const simulated = runOf(at.run);
    if (!simulated) throw new Error(`the run ${at.run} was not deployed`);
    const bytes = simulated.deployment.needs[at.shard]?.memory ?? 0;
    if ([...this.#held.values()].reduce((sum, n) => sum + n, bytes) > memory) {
      withoutRoom();
      failed(Object.assign(new Error('there is no room'), { code: 'plan/memory' }));
      return;
    }
    this.#held.set(shardName(at), bytes);
    done(this.#shard(at.shard, simulated, calls));
  }

  close(at: ShardId, _shard: VirtualShard | undefined, { done }: Ending<void>): void {
    this.#held.delete(shardName(at));
    done();
  }

  #shard(shard: number, { deployment, borders, call, ticks = 1 }: SimulatedRun, calls: ShardCalls): VirtualShard {
    const { key, uniform, later, lies, keep } = this.#options;
    const neighbours = borders ? (borders[shard] ?? []) : nextTo(shard, deployment.shards);
    const compute = (milliseconds: number, done: () => void): void =>
      this.#processors.do({ machine: 0, seconds: milliseconds / 1000, done });
    return new VirtualShard({
      shard,
      deployment,
      key,
      neighbours,
      call,
      ticks,
      uniform,
      later,
      lies,
      keep,
      compute,
      calls,
    });
  }
}

/** Of a chain of shards. */
function nextTo(shard: number, shards: number): number[] {
  return [shard - 1, shard + 1].filter((n) => n >= 0 && n < shards);
}
