/** Shards of a trainer's driver on a real device: opened from the mesh's blobs, and closed with what they held. */
import { numberOf } from '../audit/seal.ts';
import type { BlobSource as BlobSourceInPieces } from '../backplane/backplane.ts';
import type { Device } from '../device/device.ts';
import { type Ending, settle } from '../driver/ending.ts';
import type { DrivenShard, HostPort, ShardCalls } from '../driver/ports.ts';
import type { KeyPair } from '../identity/ed25519.ts';
import { keyText } from '../identity/key-text.ts';
import type { ShardId } from '../roles/trainer-state.ts';
import type { StretchName } from '../wire/ticket.ts';
import type { BlobContent } from './bring-blob.ts';
import type { PartsPort } from './disk-columns.ts';
import { fetchPlan, type PlanFetch } from './fetch-plan.ts';
import type { HostOptions } from './host-options.ts';
import { readDeployment } from './read-deployment.ts';
import type { RecordStore } from './records/record-store.ts';
import { deviceClass, StretchLog } from './records/stretch-log.ts';
import type { BlobSource } from './shard-data.ts';
import { ShardHost } from './shard-host.ts';
import { MAX_RECORD_BYTES, type MemoryLedger } from './shard-memory.ts';

/** Content-addressed bytes of the mesh. */
export interface BlobsPort {
  readonly get: BlobSource;
  /** In pieces, of what may be too large for memory. */
  readonly read?: (hash: string, most: number) => Promise<BlobSourceInPieces>;
  /** On this machine's disk. */
  readonly parts?: PartsPort | undefined;
  /** @returns its hash */
  readonly put: (content: BlobContent) => Promise<string>;
}

export interface TrainerHostOptions {
  readonly device: Device;
  readonly keys: KeyPair;
  readonly blobs: BlobsPort;
  readonly openPlan: PlanFetch['openPlan'];
  readonly ledger: MemoryLedger;
  /** Where neighbours can dial this trainer, if they can. */
  readonly listen: () => HostOptions['listen'];
  /** Whether there is a straight way to this trainer. */
  readonly isDirect: (key: string) => boolean;
  readonly now: () => number;
  /** As `HostOptions.asleep`, and as `HostOptions.largeStateBytes`. */
  readonly asleep?: number;
  readonly largeStateBytes?: number | undefined;
  /** Where records of stretches lie, and what this machine's bits depend on; absent: none are kept. */
  readonly records?: { readonly store: RecordStore; readonly version: string };
}

export class TrainerHost implements HostPort<LoadedShard> {
  readonly #options: TrainerHostOptions;

  constructor(options: TrainerHostOptions) {
    this.#options = options;
  }

  open(at: ShardId, deployment: string, calls: ShardCalls, ending: Ending<LoadedShard>): void {
    settle(this.#load(at, deployment, calls), ending);
  }

  close(at: ShardId, shard: LoadedShard | undefined, ending: Ending<void>): void {
    const closed = async (): Promise<void> => {
      await shard?.close();
      this.#options.ledger.free(at);
    };
    settle(closed(), ending);
  }

  async #load(at: ShardId, hash: string, calls: ShardCalls): Promise<LoadedShard> {
    const { device, keys, blobs, openPlan, ledger, listen, isDirect, now, asleep, largeStateBytes } = this.#options;
    try {
      const deployment = readDeployment(await blobs.get(hash, MAX_RECORD_BYTES), at.run);
      const plan = await fetchPlan(at, deployment, { device, blob: blobs.get, openPlan, ledger });
      const more = {
        blob: blobs.get,
        readBlob: blobs.read,
        parts: blobs.parts,
        putBlob: blobs.put,
        listen: listen(),
        now,
        asleep,
        ...(largeStateBytes === undefined ? {} : { largeStateBytes }),
      };
      const records = this.#recordsOf(hash, calls.bound);
      const options = { device, keys, ...more, ...calls, ...(records ? { records } : {}) };
      const host = await ShardHost.open(at.shard, deployment, plan, options);
      return new LoadedShard(host, isDirect);
    } catch (error) {
      ledger.free(at);
      throw error;
    }
  }

