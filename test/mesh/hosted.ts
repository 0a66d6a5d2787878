/**
 * A mesh in virtual time whose shards really train: the state machines of synchronizer and trainers, the shards' hosts
 * with their devices, sealed borders, snapshots and take-over; only sockets and clocks are made up.
 */
import type { BuiltPlan } from '../../compiler/8-plan/build.ts';
import { planBytes } from '../../compiler/8-plan/build.ts';
import type { BlobSource } from '../../runtime/backplane/backplane.ts';
import type { Dataset } from '../../runtime/data/dataset.ts';
import type { Tensor } from '../../runtime/device/device.ts';
import { referenceDevice } from '../../runtime/device/reference/reference.ts';
import { type KeyPair, keyPairFromSeed } from '../../runtime/identity/ed25519.ts';
import { keyText } from '../../runtime/identity/key-text.ts';
import { entered } from '../../runtime/net/entered.ts';
import { type MadeDeployment, makeDeployment } from '../../runtime/net/make-deployment.ts';
import { recompute } from '../../runtime/net/recompute.ts';
import { ShardHost } from '../../runtime/net/shard-host.ts';
import { decodeState } from '../../runtime/net/shard-state.ts';
import { PartVerifier } from '../../runtime/net/verify-part.ts';
import { LIMITS, type Limits } from '../../runtime/roles/limits.ts';
import { HEARTBEAT_MS } from '../../runtime/roles/liveness.ts';
import { restoredSynchronizer, synchronizer, TICK_MS } from '../../runtime/roles/synchronizer.ts';
import type { Step, StoredRun, SynchronizerEffect, SynchronizerEvent } from '../../runtime/roles/synchronizer-state.ts';
import {
  EMPTY_TRAINER,
  type ShardId,
  shardName,
  type TrainerEffect,
  type TrainerEvent,
  type TrainerState,
  trainer,
} from '../../runtime/roles/trainer.ts';
import { EventQueue } from '../../runtime/simulation/event-queue.ts';
import { reportOf } from '../../runtime/simulation/virtual-devices.ts';
import { hex, sha256 } from '../../runtime/wire/hash.ts';
import type { Message } from '../../runtime/wire/messages.ts';
import { decodeHead } from '../../runtime/wire/routing.ts';
import { stream } from '../../spec/random.ts';
import { seeded } from './networked.ts';

export interface HostedOptions {
  readonly plan: BuiltPlan;
  readonly train: Dataset;
  readonly checks: readonly Dataset[];
  readonly trainers: number;
  readonly epochs: number;
  readonly snapshotEvery: number;
  /** Of everything that takes time. */
  readonly seed: number;
  /** When trainers die for good, in virtual milliseconds. */
  readonly kills?: readonly { readonly at: number; readonly trainer: number }[];
  /** When the run is asked to stop. */
  readonly stopAt?: number;
  /** What becomes of a message of a trainer on its way; nothing: it goes as it is. */
  readonly lie?: Lie;
  /** What the synchronizer computes itself; nothing: it does. */
  readonly checking?: 'not-here';
  readonly limits?: Partial<Limits>;
}

export interface Liar {
  readonly trainer: number;
  readonly keys: KeyPair;
  readonly now: number;
  readonly putBlob: (bytes: Uint8Array) => string;
  readonly blob: (hash: string) => Uint8Array;
}

export type Lie = (message: Message, liar: Liar) => readonly Message[] | undefined;

export interface HostedResult {
  readonly run: StoredRun | undefined;
  /** Of the last manifest, by shard and name. */
  readonly states: ReadonlyMap<string, Tensor>;
  /** Blobs of every manifest that was published, by calls. */
  readonly manifests: ReadonlyMap<number, readonly string[]>;
  /** Calls that shards began while the one before was under way. */
  readonly ahead: number;
  readonly milliseconds: number;
  /** What the run's log says. */
  readonly log: readonly Readonly<Record<string, unknown>>[];
}

interface Node {
  readonly keys: KeyPair;
  /** Its public key, as text. */
  readonly key: string;
  alive: boolean;
  state: TrainerState;
  readonly hosts: Map<string, ShardHost>;
}

