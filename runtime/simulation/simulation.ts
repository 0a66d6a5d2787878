/**
 * A mesh in virtual time: the state machines of the real one, with a network, a clock, kills and returns that follow
 * from a seed alone. Devices are times, frames are counts; membership, leases, epochs, snapshots and take-over are the
 * real thing. The same seed gives the same trace, event by event.
 */
import { stream } from '../../spec/random.ts';
import type { Ending } from '../driver/ending.ts';
import { SynchronizerDriver } from '../driver/synchronizer-driver.ts';
import { TrainerDriver } from '../driver/trainer-driver.ts';
import { emptySynchronizer, TICK_MS } from '../roles/synchronizer.ts';
import type { StoredRun, SynchronizerEvent } from '../roles/synchronizer-state.ts';
import type { Message } from '../wire/messages.ts';
import type { StretchName } from '../wire/ticket.ts';
import { EventQueue } from './event-queue.ts';
import { GatheredSigns } from './gathered-signs.ts';
import { Invariants, type Living } from './invariants.ts';
import { limitsFor, received, wordOf } from './simulated-audits.ts';
import type { SimulatedEnd, SimulationOptions, SimulationResult } from './simulation-shapes.ts';
import { answerTo } from './virtual-devices.ts';
import { type SimulatedRun, VirtualHost } from './virtual-host.ts';
import { VirtualPredictor } from './virtual-predictor.ts';
import { type VirtualShard, virtualStateBehind } from './virtual-shard.ts';

export type { SimulatedEnd, SimulationOptions, SimulationResult } from './simulation-shapes.ts';

type Happening =
  | { readonly kind: 'tick' }
  | { readonly kind: 'beat'; readonly node: number; readonly life: number; readonly beat: Beat }
  | { readonly kind: 'up'; readonly node: number }
  | { readonly kind: 'down'; readonly node: number; readonly life: number }
  | { readonly kind: 'connect'; readonly node: number; readonly life: number }
  | { readonly kind: 'deploy'; readonly run: SimulatedRun }
  | { readonly kind: 'to-synchronizer'; readonly node: number; readonly connection: number; readonly message: Message }
  | { readonly kind: 'to-trainer'; readonly node: number; readonly connection: number; readonly message: Message }
  /** Of a shard of the node: what was under way has ended. */
  | { readonly kind: 'work'; readonly node: number; readonly life: number; readonly what: () => void }
  | { readonly kind: 'packet'; readonly node: number; readonly packet: Uint8Array }
  /** Of what the synchronizer has asked its own machine. */
  | { readonly kind: 'answer'; readonly event: SynchronizerEvent }
  | { readonly kind: 'predictor'; readonly what: () => void }
  /** Signs of life have waited for others. */
  | { readonly kind: 'signs' }
  | { readonly kind: 'synchronizer-down' }
  | { readonly kind: 'synchronizer-up' };

interface Beat {
  readonly milliseconds: number;
  readonly what: () => void;
  isOver: boolean;
}

interface Node {
  readonly key: string;
  life: number;
  alive: boolean;
  /** Number of its connection; 0: none. */
  connection: number;
  /** Of this life. */
  driver: TrainerDriver<VirtualShard>;
  /** When the newest message on its connection arrives. */
  readonly arrival: Record<'up' | 'down', number>;
}

const RECONNECT_MS = 250;
/** As a synchronizer's node gathers signs of life. */
const GATHER_MS = 50;
const CORES = 2;
const ALL_MEMORY = 1e12;
const HASH_DIGITS = 64;
const ENDED: readonly string[] = ['done', 'failed'];
/** Milliseconds in which the synchronizer's machine looks at a blob. */
const LOOK_MS = 5;
/** Losses of a predictor's questions, as many times as those of messages: each is several. */
const QUESTION_LOSSES = 20;
const FNV = 0x01000193;

function keyOf(node: number): string {
  return `node-${node}`;
}

