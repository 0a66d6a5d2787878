/**
 * A mesh in virtual time whose shards really train: the state machines of synchronizer and trainers, the shards' hosts
 * with their devices, sealed borders, snapshots and take-over; only sockets and clocks are made up.
 */
import { join } from 'node:path';
import { planBytes } from '../../compiler/8-plan/build.ts';
import { verifyForeign } from '../../runtime/cli/planning/verify-foreign.ts';
import { statisticsOf } from '../../runtime/data/statistics.ts';
import type { Device, Executable, Tensor } from '../../runtime/device/device.ts';
import { referenceDevice } from '../../runtime/device/reference/reference.ts';
import type { Ending } from '../../runtime/driver/ending.ts';
import type { HostPort } from '../../runtime/driver/ports.ts';
import { SynchronizerDriver } from '../../runtime/driver/synchronizer-driver.ts';
import { TrainerDriver } from '../../runtime/driver/trainer-driver.ts';
import { type KeyPair, keyPairFromSeed } from '../../runtime/identity/ed25519.ts';
import { keyText } from '../../runtime/identity/key-text.ts';
import { EmulatedFaults } from '../../runtime/net/emulated-faults.ts';
import { entered } from '../../runtime/net/entered.ts';
import type { OpenedPlan } from '../../runtime/net/fetch-plan.ts';
import { type MadeDeployment, makeDeployment } from '../../runtime/net/make-deployment.ts';
import { recompute } from '../../runtime/net/recompute.ts';
import { RecordStore } from '../../runtime/net/records/record-store.ts';
import { MemoryLedger } from '../../runtime/net/shard-memory.ts';
import { decodeState } from '../../runtime/net/shard-state.ts';
import { type LoadedShard, TrainerHost } from '../../runtime/net/trainer-host.ts';
import { PartVerifier } from '../../runtime/net/verify-part.ts';
import { planInMemory } from '../../runtime/plan/plan-memory.ts';
import { verifyPlan } from '../../runtime/plan/verify-plan.ts';
import { LIMITS } from '../../runtime/roles/limits.ts';
import { emptySynchronizer, TICK_MS } from '../../runtime/roles/synchronizer.ts';
import type {
  AskedAudit,
  StoredRun,
  SynchronizerEffect,
  SynchronizerEvent,
} from '../../runtime/roles/synchronizer-state.ts';
import { shardName } from '../../runtime/roles/trainer-state.ts';
import { EventQueue } from '../../runtime/simulation/event-queue.ts';
import { ownPath } from '../../runtime/support/safe-path.ts';
import type { AuditOrder, Outputs } from '../../runtime/wire/audit-messages.ts';
import type { AuditVerdict } from '../../runtime/wire/audit-verdict.ts';
import { canonicalBytes } from '../../runtime/wire/canonical.ts';
import { hex, sha256 } from '../../runtime/wire/hash.ts';
import type { Message } from '../../runtime/wire/messages.ts';
import type { Program } from '../../spec/program.ts';
import { stream } from '../../spec/random.ts';
import { auditedByAll, auditing, type HostedAudit, repeatedBy } from './hosted-audits.ts';
import { bytesOf, sourceOf } from './hosted-blobs.ts';
import { type HostedOptions, type HostedResult, roomOf } from './hosted-options.ts';
import { seeded } from './networked.ts';

export type { HostedOptions, HostedResult, Liar, Lie } from './hosted-options.ts';

interface Node {
  readonly keys: KeyPair;
  /** Its public key, as text. */
  readonly key: string;
  alive: boolean;
  /** How often it has begun: what an earlier life still says is not heard. */
  life: number;
  driver: TrainerDriver<LoadedShard>;
  /** Its process does nothing until then. */
  stoppedUntil: number;
}