  #recordsOf(deploymentHash: string, bound: ShardCalls['bound']): HostOptions['records'] | undefined {
    const { records, keys, device } = this.#options;
    if (!records) return undefined;
    const { store, version } = records;
    return (deployment, shard, news) => {
      store.allow(deployment.stretches?.keep ?? 0);
      const owner = keyText(keys.publicKey);
      const seals = { numberOf: (stretch: StretchName) => numberOf(keys.secretKey, stretch), bound };
      const place = { deployment, deploymentHash, shard, owner, news, seals };
      return new StretchLog({ ...place, folder: store, device: deviceClass(device, version, deployment.shards === 1) });
    };
  }
}

/** A shard's host behind the port of a driver. */
export class LoadedShard implements DrivenShard {
  readonly #host: ShardHost;
  readonly #isDirect: (key: string) => boolean;

  constructor(host: ShardHost, isDirect: (key: string) => boolean) {
    this.#host = host;
    this.#isDirect = isDirect;
  }

  get deployment(): DrivenShard['deployment'] {
    return this.#host.deployment;
  }

  get shard(): number {
    return this.#host.shard;
  }

  get term(): number {
    return this.#host.term;
  }

  get owners(): DrivenShard['owners'] {
    return this.#host.borders.owners;
  }

  readonly offer: DrivenShard['offer'] = () => this.#host.borders.offer();
  readonly setPeers: DrivenShard['setPeers'] = (peers) => this.#host.setPeers(peers);
  readonly begin: DrivenShard['begin'] = (callIndex, call) => this.#host.begin(callIndex, call);
  readonly forget: DrivenShard['forget'] = (before) => this.#host.forget(before);
  readonly requestResume: DrivenShard['requestResume'] = () => this.#host.requestResume();
  readonly receive: DrivenShard['receive'] = (from, packet, way) => this.#host.receive(from, packet, way);
  readonly deliver: DrivenShard['deliver'] = (frame) => this.#host.deliver(frame);
  readonly takeCommits: DrivenShard['takeCommits'] = () => this.#host.takeCommits();
  readonly advance: DrivenShard['advance'] = (ending) => settle(this.#host.advance(), ending);
  readonly restore: DrivenShard['restore'] = (term, from, ending) => settle(this.#host.restore(term, from), ending);
  readonly save: DrivenShard['save'] = (calls, last, kept, ending) =>
    settle(this.#host.save(calls, last, kept), ending);

  readonly isUnsigned: DrivenShard['isUnsigned'] = () => {
    this.#host.borders.settle();
    return this.#host.log?.isUnsigned ?? false;
  };

  readonly goOn: DrivenShard['goOn'] = (term) => this.#host.goOn(term);
  readonly rewind: DrivenShard['rewind'] = (calls) => this.#host.rewind(calls);
  readonly skip: DrivenShard['skip'] = (calls) => this.#host.skip(calls);
  readonly setAway: DrivenShard['setAway'] = (shards, lost) => this.#host.setAway(shards, lost);

  get behind(): number | undefined {
    return this.#host.behind;
  }

  measure(): ReturnType<DrivenShard['measure']> {
    const { ticks, busyMilliseconds, awaits, waits, refused, borders } = this.#host;
    const { owners, traffic } = borders;
    return {
      ...{ ticks, busyMilliseconds, awaits, waits, refused },
      bytesSent: traffic.sent,
      bytesReceived: traffic.received,
      borders: owners.length,
      direct: owners.filter(({ key }) => this.#isDirect(key)).length,
    };
  }

  /** Whose packets for this border are taken. */
  ownerOf(shard: number): string | undefined {
    return this.#host.borders.ownerOf(shard);
  }

  /** Sends all further packets to this trainer another way. */
  reroute(key: string): void {
    this.#host.borders.reroute(key);
  }

  /** When all records of its stretches that are complete lie on the disk. */
  async recorded(): Promise<void> {
    await this.#host.log?.written();
  }

  close(): Promise<void> {
    return this.#host.close();
  }
}