function stretchKey({ run, shard, term, from }: StretchName): string {
  return `${run}/${shard}/${term}/${from}`;
}

function livingOf({ key, life, connection, driver }: Node): Living {
  return { key, life, connected: connection !== 0, shards: Object.values(driver.state.shards) };
}

export function simulate(options: SimulationOptions): SimulationResult {
  return new Simulation(options).run();
}

class Simulation {
  readonly #options: SimulationOptions;
  readonly #queue = new EventQueue<Happening>();
  readonly #nodes: Node[];
  readonly #predictor: VirtualPredictor | undefined;
  readonly #rng;
  readonly #stored = new Map<string, StoredRun>();
  /** By name: those that were deployed. */
  readonly #runs = new Map<string, SimulatedRun & { readonly at: number }>();
  readonly #ends = new Map<string, number>();
  /** States that stretches begin from, as their trainers have them. */
  readonly #records = new Map<string, number>();
  readonly #indexOf: ReadonlyMap<string, number>;
  readonly #invariants = new Invariants();
  readonly #signs = new GatheredSigns((event) => this.#sync?.happen(event));
  #draws = 0;
  #now = 0;
  #connections = 0;
  /** Of the life of now. */
  #sync: SynchronizerDriver | undefined;
  #kills = 0;
  #withoutRoom = 0;
  #trace = 0x811c9dc5;
  readonly #time = new Float64Array(1);
  readonly #timeBits = new Uint32Array(this.#time.buffer);
  #events = 0;