/** Milliseconds one way, until a shard is open, and of one step of it. */
const WAY = 20;
const OPENING = 50;
const WORK = 1;
const MAX_MILLISECONDS = 600_000;

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
  /** Of devices and blobs: no virtual time goes by while they really work. */
  readonly #working = new Set<Promise<void>>();
  readonly #deploymentHash: string;
  #draws = 0;
  #losses = 0;
  #now = 0;
  readonly #sync: SynchronizerDriver;
  readonly #log: Readonly<Record<string, unknown>>[] = [];
  readonly #verifier: PartVerifier;
  readonly #verdicts: AuditVerdict[] = [];
  readonly #revoked: string[] = [];
  readonly #faults: EmulatedFaults;
  /** Nothing more comes of its audits. */
  #audited = false;
  /** Of earlier lives of trainers. */
  readonly #killed: TrainerDriver<LoadedShard>[] = [];
  #run: StoredRun | undefined;
  readonly #manifests = new Map<number, readonly string[]>();
  #ahead = 0;
  readonly #begun: HostedResult['begun'][number][] = [];

  constructor(options: HostedOptions) {
    this.#options = options;
    const { plan, train, checks, validation, epochs, snapshotEvery, stretches } = options;
    const { training } = plan.plan;
    if (!training) throw new Error('nothing is trained');
    const files = new Map([['plan.json', planBytes(plan.plan)] as const, ...plan.files]);
    const verified = verifyPlan(planInMemory('the plan', files), verifyForeign);
    const source = { path: '', text: '', compiler: '' };
    const data = { train, checks, ...(validation ? { validation } : {}) };
    const statistics = statisticsOf(
      (plan.shards ?? [plan]).flatMap((s) => s.program.states),
      train,
    );
    const signed = stretches === undefined ? {} : { stretches };
    const { codec = 'f32' } = options;
    const more = { epochs, seed: 1, snapshotEvery, codec, source, ...signed } as const;
    const made = makeDeployment({ verified, training, data, statistics, bounds: options.bounded === true, ...more });
    this.#made = { ...made, deployment: { ...made.deployment, run: 'hosted-1' } };
    this.#blobs = new Map(made.blobs);
    this.#deploymentHash = this.#put(canonicalBytes(this.#made.deployment));
    this.#rng = stream(options.seed, 'hosted');
    const losses = stream(options.seed, 'losses');
    this.#faults = new EmulatedFaults(options, () => losses.uniform(this.#losses++));
    this.#sync = this.#newSynchronizer();
    this.#verifier = new PartVerifier({
      getBlob: async (hash) => this.#blobs.get(hash),
      readBlob: async (hash) => sourceOf(this.#blobs.get(hash)),
    });
    this.#nodes = Array.from({ length: options.trainers }, (_, i) => this.#newNode(i));
  }

  #newNode(i: number): Node {
    const keys = keyPairFromSeed(seeded(50 + i));
    const place = { keys, key: keyText(keys.publicKey), alive: true, life: 0, stoppedUntil: 0 };
    const node: Node = Object.assign(place, { driver: this.#newDriver(i, keys, () => node) });
    return node;
  }

  #newDriver(i: number, keys: KeyPair, node: () => Node, life = 0): TrainerDriver<LoadedShard> {
    const lives = (): boolean => node().life === life;
    return new TrainerDriver<LoadedShard>({
      link: {
        send: (message) => {
          if (lives()) this.#say(node(), message);
        },
        carry: (packet, to) => {
          if (lives()) this.#carry(node(), packet, to);
        },
        meet: () => undefined,
        refused: () => 0,
        leave: () => undefined,
      },
      clock: { now: () => this.#now, every: (milliseconds, what) => this.#every(node, milliseconds, what) },
      host: this.#hostOf(i, keys, node),
      log: () => undefined,
    });
  }

  /** Real shards, whose work takes the time that chance gives it. */
  #hostOf(i: number, keys: KeyPair, node: () => Node): HostPort<LoadedShard> {
    const { records } = this.#options;
    const store = records && new RecordStore(ownPath(records, String(i)));
    const host = new TrainerHost({
      ...(store ? { records: { store, version: 'test' } } : {}),
      ...{ device: this.#deviceOf(i), keys, ledger: new MemoryLedger(undefined) },
      blobs: { get: async (hash) => this.#blob(hash), put: async (content) => this.#put(await bytesOf(content)) },
      openPlan: (files, shard) => this.#openPlan(files, shard),
      listen: () => undefined,
      isDirect: () => false,
      now: () => this.#now,
    });
    return {
      open: (at, deployment, calls, ending) =>
        host.open(
          at,
          deployment,
          calls,
          this.#slow(node(), OPENING, {
            ...ending,
            done: (shard) => ending.done(this.#slowed(shard, node())),
          }),
        ),
      close: (at, shard, ending) => host.close(at, shard, this.#slow(node(), 0, ending)),
    };
  }

  async #openPlan(_files: ReadonlyMap<string, Uint8Array>, shard: number): Promise<OpenedPlan> {
    const part = this.#options.plan.shards?.[shard];
    if (!part) throw new Error(`no shard ${shard}`);
    const { schedule, program } = part;
    return { schedule, states: program.states, memory: 0, lower: async () => this.#executable(shard, program) };
  }

  #executable(shard: number, program: Program): Executable {
    return { program, files: this.#options.files?.(shard) ?? new Map() };
  }

  #slowed(shard: LoadedShard, node: Node): LoadedShard {
    const { begin, restore, advance, save } = shard;
    const slowed: Partial<LoadedShard> = {
      begin: (number, call) => {
        const name = shardName({ run: shard.deployment.run, shard: shard.shard });
        if (number > (node.driver.state.shards[name]?.calls ?? 0)) this.#ahead++;
        this.#begun.push({ at: this.#now, trainer: this.#nodes.indexOf(node), shard: shard.shard, call: number });
        begin(number, call);
      },
      restore: (term, from, ending) => restore(term, from, this.#slow(node, 0, ending)),
      advance: (ending) => advance(this.#slow(node, WORK * this.#chance(), ending)),
      save: (calls, last, kept, ending) => save(calls, last, kept, this.#slow(node, WORK, ending)),
    };
    return Object.assign(shard, slowed);
  }

  /** Virtual time stands until the work is done; then it takes so long. */
  #slow<T>(node: Node, milliseconds: number, { done, failed }: Ending<T>): Ending<T> {
    let over: () => void = () => undefined;
    const working = new Promise<void>((resolve) => {
      over = resolve;
    });
    this.#working.add(working);
    const later = (what: () => void): void => {
      this.#working.delete(working);
      this.#at(node, milliseconds, what);
      over();
    };
    return { done: (value) => later(() => done(value)), failed: (error) => later(() => failed(error)) };
  }

  async run(): Promise<HostedResult> {
    for (const node of this.#nodes) this.#begin(node);
    for (const { at, trainer, back } of this.#options.kills ?? []) {
      const node = this.#nodes[trainer] as Node;
      this.#later(at, () => this.#kill(node));
      if (back !== undefined) this.#later(back, () => this.#revive(node));
    }
    for (const { at, trainer, until } of this.#options.pauses ?? [])
      this.#later(at, () => {
        (this.#nodes[trainer] as Node).stoppedUntil = until;
      });
    this.#synchronize({ kind: 'deploy', deployment: this.#made.deployment, hash: this.#deploymentHash });
    const { run } = this.#made.deployment;
    if (this.#options.stopAt !== undefined)
      this.#later(this.#options.stopAt, () => this.#synchronize({ kind: 'stop', run }));
    this.#tick();
    const { until = MAX_MILLISECONDS } = this.#options;
    for (let next = this.#queue.next(); next && next.at < until; next = this.#queue.next()) {
      this.#now = next.at;
      await next.what();
      while (this.#working.size > 0) await Promise.all(this.#working);
      if (this.#options.audits)
        for (const { driver } of this.#nodes) await Promise.all(driver.shards.map((shard) => shard.recorded()));
      const hasEnded = ['done', 'failed', 'stopped'].includes(this.#run?.phase ?? '');
      if (hasEnded && (this.#audited || !this.#options.audits)) break;
    }
    // What is on its way to the disk gets there, also that of trainers that were killed.
    const drivers = [...this.#nodes.map(({ driver }) => driver), ...this.#killed];
    for (const { shards } of drivers) await Promise.all(shards.map((shard) => shard.close()));
    const states = new Map<string, Tensor>();
    for (const [shard, blob] of (this.#run?.manifests.at(-1)?.parts ?? []).entries()) {
      const { parameters, auxiliary } = decodeState(this.#blob(blob));
      for (const { name, data } of [...parameters, ...auxiliary]) states.set(`${shard}/${name}`, data as Tensor);
    }
    const { deployment } = this.#made;
    const blob = (hash: string): Uint8Array => this.#blob(hash);
    return {
      ...{ verdicts: this.#verdicts, revoked: this.#revoked, manifests: this.#manifests, ahead: this.#ahead },
      watch: this.#sync.state.runs[deployment.run]?.watch,
      run: this.#run,
      states,
      begun: this.#begun,
      milliseconds: this.#now,
      ...{ lost: this.#faults.lost, damaged: this.#faults.damaged },
      log: this.#log,
      deployment,
      blob,
    };
  }

  /** It comes into the mesh: for the first time, or as another process. */
  #begin(node: Node): void {
    const i = this.#nodes.indexOf(node);
    const memory = roomOf(this.#made.deployment, this.#options, i);
    const capability = { cores: 1, memory, rate: 1e9, upload: 0, download: 0, machine: `machine-${i}` };
    const instance = (i + 1000 * node.life).toString(16).padStart(16, '0');
    const { does, vouched } = auditing(this.#options, this.#deviceOf(i));
    const message = { type: 'member', name: `node-${i}`, instance, capability, ...does } as const;
    this.#synchronize({ kind: 'message', from: node.key, message, ...vouched });
    const { driver } = node;
    this.#later(0, () => driver.connected());
    driver.start();
  }

  #later(milliseconds: number, what: () => void | Promise<void>): void {
    this.#queue.add(this.#now + milliseconds, what);
  }

  /** In the process of a trainer: where that is stopped, when it goes on. */
  #at(node: Node, milliseconds: number, what: () => void | Promise<void>): void {
    this.#later(milliseconds, async () => {
      if (node.stoppedUntil > this.#now) this.#at(node, node.stoppedUntil - this.#now, what);
      else await what();
    });
  }

  get #way(): number {
    return this.#options.way ?? WAY;
  }

  #chance(): number {
    return 0.5 + this.#rng.uniform(this.#draws++);
  }

  #tick(): void {
    this.#synchronize({ kind: 'tick' });
    this.#later(TICK_MS, () => this.#tick());
  }

  #every(node: () => Node, milliseconds: number, what: () => void): () => void {
    let ended = false;
    const again = (): void => {
      if (ended) return;
      what();
      this.#at(node(), milliseconds, again);
    };
    this.#at(node(), milliseconds, again);
    return () => {
      ended = true;
    };
  }

  #kill(node: Node): void {
    node.alive = false;
    node.driver.stop();
    this.#synchronize({ kind: 'disconnected', key: node.key });
  }

  #revive(node: Node): void {
    this.#killed.push(node.driver);
    node.life++;
    node.alive = true;
    node.driver = this.#newDriver(this.#nodes.indexOf(node), node.keys, () => node, node.life);
    this.#begin(node);
  }

  #newSynchronizer(): SynchronizerDriver {
    return new SynchronizerDriver(
      {
        store: {
          persist: (_run, value, { done }) => {
            this.#keep(value);
            done();
          },
          log: (_run, event, { done }) => {
            this.#log.push(event);
            done();
          },
          keep: (_stream, _value, { done }) => done(),
        },
        ledger: (effect) => {
          if (effect.kind === 'verdict') this.#verdicts.push(effect.verdict);
          else this.#audited = true;
        },
        revoke: ({ key, reason }) => {
          this.#revoked.push(key);
          this.#synchronize({ kind: 'expelled', key, reason });
        },
        trainers: {
          send: (to, message) => this.#tell(to, message),
          reconnect: () => undefined,
          dismiss: () => undefined,
        },
        work: (effect) => this.#later(WORK, () => this.#own(effect)),
        now: () => this.#now,
        failed: (error) => {
          throw error;
        },
      },
      emptySynchronizer(0, { ...LIMITS, ...this.#options.limits }),
    );
  }

  #tell(to: string, message: Message): void {
    const node = this.#nodes.find((n) => n.key === to);
    if (!node) return;
    this.#at(node, this.#way, () => {
      if (node.alive) node.driver.hear(message);
    });
  }

  #synchronize(event: SynchronizerEvent): void {
    this.#sync.happen(event);
  }

  async #own(effect: SynchronizerEffect & { kind: 'verify' | 'check' | 'audit' | 'pledge' }): Promise<void> {
    const { deployment } = this.#made;
    if (effect.kind === 'pledge') {
      this.#synchronize({ ...effect, kind: 'pledged', secret: `secret of term ${effect.term}` });
      return;
    }
    if (effect.kind === 'audit') {
      this.#synchronize(await this.#audit(effect));
      return;
    }
    if (effect.kind === 'verify') {
      const { run, term, shard, calls } = effect.part;
      const problem = await this.#verifier.problemOf(deployment, effect.part, effect.owner);
      const event = { kind: 'verified', run, term, shard, calls } as const;
      const moved = problem === undefined ? this.#verifier.movesOf(effect.part) : undefined;
      this.#synchronize({ ...event, ...(problem === undefined ? {} : { problem }), ...(moved ? { moved } : {}) });
      return;
    }
    const { run, calls, parts } = effect;
    const { checking, checker = referenceDevice } = this.#options;
    if (checking === 'not-here') {
      this.#synchronize({ kind: 'checked', run, calls, problem: 'it does not fit' });
      return;
    }
    const { plan, shards = [] } = this.#options.plan;
    const sources = shards.map(({ program, schedule }, i) => ({ executable: this.#executable(i, program), schedule }));
    const values = await recompute({ deployment, parts }, plan, sources, checker, async (hash) => this.#blob(hash));
    this.#synchronize({ kind: 'checked', run, calls, values });
  }

  /** From the records as they lie with their trainer. */
  async #audit(asked: AskedAudit): Promise<SynchronizerEvent> {
    const i = this.#nodes.findIndex(({ key }) => key === asked.trainer);
    const { auditor = referenceDevice, alsoBy } = this.#options;
    const audit: HostedAudit = {
      ...{ isThere: this.#nodes[i]?.alive ?? false, deployment: this.#made.deployment },
      folder: join(this.#options.records ?? '', String(i), asked.run),
      ...{ device: this.#deviceOf(i), auditor },
      blob: async (hash) => this.#blob(hash),
      put: (bytes) => this.#put(bytes),
      ask: (trainer, order) => this.#asked(trainer, order),
      sourceOf: async (shard) => {
        const part = this.#options.plan.shards?.[shard];
        if (!part) throw new Error(`no shard ${shard}`);
        return { schedule: part.schedule, executable: this.#executable(shard, part.program) };
      },
    };
    return auditedByAll(asked, audit, alsoBy);
  }

  /** On its own device, if it is there. */
  async #asked(key: string, order: AuditOrder): Promise<Outputs | undefined> {
    const i = this.#nodes.findIndex((node) => node.key === key);
    if (!this.#nodes[i]?.alive) return undefined;
    return repeatedBy(order, {
      ...{ device: this.#deviceOf(i), blob: async (hash) => this.#blob(hash) },
      openPlan: (files, shard) => this.#openPlan(files, shard),
      says: (found) => this.#options.auditing?.(i, found, order) ?? found,
    });
  }

  #deviceOf(i: number): Device {
    return this.#options.device?.(i) ?? referenceDevice;
  }

  /** To the synchronizer. */
  #say(node: Node, message: Message): void {
    if (!node.alive) return;
    const blob = (hash: string): Uint8Array => this.#blob(hash);
    const putBlob = (bytes: Uint8Array): string => this.#put(bytes);
    const liar = { trainer: this.#nodes.indexOf(node), keys: node.keys, now: this.#now, putBlob, blob };
    const said = this.#options.lie?.(message, liar) ?? [message];
    for (const one of said) this.#later(this.#way, () => this.#synchronize(entered(this.#sync.state, node.key, one)));
  }

  #blob(hash: string): Uint8Array {
    return this.#blobs.get(hash) ?? new Uint8Array();
  }

  #put(bytes: Uint8Array): string {
    const hash = hex(sha256(bytes));
    this.#blobs.set(hash, bytes);
    return hash;
  }

  #keep(run: StoredRun): void {
    this.#run = run;
    for (const { calls, parts } of run.manifests) this.#manifests.set(calls, parts);
  }

  /** Packets of one trainer for another arrive in the order in which they were sent, whenever that is. */
  #carry(from: Node, packet: Uint8Array, to: string): void {
    const way = `${from.key}/${to}`;
    const arrives = this.#faults.relayed(packet);
    const at = Math.max(this.#now + this.#way * this.#chance(), this.#arrival.get(way) ?? 0);
    this.#arrival.set(way, at);
    const node = this.#nodes.find((n) => n.key === to);
    if (!node || !arrives) return;
    this.#at(node, at - this.#now, () => {
      if (node.alive) node.driver.receive(arrives, 'relay');
    });
  }
}