/** Milliseconds one way, and of one call of `advance`. */
const WAY = 20;
const WORK = 1;
const MAX_MILLISECONDS = 600_000;

function sourceOf(bytes: Uint8Array | undefined): BlobSource | undefined {
  if (!bytes) return undefined;
  const pieces = [bytes.subarray(0, 100), bytes.subarray(100)].filter((p) => p.length > 0);
  return { bytes: bytes.length, next: async () => pieces.shift(), close: async () => undefined };
}

export async function trainHosted(options: HostedOptions): Promise<HostedResult> {
  return new HostedMesh(options).run();
}

class HostedMesh {
  readonly #options: HostedOptions;
  readonly #made: MadeDeployment;
  readonly #blobs: Map<string, Uint8Array>;
  readonly #queue = new EventQueue<() => void | Promise<void>>();
  readonly #nodes: Node[];
  readonly #rng;
  readonly #arrival = new Map<string, number>();
  #draws = 0;
  #now = 0;
  #sync;
  readonly #log: Readonly<Record<string, unknown>>[] = [];
  readonly #verifier: PartVerifier;
  #run: StoredRun | undefined;
  readonly #manifests = new Map<number, readonly string[]>();
  #ahead = 0;

  constructor(options: HostedOptions) {
    this.#options = options;
    const { plan, train, checks, epochs, snapshotEvery } = options;
    const { training } = plan.plan;
    if (!training) throw new Error('nothing is trained');
    const files = new Map([['plan.json', planBytes(plan.plan)] as const, ...plan.files]);
    const source = { path: '', text: '', compiler: '' };
    const data = { train, checks };
    const statistics = new Map();
    const more = { epochs, seed: 1, snapshotEvery, codec: 'f32', source } as const;
    const made = makeDeployment({ plan: plan.plan, training, files, data, statistics, ...more });
    this.#made = { ...made, deployment: { ...made.deployment, run: 'hosted-1' } };
    this.#blobs = new Map(made.blobs);
    this.#rng = stream(options.seed, 'hosted');
    this.#sync = restoredSynchronizer([], 0, { ...LIMITS, ...options.limits }).state;
    this.#verifier = new PartVerifier({
      getBlob: async (hash) => this.#blobs.get(hash),
      readBlob: async (hash) => sourceOf(this.#blobs.get(hash)),
    });
    this.#nodes = Array.from({ length: options.trainers }, (_, i) => {
      const keys = keyPairFromSeed(seeded(50 + i));
      const key = keyText(keys.publicKey);
      return { keys, key, alive: true, state: EMPTY_TRAINER, hosts: new Map() };
    });
  }

  async run(): Promise<HostedResult> {
    for (const [i, node] of this.#nodes.entries()) {
      const capability = { cores: 1, memory: 1e12, rate: 1e9, upload: 0, download: 0, machine: `machine-${i}` };
      const from = node.key;
      const instance = i.toString(16).padStart(16, '0');
      this.#synchronize({
        kind: 'message',
        from,
        message: { type: 'member', name: `node-${i}`, instance, capability },
      });
      this.#later(0, () => this.#train(node, { kind: 'connected' }));
      this.#beat(node);
    }
    for (const { at, trainer: i } of this.#options.kills ?? [])
      this.#later(at, () => this.#kill(this.#nodes[i] as Node));
    this.#synchronize({ kind: 'deploy', deployment: this.#made.deployment, hash: '0'.repeat(64) });
    const { run } = this.#made.deployment;
    if (this.#options.stopAt !== undefined)
      this.#later(this.#options.stopAt, () => this.#synchronize({ kind: 'stop', run }));
    this.#tick();
    for (let next = this.#queue.next(); next && next.at < MAX_MILLISECONDS; next = this.#queue.next()) {
      this.#now = next.at;
      await next.what();
      if (['done', 'failed', 'stopped'].includes(this.#run?.phase ?? '')) break;
    }
    const states = new Map<string, Tensor>();
    for (const [shard, blob] of (this.#run?.manifests.at(-1)?.parts ?? []).entries()) {
      const { parameters, auxiliary } = decodeState(this.#blobs.get(blob) ?? new Uint8Array());
      for (const { name, data } of [...parameters, ...auxiliary]) states.set(`${shard}/${name}`, data as Tensor);
    }
    const [manifests, ahead, log] = [this.#manifests, this.#ahead, this.#log];
    return { run: this.#run, states, manifests, ahead, milliseconds: this.#now, log };
  }

  #later(milliseconds: number, what: () => void | Promise<void>): void {
    this.#queue.add(this.#now + milliseconds, what);
  }

  #chance(): number {
    return 0.5 + this.#rng.uniform(this.#draws++);
  }

  #tick(): void {
    this.#synchronize({ kind: 'tick' });
    this.#later(TICK_MS, () => this.#tick());
  }

  #beat(node: Node): void {
    if (!node.alive) return;
    const shards = Object.values(node.state.shards).map((shard) =>
      reportOf(shard, node.hosts.get(shardName(shard))?.waits ?? []),
    );
    this.#say(node, { type: 'heartbeat', shards, refused: 0 });
    this.#later(HEARTBEAT_MS, () => this.#beat(node));
  }

  #kill(node: Node): void {
    node.alive = false;
    node.hosts.clear();
    this.#synchronize({ kind: 'disconnected', key: node.key });
  }

  #synchronize(event: SynchronizerEvent): void {
    const { state, effects }: Step = synchronizer(this.#sync, event, this.#now);
    this.#sync = state;
    for (const effect of effects) {
      if (effect.kind === 'persist') this.#keep(effect.value);
      if (effect.kind === 'log') this.#log.push(effect.event);
      if (effect.kind === 'verify' || effect.kind === 'check') this.#later(WORK, () => this.#own(effect));
      const node = effect.kind === 'send' ? this.#nodes.find((n) => n.key === effect.to) : undefined;
      if (effect.kind === 'send' && node)
        this.#later(WAY, () => this.#train(node, { kind: 'message', message: effect.message }));
    }
  }

  async #own(effect: SynchronizerEffect & { kind: 'verify' | 'check' }): Promise<void> {
    const { deployment } = this.#made;
    if (effect.kind === 'verify') {
      const { run, term, shard, calls } = effect.part;
      const problem = await this.#verifier.problemOf(deployment, effect.part, effect.owner);
      const event = { kind: 'verified', run, term, shard, calls } as const;
      this.#synchronize(problem === undefined ? event : { ...event, problem });
      return;
    }
    const { run, calls, parts } = effect;
    if (this.#options.checking === 'not-here') {
      this.#synchronize({ kind: 'checked', run, calls, problem: 'it does not fit' });
      return;
    }
    const { plan, shards = [] } = this.#options.plan;
    const sources = shards.map(({ program, schedule }) => ({ executable: { program, files: new Map() }, schedule }));
    const blob = async (hash: string): Promise<Uint8Array> => this.#blobs.get(hash) ?? new Uint8Array();
    const values = await recompute({ deployment, parts }, plan, sources, referenceDevice, blob);
    this.#synchronize({ kind: 'checked', run, calls, values });
  }

  /** To the synchronizer. */
  #say(node: Node, message: Message): void {
    const blob = (hash: string): Uint8Array => this.#blobs.get(hash) ?? new Uint8Array();
    const putBlob = (bytes: Uint8Array): string => {
      const hash = hex(sha256(bytes));
      this.#blobs.set(hash, bytes);
      return hash;
    };
    const liar = { trainer: this.#nodes.indexOf(node), keys: node.keys, now: this.#now, putBlob, blob };
    const said = this.#options.lie?.(message, liar) ?? [message];
    for (const one of said) this.#later(WAY, () => this.#synchronize(entered(this.#sync, node.key, one)));
  }

  #sayCommits(node: Node, { run, term, shard }: ShardId, host: ShardHost): void {
    const states = host.takeCommits();
    if (states.length > 0) this.#say(node, { type: 'commit', run, term, shard, states });
  }

  #keep(run: StoredRun): void {
    this.#run = run;
    for (const { calls, parts } of run.manifests) this.#manifests.set(calls, parts);
  }

  async #train(node: Node, event: TrainerEvent): Promise<void> {
    if (!node.alive) return;
    const step = trainer(node.state, event);
    node.state = step.state;
    for (const effect of step.effects) await this.#carryOut(node, effect);
  }

  async #carryOut(node: Node, effect: TrainerEffect): Promise<void> {
    const then = (milliseconds: number, event: TrainerEvent): void =>
      this.#later(milliseconds, () => this.#train(node, event));
    if (effect.kind === 'send') {
      this.#say(node, effect.message);
      return;
    }
    if (effect.kind === 'leave') return;
    const { at } = effect;
    const name = shardName(at);
    if (effect.kind === 'open') {
      const host = node.hosts.get(name) ?? (await this.#open(node, at));
      node.hosts.set(name, host);
      await host.restore(at.term, effect.restore);
      then(50, { kind: 'opened', at, deployment: host.deployment, calls: effect.restore?.calls ?? 0 });
      return;
    }
    const host = node.hosts.get(name);
    if (!host) return;
    switch (effect.kind) {
      case 'close':
        node.hosts.delete(name);
        return;
      case 'offer':
        then(0, { kind: 'offered', at, exchange: host.borders.offer() });
        return;
      case 'peers':
        host.borders.setPeers(effect.peers);
        return;
      case 'begin':
        if (effect.number > (node.state.shards[name]?.calls ?? 0)) this.#ahead++;
        host.begin(effect.number, effect.call);
        return;
      case 'advance':
        then(WORK * this.#chance(), { kind: 'advanced', at, outcome: await host.advance() });
        return;
      case 'save': {
        const part = await host.save(effect.calls, effect.last);
        this.#sayCommits(node, at, host);
        then(WORK, { kind: 'saved', at, calls: effect.calls, part });
        return;
      }
      case 'forget':
        host.forget(effect.before);
    }
  }

  #open(node: Node, at: ShardId): Promise<ShardHost> {
    const part = this.#options.plan.shards?.[at.shard];
    if (!part) throw new Error(`no shard ${at.shard}`);
    const plan = { schedule: part.schedule, executable: { program: part.program, files: new Map() } };
    const idOf = (): ShardId => {
      const { run, term, shard } = node.state.shards[shardName(at)] ?? at;
      return { run, term, shard };
    };
    return ShardHost.open(at.shard, this.#made.deployment, plan, {
      device: referenceDevice,
      keys: node.keys,
      blob: async (hash) => this.#blobs.get(hash) ?? new Uint8Array(),
      putBlob: async (bytes) => {
        const hash = hex(sha256(bytes));
        this.#blobs.set(hash, new Uint8Array(bytes));
        return hash;
      },
      carry: (packet, to) => this.#carry(node, packet, to),
      listen: undefined,
      handOver: (to, frame, term) => {
        const name = shardName({ run: at.run, shard: to });
        const [host, state] = [node.hosts.get(name), node.state.shards[name]];
        // Two shards of one trainer come to a new term one after the other: a frame of the old one is nobody's.
        if (host?.term !== term || state?.term !== term) return undefined;
        const refusal = host.deliver(frame);
        this.#later(0, () => this.#train(node, { kind: 'news', at: { run: at.run, term, shard: to } }));
        return refusal;
      },
      news: () => this.#later(0, () => this.#train(node, { kind: 'news', at: idOf() })),
      dispute: ({ peer, call, what, evidence }) =>
        this.#later(0, () =>
          this.#train(node, {
            kind: 'disputed',
            at: idOf(),
            dispute: { peer, call, what, ...(evidence && { evidence }) },
          }),
        ),
      now: () => this.#now,
    });
  }

  /** Packets of one trainer for another arrive in the order in which they were sent, whenever that is. */
  #carry(from: Node, packet: Uint8Array, to: string): void {
    const way = `${from.key}/${to}`;
    const at = Math.max(this.#now + WAY * this.#chance(), this.#arrival.get(way) ?? 0);
    this.#arrival.set(way, at);
    this.#queue.add(at, () => {
      const node = this.#nodes.find((n) => n.key === to);
      const head = decodeHead(packet);
      if (!node?.alive || head?.kind !== 1) return;
      const shard = Object.values(node.state.shards).find((s) => s.shard === head.to && s.term === head.term);
      if (shard && shard.phase !== 'loading') node.hosts.get(shardName(shard))?.receive(head.from, packet, 'relay');
    });
  }
}
