/** Faults of the servers and synchronizers of a mesh, one after the other, while it trains run after run. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunStatus } from '../../../runtime/net/mesh-status.ts';
import { stream } from '../../../spec/random.ts';
import { waitFor } from '../wait-for.ts';
import type { Cluster } from './cluster.ts';
import type { NatsMesh } from './synchronizers.ts';

export interface Fault {
  readonly what: 'server' | 'synchronizer';
  readonly signal: 'SIGKILL' | 'SIGSTOP';
  readonly who: number;
}

/** When a synchronizer was killed or stopped. */
export interface Inflicted extends Fault {
  readonly at: number;
  readonly run: string;
}

export interface ChaosOptions {
  readonly mesh: NatsMesh;
  readonly cluster: Cluster;
  /** Names of the synchronizers. */
  readonly synchronizers: readonly [string, string];
  /** Arguments of `nmc deploy`. */
  readonly deploy: readonly string[];
  /** Milliseconds that a stop lasts, and until what was killed begins again. */
  readonly awayMs: number;
  readonly progress: (line: string) => void;
}

/** On a machine that is busy otherwise a run takes long. */
const PATIENCE = { within: 1_200_000, every: 100 };

/** Each kind in turn, each of its victims in turn. */
export function faultOf(number: number): Fault {
  const kinds = [
    ['synchronizer', 'SIGKILL'],
    ['server', 'SIGKILL'],
    ['synchronizer', 'SIGSTOP'],
    ['server', 'SIGSTOP'],
  ] as const;
  const [what, signal] = kinds[number % kinds.length] ?? ['server', 'SIGKILL'];
  // Of three servers and two synchronizers: a victim is another one in each round.
  const round = Math.floor(number / kinds.length);
  return { what, signal, who: what === 'server' ? (number + round) % 3 : (round + (signal === 'SIGSTOP' ? 1 : 0)) % 2 };
}

export class Chaos {
  readonly runs: string[] = [];
  readonly inflicted: Inflicted[] = [];
  readonly #options: ChaosOptions;
  readonly #rng = stream(1, 'chaos of servers');

  constructor(options: ChaosOptions) {
    this.#options = options;
  }

  /** The next fault, behind a snapshot of the run under way, or of a new run; until there is one behind the fault. */
  async next(): Promise<void> {
    const { progress } = this.#options;
    const fault = faultOf(this.inflicted.length);
    const [first, second] = this.#options.synchronizers;
    const live = fault.what === 'synchronizer' && fault.who === 0 ? second : first;
    const before = await this.#trains(live);
    await sleep(1000 * this.#rng.uniform(this.inflicted.length));
    const at = Date.now();
    this.inflicted.push({ ...fault, at, run: before.run });
    progress(
      `fault ${this.inflicted.length}: ${fault.what} ${fault.who + 1} ${fault.signal} at batch ${before.snapshot}`,
    );
    await this.#inflict(fault);
    const after = await this.#behind(live, before);
    progress(`  after ${((Date.now() - at) / 1000).toFixed(1)} s: ${after.state}, snapshot ${after.snapshot}`);
  }

  /** A new run. @returns its name, when it has a snapshot */
  async start(at: string): Promise<string> {
    const run = await this.#deploy(at);
    await this.until(at, run, ({ state, snapshot }) => state === 'running' && snapshot !== null);
    return run;
  }

  /** The last run comes to its end. */
  async end(): Promise<void> {
    const [at] = this.#options.synchronizers;
    const run = this.runs.at(-1);
    if (run !== undefined) await this.until(at, run, ({ state }) => state === 'done');
  }

  /** @throws Error where it fails, or gets no further */
  async until(at: string, name: string, holds: (run: RunStatus) => boolean): Promise<RunStatus> {
    let last: RunStatus | undefined;
    const look = async (): Promise<RunStatus | undefined> => {
      last = (await this.#run(at, name)) ?? last;
      if (last?.state === 'failed') throw new Error(`${name} has failed: ${last.reason}`);
      return last && (last.state === 'done' || holds(last)) ? last : undefined;
    };
    try {
      return await waitFor(`state of ${name} that is waited for`, look, PATIENCE);
    } catch (error) {
      throw new Error(`${name} is ${last?.state}, its last snapshot at ${last?.snapshot}`, { cause: error });
    }
  }

  async #run(at: string, name: string): Promise<RunStatus | undefined> {
    return (await this.#options.mesh.status(at))?.runs.find(({ run }) => run === name);
  }

  /** A run with a snapshot, which is not over. */
  async #trains(at: string): Promise<RunStatus> {
    const run = this.runs.at(-1) ?? (await this.#deploy(at));
    const found = await this.until(at, run, (r) => r.state === 'running' && r.snapshot !== null);
    if (found.state !== 'done') return found;
    await this.#deploy(at);
    return this.#trains(at);
  }

  async #deploy(at: string): Promise<string> {
    const [deployed] = await this.#options.mesh.json(at, 'deploy', ...this.#options.deploy);
    const run = String(deployed?.run);
    this.runs.push(run);
    this.#options.progress(`run ${run}`);
    return run;
  }

  #behind(at: string, { run, snapshot }: RunStatus): Promise<RunStatus> {
    return this.until(at, run, (r) => r.state === 'running' && (r.snapshot ?? 0) > (snapshot ?? 0));
  }

  async #inflict({ what, signal, who }: Fault): Promise<void> {
    const { mesh, cluster, synchronizers, awayMs } = this.#options;
    const server = cluster.servers[who];
    const name = synchronizers[who] ?? '';
    if (what === 'server' && signal === 'SIGKILL') await server?.kill();
    else if (what === 'server') server?.signal(signal);
    else mesh.signal(name, signal);
    await sleep(awayMs);
    if (what === 'server' && signal === 'SIGKILL') await server?.start();
    else if (what === 'server') server?.signal('SIGCONT');
    else if (signal === 'SIGSTOP') mesh.signal(name, 'SIGCONT');
    else {
      await mesh.ended(name);
      await mesh.start(name);
    }
  }
}
