/**
 * One end of a border that is measured: a trainer's driver, its shard and its connection to the neighbour are those of a
 * training. The words of a mesh come from the program that measures, and what the shard computes is next to nothing.
 */
import { sizeOf } from '../../../spec/program.ts';
import type { Device } from '../../device/device.ts';
import { type Ending, settle } from '../../driver/ending.ts';
import type { ShardCalls } from '../../driver/ports.ts';
import { TrainerDriver } from '../../driver/trainer-driver.ts';
import type { KeyPair } from '../../identity/ed25519.ts';
import { keyText } from '../../identity/key-text.ts';
import { DirectBorders } from '../../net/direct.ts';
import { RecordStore } from '../../net/records/record-store.ts';
import { deviceClass, StretchLog } from '../../net/records/stretch-log.ts';
import { ShardHost } from '../../net/shard-host.ts';
import { LoadedShard } from '../../net/trainer-host.ts';
import { type ShardId, shardName } from '../../roles/trainer-state.ts';
import type { ShardSource } from '../../shard/shards.ts';
import type { SafePath } from '../../support/safe-path.ts';
import { type ColumnRef, type Deployment, ELEMENT_BYTES } from '../../wire/deployment.ts';
import type { Exchange, Message } from '../../wire/messages.ts';

const MACHINE = 'here';
const TERM = 1;
/** More than are ever made; of such a small epoch the order of its samples is drawn at once. */
const [CALLS, EPOCHS] = [4096, 1000];
const NO_BLOB = '0'.repeat(64);
/** Batches of an epoch that has samples. */
const EPOCH = 64;

/** What a batch is fed: all batches alike. */
export interface Fed {
  readonly batch: number;
  readonly column: Pick<ColumnRef, 'name' | 'type' | 'shape'>;
  /** Its state is committed behind each batch. */
  readonly commits: boolean;
  /** It is the only shard of its training: all threads share its batches. */
  readonly alone: boolean;
}

interface Loaded {
  readonly source: ShardSource;
  readonly fed: Fed | undefined;
}

export class BorderEnd {
  readonly #device: Device;
  readonly #shard: number;
  readonly #keys: KeyPair;
  readonly #driver: TrainerDriver<LoadedShard>;
  readonly #sources = new Map<string, Loaded>();
  readonly #offered = new Map<string, Ending<Exchange>>();
  readonly #records: RecordStore;
  readonly #closing: Promise<void>[] = [];
  #direct: DirectBorders | undefined;

  private constructor(device: Device, shard: number, keys: KeyPair, records: SafePath) {
    [this.#device, this.#shard, this.#keys] = [device, shard, keys];
    this.#records = new RecordStore(records);
    const now = (): number => performance.now();
    this.#driver = new TrainerDriver<LoadedShard>({
      clock: { now, every: () => () => undefined },
      link: {
        send: (message) => this.#said(message),
        carry: (packet, to, left) => this.#direct?.send(to, packet, left),
        // The connection stays from one measurement to the next.
        meet: (neighbours) => neighbours.length > 0 && this.#direct?.setNeighbours(neighbours),
        refused: () => 0,
        leave: () => undefined,
      },
      host: {
        open: (at, _deployment, calls, ending) => settle(this.#load(at, calls), ending),
        close: (_at, shard, ending) => settle(this.#closed(shard), ending),
      },
      log: () => undefined,
    });
  }

  /** @param records folder of its own, which it fills */
  static async open(device: Device, shard: number, keys: KeyPair, records: SafePath): Promise<BorderEnd> {
    const end = new BorderEnd(device, shard, keys, records);
    end.#direct = await DirectBorders.open({
      keys,
      listen: { host: '127.0.0.1', port: 0, secure: false },
      machine: MACHINE,
      onPacket: (_from, _head, packet) => void end.#driver.receive(packet, 'direct'),
      onChange: (key) => {
        for (const loaded of end.#driver.shards) loaded.reroute(key);
      },
    });
    end.#driver.connected();
    return end;
  }