  constructor(options: SimulationOptions) {
    this.#options = options;
    this.#rng = stream(options.seed, 'simulation');
    this.#predictor = options.requests ? this.#openPredictor(options.requests) : undefined;
    this.#indexOf = new Map(Array.from({ length: options.nodes }, (_, i) => [keyOf(i), i]));
    this.#nodes = Array.from({ length: options.nodes }, (_, i) => ({
      key: keyOf(i),
      life: 0,
      alive: false,
      connection: 0,
      arrival: { up: 0, down: 0 },
      driver: this.#newDriver(i, 0),
    }));
  }

  run(): SimulationResult {
    const { faults, until, beside = [], isOver } = this.#options;
    this.#restart();
    for (const node of this.#nodes.keys()) this.#queue.add(this.#uniform() * 1000, { kind: 'up', node });
    if (faults.synchronizerLives)
      this.#queue.add(this.#exponential(faults.synchronizerLives), { kind: 'synchronizer-down' });
    this.#queue.add(TICK_MS, { kind: 'tick' });
    this.#deploy(this.#options);
    for (const run of beside) this.#queue.add(run.at, { kind: 'deploy', run });
    for (let next = this.#queue.next(); next && next.at <= until; next = this.#queue.next()) {
      this.#now = next.at;
      this.#note(next.at, next.what.kind, 'node' in next.what ? next.what.node : -1);
      this.#happen(next.what);
      for (const [run, { phase }] of this.#stored)
        if (ENDED.includes(phase) && !this.#ends.has(run)) this.#ends.set(run, this.#now);
      if (this.#ends.size === 1 + beside.length || isOver?.()) break;
    }
    const served = this.#predictor?.end();
    const runs = [this.#options, ...beside].map(({ deployment }) => this.#endOf(deployment.run));
    return {
      ...(served ? { served } : {}),
      phase: runs[0]?.phase ?? 'none',
      time: this.#now,
      epochs: runs[0]?.epochs ?? 0,
      runs,
      kills: this.#kills,
      withoutRoom: this.#withoutRoom,
      longestWithoutOwner: this.#invariants.longestWithoutOwner,
      violations: [...this.#invariants.violations, ...(served?.violations ?? [])],
      trace: (this.#trace >>> 0).toString(16).padStart(8, '0'),
      events: this.#events,
    };
  }

  #endOf(run: string): SimulatedEnd {
    const { phase = 'none', term = 0, manifests = [] } = this.#stored.get(run) ?? {};
    const time = (this.#ends.get(run) ?? this.#now) - (this.#runs.get(run)?.at ?? this.#now);
    return { run, phase, time, epochs: term, parts: manifests.at(-1)?.parts ?? [] };
  }

  /** While the mesh is away, its user tries again. */
  #deploy(run: SimulatedRun): void {
    const { deployment } = run;
    if (!this.#sync) {
      this.#queue.add(this.#now + RECONNECT_MS, { kind: 'deploy', run });
      return;
    }
    this.#runs.set(deployment.run, { ...run, at: this.#now });
    this.#synchronize({ kind: 'deploy', deployment, hash: '0'.repeat(HASH_DIGITS) });
  }

  #happen(what: Happening): void {
    switch (what.kind) {
      case 'tick':
        this.#queue.add(this.#now + TICK_MS, { kind: 'tick' });
        if (this.#sync) this.#synchronize({ kind: 'tick' });
        if (this.#sync) this.#invariants.gives(this.#sync.state);
        this.#invariants.owns([...this.#stored.values()], this.#now, this.#nodes.filter((n) => n.alive).map(livingOf));
        return;
      case 'deploy':
        this.#deploy(what.run);
        return;
      case 'up':
        this.#up(what.node);
        return;
      case 'down':
        if (this.#is(what.node, what.life)) this.#down(what.node);
        return;
      case 'connect':
        if (this.#is(what.node, what.life)) this.#connect(what.node);
        return;
      case 'beat':
        if (this.#is(what.node, what.life) && !what.beat.isOver) {
          this.#queue.add(this.#now + what.beat.milliseconds, what);
          this.#drive(what.node, what.beat.what);
        }
        return;
      case 'work':
        if (this.#is(what.node, what.life)) this.#drive(what.node, what.what);
        return;
      case 'packet':
        this.#drive(what.node, ({ driver }) => driver.receive(what.packet, 'relay'));
        return;
      case 'to-synchronizer':
        if (this.#sync && this.#node(what.node).connection === what.connection)
          this.#synchronize(received(this.#node(what.node).key, what.message, this.#options.audits));
        return;
      case 'to-trainer':
        if (this.#node(what.node).connection === what.connection)
          this.#drive(what.node, ({ driver }) => driver.hear(what.message));
        return;
      case 'answer':
        this.#synchronize(what.event);
        return;
      case 'signs':
        this.#signs.flush();
        return;
      case 'predictor':
        what.what();
        return;
      case 'synchronizer-down':
        this.#kills++;
        this.#sync?.stop();
        this.#sync = undefined;
        this.#signs.drop();
        for (const node of this.#nodes.keys()) this.#break(node);
        this.#queue.add(this.#now + 500 + 1000 * this.#uniform(), { kind: 'synchronizer-up' });
        return;
      case 'synchronizer-up': {
        this.#restart();
        const { synchronizerLives } = this.#options.faults;
        if (synchronizerLives)
          this.#queue.add(this.#now + this.#exponential(synchronizerLives), { kind: 'synchronizer-down' });
      }
    }
  }

  #openPredictor(requests: number): VirtualPredictor {
    const { deployment, faults, seed } = this.#options;
    return new VirtualPredictor({
      requests,
      loss: QUESTION_LOSSES * faults.loss,
      latency: faults.latency,
      // Chance of its own: the training goes as it would without a predictor.
      rng: stream(seed, 'predictor'),
      now: () => this.#now,
      later: (milliseconds, what) => this.#queue.add(this.#now + milliseconds, { kind: 'predictor', what }),
      newest: () => {
        if (!this.#sync) return 'the mesh is away';
        return this.#stored.get(deployment.run)?.manifests.at(-1)?.calls ?? 'there is no snapshot yet';
      },
    });
  }

  #up(index: number): void {
    const node = this.#node(index);
    node.life++;
    node.alive = true;
    node.driver = this.#newDriver(index, node.life);
    const { lives } = this.#options.faults;
    if (lives) this.#queue.add(this.#now + this.#exponential(lives), { kind: 'down', node: index, life: node.life });
    this.#queue.add(this.#now, { kind: 'connect', node: index, life: node.life });
    node.driver.start();
  }

  #down(index: number): void {
    const node = this.#node(index);
    this.#kills++;
    node.alive = false;
    node.driver.stop();
    this.#break(index);
    this.#queue.add(this.#now + this.#exponential(this.#options.faults.away ?? 5000), { kind: 'up', node: index });
  }

  #connect(index: number): void {
    const node = this.#node(index);
    if (node.connection !== 0) return;
    if (!this.#sync) {
      this.#queue.add(this.#now + RECONNECT_MS, { kind: 'connect', node: index, life: node.life });
      return;
    }
    node.connection = ++this.#connections;
    const memory = this.#memoryOf(index);
    const capability = { cores: CORES, memory, rate: 1e9, upload: 0, download: 0, machine: node.key };
    const instance = node.life.toString(16).padStart(16, '0');
    this.#up2sync(index, { type: 'member', name: node.key, instance, capability, ...wordOf(this.#options.audits) });
    this.#drive(index, ({ driver }) => driver.connected());
  }

  /** The connection is gone with everything on its way. */
  #break(index: number): void {
    const node = this.#node(index);
    if (node.connection === 0) return;
    node.connection = 0;
    if (this.#sync) this.#synchronize({ kind: 'disconnected', key: node.key });
    if (!node.alive) return;
    this.#drive(index, ({ driver }) => driver.disconnected());
    this.#queue.add(this.#now + RECONNECT_MS, { kind: 'connect', node: index, life: node.life });
  }

  #up2sync(index: number, message: Message): void {
    const { connection } = this.#node(index);
    if (connection === 0) return;
    if (this.#uniform() < this.#options.faults.loss) this.#break(index);
    else this.#queue.add(this.#inOrder(index, 'up'), { kind: 'to-synchronizer', node: index, connection, message });
  }

  /** When a message arrives: none overtakes another on one connection. */
  #inOrder(index: number, way: 'up' | 'down'): number {
    const { arrival } = this.#node(index);
    arrival[way] = Math.max(arrival[way], this.#now + this.#delay());
    return arrival[way];
  }

  #synchronize(event: SynchronizerEvent): void {
    if (this.#sync && this.#signs.add(event)) this.#queue.add(this.#now + GATHER_MS, { kind: 'signs' });
  }

  /** A synchronizer that knows what is stored. */
  #restart(): void {
    const { note } = this.#options;
    const done = ({ done: ended }: Ending<void>): void => ended();
    this.#sync = new SynchronizerDriver(
      {
        store: {
          persist: (run, value, ending) => {
            this.#stored.set(run, structuredClone(value));
            ending.done();
          },
          log: (_run, _event, ending) => done(ending),
          keep: (_stream, _value, ending) => done(ending),
        },
        trainers: {
          send: (to, message) => this.#down2trainer(to, message),
          reconnect: (key) => {
            const index = this.#indexOf.get(key);
            if (index !== undefined) this.#break(index);
          },
          dismiss: () => undefined,
        },
        work: (effect) => this.#queue.add(this.#now + LOOK_MS, { kind: 'answer', event: this.#answerTo(effect) }),
        now: () => this.#now,
        ...(note ? { note } : { forgetful: true as const }),
        failed: (error) => {
          throw error;
        },
      },
      emptySynchronizer(this.#now, limitsFor(this.#options.audits)),
    );
    this.#sync.restore([...this.#stored.values()]);
  }

  #answerTo(effect: Parameters<typeof answerTo>[0]): SynchronizerEvent {
    const isThere = (key: string): boolean => this.#nodes.some((n) => n.key === key && n.connection !== 0);
    const stateOf = (stretch: StretchName, calls: number): string => {
      const deployment = this.#runs.get(stretch.run)?.deployment;
      const state = this.#records.get(stretchKey(stretch));
      return deployment && state !== undefined ? virtualStateBehind(deployment, stretch, state, calls) : '';
    };
    return answerTo(effect, isThere, stateOf, this.#options.audits?.says);
  }

  #down2trainer(key: string, message: Message): void {
    const index = this.#indexOf.get(key);
    if (index === undefined) return;
    const { connection } = this.#node(index);
    if (connection === 0) return;
    if (this.#uniform() < this.#options.faults.loss) this.#break(index);
    else this.#queue.add(this.#inOrder(index, 'down'), { kind: 'to-trainer', node: index, connection, message });
  }

  /** In any case, no shard may have two holders. */
  #drive(index: number, what: (node: Node) => void): void {
    const node = this.#node(index);
    if (!node.alive) return;
    what(node);
    this.#invariants.holds(livingOf(node));
  }

  #memoryOf(node: number): number {
    return this.#options.memory?.(node) ?? ALL_MEMORY;
  }

  /** A trainer whose network, clock and shards are made up. */
  #newDriver(index: number, life: number): TrainerDriver<VirtualShard> {
    const key = keyOf(index);
    const later = (milliseconds: number, what: () => void): void =>
      this.#queue.add(this.#now + milliseconds, { kind: 'work', node: index, life, what });
    const host = new VirtualHost({
      ...{ key, later, cores: CORES, memory: this.#memoryOf(index) },
      lies: (calls) => this.#options.audits?.lie?.(index, calls) ?? false,
      keep: (stretch, state) => this.#records.set(stretchKey(stretch), state),
      uniform: () => this.#uniform(),
      runOf: (run) => this.#runs.get(run),
      withoutRoom: () => {
        this.#withoutRoom++;
      },
    });
    return new TrainerDriver<VirtualShard>({
      link: {
        send: (message) => this.#up2sync(index, message),
        carry: (packet, to) => this.#carry(packet, to),
        meet: () => undefined,
        refused: () => 0,
        leave: () => undefined,
      },
      clock: {
        now: () => this.#now,
        every: (milliseconds, what) => {
          const beat: Beat = { milliseconds, what, isOver: false };
          this.#queue.add(this.#now + milliseconds, { kind: 'beat', node: index, life, beat });
          return () => {
            beat.isOver = true;
          };
        },
      },
      host,
      log: () => undefined,
    });
  }

  /** From trainer to trainer. */
  #carry(packet: Uint8Array, to: string): void {
    const node = this.#indexOf.get(to);
    if (node !== undefined) this.#queue.add(this.#now + this.#delay(), { kind: 'packet', node, packet });
  }

  #node(index: number): Node {
    const node = this.#nodes[index];
    if (!node) throw new Error(`no node ${index}`);
    return node;
  }

  #is(index: number, life: number): boolean {
    const node = this.#node(index);
    return node.alive && node.life === life;
  }

  #delay(): number {
    const { latency, jitter } = this.#options.faults;
    return latency + jitter * this.#uniform();
  }

  #uniform(): number {
    return this.#rng.uniform(this.#draws++);
  }

  #exponential(mean: number): number {
    return -mean * Math.log(1 - this.#uniform());
  }

  /** FNV-1a over all bits of the time, what happens and where. */
  #note(at: number, kind: string, node: number): void {
    this.#events++;
    this.#time[0] = at;
    const [low = 0, high = 0] = this.#timeBits;
    let trace = Math.imul(this.#trace ^ low, FNV);
    trace = Math.imul(trace ^ high, FNV);
    trace = Math.imul(trace ^ node, FNV);
    for (let i = 0; i < kind.length; i++) trace = Math.imul(trace ^ kind.charCodeAt(i), FNV);
    this.#trace = trace;
  }
}
