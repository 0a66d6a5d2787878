/**
 * Two trainers whose shards answer each other over a connection of this machine, one here and one in a thread: what a
 * turn takes there, by the clock and of processors, with all that a training does around it.
 */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { Device } from '../../device/device.ts';
import { type KeyPair, newKeyPair } from '../../identity/ed25519.ts';
import type { ShardSource } from '../../shard/shards.ts';
import { ownPath, type SafePath } from '../../support/safe-path.ts';
import type { Exchange } from '../../wire/messages.ts';
import { type BatchTimes, batchTimes } from './batch-costs.ts';
import { BorderEnd, keysInOrder } from './border-end.ts';
import type { RoundTime } from './round-time.ts';

export interface EndStart {
  readonly keys: KeyPair;
  readonly records: SafePath;
}

export type EndRequest =
  | { readonly kind: 'load'; readonly run: string; readonly source: ShardSource }
  | { readonly kind: 'start'; readonly run: string; readonly peers: readonly Exchange[] }
  | { readonly kind: 'release'; readonly run: string }
  | { readonly kind: 'close' };

export interface EndAnswer {
  readonly exchange?: Exchange;
  readonly error?: string;
}

/** Milliseconds before it is measured, and while it is: so long that garbage is collected, too; some rounds at least. */
const [WARM_MS, WINDOW_MS, MIN_ROUNDS] = [30, 75, 8];
/** A machine that is never so slow. */
const PATIENCE_MS = 30_000;

/** Seconds after which both ends count as warm, however few rounds a slow machine has done. */
interface WarmBound {
  /** Of processors. */
  readonly work: number;
  readonly clock: number;
}

const WARM_BOUND: WarmBound = { work: 5, clock: 10 };
/** Of threads that have just begun, whose code is compiled anew. */
const THREADS_BOUND: WarmBound = { work: 0.6, clock: 1.5 };

type Failure = () => string | undefined;

async function roundsUntilWarm(
  enough: number,
  rounds: () => number,
  failure: Failure,
  { work, clock }: WarmBound = WARM_BOUND,
): Promise<void> {
  const [began, used] = [performance.now(), process.cpuUsage()];
  const isOver = (): boolean => {
    const { user, system } = process.cpuUsage(used);
    return (user + system) / 1e6 > work || (performance.now() - began) / 1e3 > clock;
  };
  for (let reached = MIN_ROUNDS; reached <= enough && !isOver(); reached += MIN_ROUNDS)
    await reaches(rounds, reached, 0, failure);
}

/** Of what goes on meanwhile, and counts its rounds. @param warm rounds that go by before, in bounded time */
async function timeOfRounds(rounds: () => number, failure: Failure, warm = MIN_ROUNDS): Promise<RoundTime> {
  await roundsUntilWarm(warm, rounds, failure, THREADS_BOUND);
  await reaches(rounds, MIN_ROUNDS, performance.now() + WARM_MS, failure);
  const [before, began, used] = [rounds(), performance.now(), process.cpuUsage()];
  await reaches(rounds, before + MIN_ROUNDS, began + WINDOW_MS, failure);
  const done = rounds() - before;
  const { user, system } = process.cpuUsage(used);
  const processor = (user + system) / 1e6 / done;
  return { processor, lag: (performance.now() - began) / 1e3 / done - processor };
}

/** Waits for at least `enough` rounds, and at least until `until`. */
async function reaches(rounds: () => number, enough: number, until: number, failure: Failure): Promise<void> {
  const late = performance.now() + PATIENCE_MS;
  while (rounds() < enough || performance.now() < until) {
    const reason = failure();
    if (reason !== undefined || performance.now() > late)
      throw new Error(`a measurement of borders has stopped: ${reason ?? 'there was no answer'}`);
    await sleep(1);
  }
}

export class BorderPair {
  readonly #here: BorderEnd;
  readonly #there: Worker;
  readonly #folder: string;
  #runs = 0;

  private constructor(here: BorderEnd, there: Worker, folder: string) {
    [this.#here, this.#there, this.#folder] = [here, there, folder];
  }

  static async open(device: Device): Promise<BorderPair> {
    const [own, other] = keysInOrder(newKeyPair);
    const folder = mkdtempSync(join(tmpdir(), 'nmc-doctor-'));
    const start: EndStart = { keys: other, records: ownPath(folder, 'there') };
    const there = new Worker(new URL('./border-end-thread.js', import.meta.url), { workerData: start });
    // It says so when it is asked.
    there.on('error', () => undefined);
    try {
      return new BorderPair(await BorderEnd.open(device, 0, own, ownPath(folder, 'here')), there, folder);
    } catch (error) {
      await there.terminate();
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** Of a round: each shard has its turn once. @param warm rounds that go by before, in bounded time */
  time(sources: readonly [ShardSource, ShardSource], warm?: number): Promise<RoundTime> {
    return this.#while(sources, (rounds, failure) => timeOfRounds(rounds, failure, warm));
  }

  /** Goes through so many rounds, in bounded time, and measures none of them. */
  warmUp(sources: readonly [ShardSource, ShardSource], enough: number): Promise<void> {
    return this.#while(sources, (rounds, failure) => roundsUntilWarm(enough, rounds, failure));
  }

  async #while<T>(
    [here, there]: readonly [ShardSource, ShardSource],
    work: (rounds: () => number, failure: Failure) => Promise<T>,
  ): Promise<T> {
    const run = `turns-${this.#runs++}`;
    const [own, other] = await Promise.all([
      this.#here.load(run, here),
      this.#ask({ kind: 'load', run, source: there }),
    ]);
    if (!other.exchange) throw new Error(`the other end has not begun: ${other.error ?? ''}`);
    const peers = [own, other.exchange];
    // It knows who may connect before the first one does.
    await this.#ask({ kind: 'start', run, peers });
    this.#here.start(run, peers);
    const [rounds, failure] = [() => this.#here.rounds(run), () => this.#here.failure(run)];
    try {
      return await work(rounds, failure);
    } finally {
      this.#here.release(run);
      await this.#ask({ kind: 'release', run });
    }
  }

  async close(): Promise<void> {
    // What they still write would bring the folder back.
    await Promise.allSettled([this.#here.close(), this.#ask({ kind: 'close' })]);
    await this.#there.terminate();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Of a batch of one shard by itself. */
  batches(device: Device): Promise<BatchTimes> {
    return batchTimes(device, this.#here, (batches, failure, warm) => timeOfRounds(batches, failure, warm));
  }

  async #ask(request: EndRequest): Promise<EndAnswer> {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const answered = once(this.#there, 'message', { signal }) as Promise<[EndAnswer]>;
    this.#there.postMessage(request);
    const [answer] = await answered;
    if (answer.error !== undefined) throw new Error(`the other end of a measurement: ${answer.error}`);
    return answer;
  }
}