  /** @returns its part of the border's keys */
  load(run: string, source: ShardSource, fed?: Fed): Promise<Exchange> {
    this.#sources.set(run, { source, fed });
    const offered = new Promise<Exchange>((done, failed) => this.#offered.set(run, { done, failed }));
    this.#driver.hear({ type: 'assign', run, term: TERM, deployment: NO_BLOB, shards: [{ shard: this.#shard }] });
    return offered;
  }

  start(run: string, peers: readonly Exchange[]): void {
    this.#driver.hear({ type: 'peers', run, term: TERM, peers });
    this.#driver.hear({ type: 'start', run, term: TERM, calls: 0 });
  }

  /** Rounds that its shard has begun. */
  rounds(run: string): number {
    const shard = this.#driver.shards.find((s) => s.deployment.run === run);
    return shard?.measure().ticks ?? 0;
  }

  /** Batches that its shard has done. */
  batches(run: string): number {
    return this.#driver.state.shards[shardName({ run, shard: this.#shard })]?.calls ?? 0;
  }

  /** Why its shard has failed, if it has. */
  failure(run: string): string | undefined {
    const { phase, reason } = this.#driver.state.shards[shardName({ run, shard: this.#shard })] ?? {};
    return phase === 'failed' ? reason : undefined;
  }

  release(run: string): void {
    this.#driver.hear({ type: 'release', run, term: TERM });
  }

  /** When nothing is written to its records any more. */
  async close(): Promise<void> {
    this.#driver.stop();
    await Promise.allSettled(this.#closing);
    await this.#direct?.close();
  }

  #closed(shard: LoadedShard | undefined): Promise<void> {
    const closed = shard?.close() ?? Promise.resolve();
    this.#closing.push(closed);
    return closed;
  }

  #said(message: Message): void {
    if (message.type === 'ready') this.#offered.get(message.run)?.done(message.exchange);
    if (message.type === 'failed') this.#offered.get(message.run)?.failed(new Error(message.reason));
  }

  async #load({ run, shard }: ShardId, calls: ShardCalls): Promise<LoadedShard> {
    const loaded = this.#sources.get(run);
    const direct = this.#direct;
    if (!loaded || !direct) throw new Error(`nothing is known of ${run}`);
    const { source, fed } = loaded;
    const host = await ShardHost.open(shard, deploymentOf(run, loaded), source, {
      ...{ device: this.#device, keys: this.#keys, ...calls },
      blob: async () => new Uint8Array(fed ? bytesOfBatch(fed) : 0),
      putBlob: async () => NO_BLOB,
      listen: { address: direct.address, machine: MACHINE },
      now: () => performance.now(),
      records: (deployment, _shard, news) =>
        new StretchLog({
          ...{ deployment, deploymentHash: NO_BLOB, shard, news, owner: keyText(this.#keys.publicKey) },
          ...{ folder: this.#records, device: deviceClass(this.#device, '', false) },
        }),
    });
    return new LoadedShard(host, (key) => direct.has(key));
  }
}

/** Of two ends that can dial each other the one with the smaller key begins: it is that of the first shard. */
export function keysInOrder(make: () => KeyPair): readonly [KeyPair, KeyPair] {
  const [one, other] = [make(), make()];
  return Buffer.compare(one.publicKey, other.publicKey) < 0 ? [one, other] : [other, one];
}

function bytesOfBatch({ batch, column }: Fed): number {
  return batch * sizeOf(column.shape) * ELEMENT_BYTES[column.type];
}

function trainOf(fed: Fed | undefined): Pick<Deployment, 'train' | 'batch'> {
  if (!fed) return { train: { name: 'nothing', length: CALLS, columns: [] }, batch: 1 };
  const bytes = bytesOfBatch(fed);
  const blobs = Array.from({ length: EPOCH }, () => ({ blob: NO_BLOB, bytes }));
  const columns = [{ ...fed.column, blobs }];
  return { train: { name: 'samples', length: EPOCH * fed.batch, columns }, batch: fed.batch };
}

function deploymentOf(run: string, { source: { schedule }, fed }: Loaded): Deployment {
  const { name = '', microbatches = 1 } = schedule.functions[0] ?? {};
  return {
    ...{
      run,
      model: 'turns',
      task: name,
      plan: [],
      shards: fed?.alone ? 1 : 2,
      needs: [],
      checks: [],
      statistics: [],
      evaluations: [],
    },
    ...trainOf(fed),
    ...{ epochs: EPOCHS, seed: 0, snapshotEvery: CALLS, microbatches, codec: 'f32' },
    schedule: microbatches > 1 ? 'pipelined' : 'lockstep',
    // What states cost is counted by itself.
    stretches: { batches: fed?.commits ? 1 : CALLS, bytes: 0, keep: 0 },
    source: { path: '', text: '', compiler: '' },
  };
}
