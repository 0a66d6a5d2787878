/**
 * What an attacked mesh has really computed: the owners of each term, as virtual time has found them, train the shards, each
 * bad one in its own way. Every audit is a replay, from the state at the beginning of its stretch and the frames that
 * came, held against what the trainer has sent and signed, as an auditor does it.
 */
import { createHash } from 'node:crypto';
import { differenceOf, type OutputWindow, type ShardOutputs } from '../../runtime/audit/outputs.ts';
import type { DeviceSession, FieldData, Tensor } from '../../runtime/device/device.ts';
import { Lockstep } from '../../runtime/shard/lockstep.ts';
import { openSession, type ShardSession } from '../../runtime/shard/session.ts';
import { fillStates } from '../../runtime/shard/shard.ts';
import { UserError } from '../../runtime/support/errors.ts';
import type { Frame } from '../../runtime/training/frame.ts';
import { stream } from '../../spec/random.ts';
import { openReference } from '../support/reference.ts';
import { type Behaviour, CLASSES, type DeviceRun, type Results } from './behaviours.ts';
import { BATCHES, LABELS, type Network, rightOf, type Samples, testBatches, trainingBatch } from './network.ts';
import { actsIn, type MeshOptions, type MeshOutcome, SNAPSHOT, STRETCH, type Term } from './virtual-mesh.ts';

export interface Numbers {
  /** Share of the test samples that the trained weights classify rightly. */
  readonly accuracy: number;
  /** Audits that were done again, and those that come out otherwise than virtual time has taken for granted. */
  readonly replayed: number;
  readonly otherwise: readonly string[];
  /** The call in which values were no longer finite: nothing was computed behind it. */
  readonly broke?: number;
}

type States = ReadonlyMap<string, Tensor>;

interface Part {
  readonly name: string;
  readonly callIndex: number;
  readonly fields: Readonly<Record<string, FieldData>>;
  readonly batch: number;
}

/** What goes in and out of a shard in a stretch under audit. */
interface Recorded {
  readonly before: States;
  readonly parts: Part[];
  readonly came: Frame[];
  readonly went: Frame[];
}

/**
 * Of one seed: what honest work makes of a state, by the calls behind it and its hash. Who begins honest work where another
 * run has begun it, or has passed, comes to the same weights: it is not done again.
 */
export type HonestEnds = Map<string, number>;

export async function numbersOf(
  network: Network,
  options: MeshOptions,
  mesh: Attacked,
  behaviour: Behaviour | undefined,
  ends: HonestEnds = new Map(),
): Promise<Numbers> {
  return new TrainedMesh(network, options, mesh, behaviour, ends).run();
}

type Attacked = Pick<MeshOutcome, 'terms' | 'judged' | 'bad' | 'calls'>;

class TrainedMesh {
  readonly #network: Network;
  readonly #options: MeshOptions;
  readonly #mesh: Attacked;
  readonly #ends: HonestEnds;
  readonly #behaviour: Behaviour | undefined;
  readonly #devices: DeviceSession[] = [];
  readonly #recording = new Map<number, Recorded>();
  readonly #last: Map<string, Results>[] = [];
  readonly #normals;
  #draws = 0;
  #isCalm = false;
  #lockstep: Lockstep | undefined;
  #calls = 0;
  #owners: readonly number[] = [];
  /** The call under way, from 0. */
  #call = 0;
  #replayed = 0;
  readonly #otherwise: string[] = [];
  #tests: readonly Samples[] = [];

  constructor(
    network: Network,
    options: MeshOptions,
    mesh: Attacked,
    behaviour: Behaviour | undefined,
    ends: HonestEnds,
  ) {
    this.#network = network;
    this.#options = options;
    this.#mesh = mesh;
    this.#behaviour = behaviour;
    this.#ends = ends;
    this.#normals = stream(options.seed, 'noise');
  }

  async run(): Promise<Numbers> {
    try {
      this.#tests = testBatches(this.#options.seed, this.#network.predicted);
      return { accuracy: await this.#trainAll(), ...this.#found };
    } catch (error) {
      if (!(error instanceof UserError) || error.code !== 'energy/not-finite') throw error;
      return { accuracy: 1 / CLASSES, broke: this.#call, ...this.#found };
    }
  }

  get #found(): Pick<Numbers, 'replayed' | 'otherwise'> {
    return { replayed: this.#replayed, otherwise: this.#otherwise };
  }

  /** @returns the accuracy in the end */
  async #trainAll(): Promise<number> {
    const { terms, judged, calls } = this.#mesh;
    await this.#open();
    const passed: string[] = [];
    const snapshots = new Map<number, readonly States[]>([[0, await this.#states()]]);
    for (const [i, term] of terms.entries()) {
      const begin = snapshots.get(term.from);
      if (!begin) throw new Error(`no snapshot behind ${term.from} calls`);
      for (const [shard, states] of begin.entries()) await write(this.#devices[shard], states);
      this.#owners = term.owners;
      const isHonest = terms.slice(i).every(({ owners }) => !this.#mayBeBad(owners));
      const known = isHonest ? this.#ends.get(nameOf(term.from, begin)) : undefined;
      if (known !== undefined) return known;
      if (isHonest) passed.push(nameOf(term.from, begin));
      // What follows is honest work, whose audits the clean run of the seed has replayed: only the weights count here.
      this.#isCalm = isHonest && this.#behaviour !== undefined;
      const until = Math.max(
        terms[i + 1]?.from ?? calls,
        ...judged.filter((j) => j.term === term.term).map((j) => j.to),
      );
      for (let call = term.from; call < until; call++) {
        await this.#train(term, call);
        const isWanted = terms.some(({ from }) => from === call + 1);
        if (!isWanted && !(isHonest && (call + 1) % SNAPSHOT === 0)) continue;
        const states = await this.#states();
        if (isWanted) snapshots.set(call + 1, states);
        if (isHonest) passed.push(nameOf(call + 1, states));
      }
    }
    this.#owners = [];
    const accuracy = await this.#accuracy();
    for (const name of passed) this.#ends.set(name, accuracy);
    return accuracy;
  }

  /** Whether one of these owners is bad, and has the shard where it would be. */
  #mayBeBad(owners: readonly number[]): boolean {
    const { on } = this.#behaviour ?? {};
    return owners.some((node, shard) => (on === undefined || shard === LABELS) && this.#mesh.bad.includes(node));
  }

  async #open(): Promise<void> {
    const sessions: ShardSession[] = [];
    for (const [shard, { program, schedule }] of this.#network.shards.entries()) {
      const device = await openReference(program);
      await fillStates(device, program.states, { seed: this.#options.seed, statistics: new Map() });
      this.#devices.push(device);
      this.#last.push(new Map());
      const run: DeviceSession['run'] = (name, inputs, position) =>
        this.#run(shard, device, { name, inputs, position });
      sessions.push(this.#recorded(shard, openSession(schedule, { program, files: new Map() }, { run })));
    }
    this.#lockstep = new Lockstep(sessions);
  }

  /** Keeps what a shard sends and gets while its stretch is to be audited. */
  #recorded(shard: number, session: ShardSession): ShardSession {
    return {
      ...{ shard, schedule: session.schedule },
      start: (part) => {
        const feed = part.name === 'train' && this.#isBad(shard) ? this.#behaviour?.feed : undefined;
        session.start(feed ? { ...part, inputs: feed(part.inputs) } : part);
      },
      reset: () => session.reset(),
      isFree: (message) => session.isFree(message),
      deliver: (frame, areFinite) => {
        this.#recording.get(shard)?.came.push(frame);
        return session.deliver(frame, areFinite);
      },
      advance: async () => {
        const step = await session.advance();
        if (step.kind === 'send') this.#recording.get(shard)?.went.push(...step.frames);
        return step;
      },
    };
  }

  async #run(
    shard: number,
    device: DeviceSession,
    { name, inputs, position }: Pick<DeviceRun, 'name' | 'inputs' | 'position'>,
  ): Promise<Results> {
    const [last, behaviour] = [this.#last[shard], this.#behaviour];
    const honest = (): Promise<Results> => device.run(name, inputs, position);
    const results = await (behaviour?.run && this.#isBad(shard)
      ? behaviour.run({
          ...{ name, inputs, position, honest, call: this.#call },
          isEvaluation: name.startsWith('predict'),
          last: last?.get(name),
          states: { ids: this.#learned(shard), read: device.read, write: device.write },
          normal: () => this.#normals.normal(this.#draws++),
        })
      : honest());
    if (behaviour && this.#isBad(shard)) for (const values of Object.values(results)) keepWithin(values);
    if (behaviour) last?.set(name, Object.fromEntries(Object.entries(results).map(([n, v]) => [n, v.slice()])));
    return results;
  }

  #isBad(shard: number): boolean {
    const node = this.#owners[shard];
    const { on } = this.#behaviour ?? {};
    if (node === undefined || !this.#mesh.bad.includes(node)) return false;
    if (on !== undefined && shard !== LABELS) return false;
    return actsIn(this.#options, node, this.#call + 1);
  }

  #learned(shard: number): string[] {
    return (this.#network.shards[shard]?.program.states ?? []).filter((s) => s.role !== 'value').map((s) => s.id);
  }

  async #train({ term }: Term, call: number): Promise<void> {
    this.#call = call;
    const judged = this.#isCalm ? [] : this.#mesh.judged;
    const begins = judged.filter((j) => j.term === term && j.from === call);
    for (const { shard } of begins)
      this.#recording.set(shard, { before: await this.#statesOf(shard), parts: [], came: [], went: [] });
    const { x, y } = trainingBatch(this.#options.seed, call);
    await this.#carryOut('train', { x, y }, call);
    if (!this.#isCalm && (call + 1) % BATCHES === 0)
      await this.#carryOut(this.#network.prediction, this.#tests[0] as Samples, 0);
    for (const ended of judged.filter((j) => j.term === term && j.to === call + 1)) await this.#audit(ended);
  }

  async #carryOut(name: string, fields: Samples | Part['fields'], batch: number): Promise<Results> {
    const part: Part = { name, callIndex: this.#calls++, fields: { ...fields }, batch };
    for (const { parts } of this.#recording.values()) parts.push(part);
    const results = await this.#lockstep?.run(name, part.fields, positionOf(part));
    if (!results) throw new Error('it is not open');
    return results;
  }

  async #audit(judged: MeshOutcome['judged'][number]): Promise<void> {
    const { shard, to, node } = judged;
    const recorded = this.#recording.get(shard);
    if (!recorded) return;
    this.#recording.delete(shard);
    const signed = outputsOf(shard, await this.#statesOf(shard), recorded.went, this.#receivers(shard));
    const found = await this.#replay(shard, recorded);
    const wrong = differenceOf([signed], [found], to) !== undefined;
    this.#replayed++;
    const expected = this.#mesh.bad.includes(node) && judged.verdict === 'mismatch';
    // Of a trainer that has several shards, one that is sound says nothing against the verdict.
    const others = this.#mesh.judged.filter((j) => j.term === judged.term && j.from === judged.from && j.node === node);
    if (wrong !== expected && (others.length === 1 || wrong))
      this.#otherwise.push(`shard ${shard} of trainer ${node}, ${judged.from}-${to}: ${judged.verdict}`);
  }

  #receivers(shard: number): ReadonlyMap<number, number> {
    return new Map((this.#network.shards[shard]?.schedule.messages ?? []).map((m) => [m.id, m.to]));
  }

  async #replay(shard: number, { before, parts, came }: Recorded): Promise<ShardOutputs> {
    const source = this.#network.shards[shard];
    if (!source) throw new Error(`no shard ${shard}`);
    const device = await openReference(source.program);
    await write(device, before);
    const session = openSession(source.schedule, { program: source.program, files: new Map() }, device);
    for (const frame of came) session.deliver(frame);
    for (const part of parts)
      session.start({ ...part, inputs: part.fields, position: positionOf(part), microbatch: 0 });
    const went: Frame[] = [];
    for (let step = await session.advance(); step.kind !== 'idle'; step = await session.advance()) {
      if (step.kind === 'needs') break;
      if (step.kind === 'send') went.push(...step.frames);
    }
    const states = new Map<string, Tensor>();
    for (const id of this.#learned(shard)) states.set(id, await device.read(id));
    return outputsOf(shard, states, went, this.#receivers(shard));
  }

  async #statesOf(shard: number): Promise<States> {
    const states = new Map<string, Tensor>();
    const device = this.#devices[shard];
    for (const id of this.#learned(shard)) states.set(id, (await device?.read(id)) as Tensor);
    return states;
  }

  #states(): Promise<States[]> {
    return Promise.all(this.#devices.map((_, shard) => this.#statesOf(shard)));
  }

  async #accuracy(): Promise<number> {
    let right = 0;
    for (const samples of this.#tests) {
      const results = await this.#carryOut(this.#network.prediction, samples, 0);
      right += rightOf(results.y ?? [], samples);
    }
    return right / this.#tests.length;
  }
}

/** Larger values, and those that are not finite, are proved by their sender's own signature: who is bad sends none. */
const MOST = 1e4;

function keepWithin(values: Tensor): void {
  for (let i = 0; i < values.length; i++) values[i] = Math.max(-MOST, Math.min(MOST, values[i] || 0));
}

function positionOf({ batch }: Part): { batch: number; batches: number } {
  return { batch, batches: STRETCH * 1_000_000 };
}

function outputsOf(
  shard: number,
  states: States,
  went: readonly Frame[],
  receivers: ReadonlyMap<number, number>,
): ShardOutputs {
  const windows = new Map<
    string,
    { peer: number; call: number; packets: number; hash: ReturnType<typeof createHash> }
  >();
  for (const { message, callIndex: call, tick, values } of went) {
    const peer = receivers.get(message) ?? -1;
    const name = `${peer}/${call}`;
    const window = windows.get(name) ?? { peer, call, packets: 0, hash: createHash('sha256') };
    windows.set(name, window);
    window.packets++;
    window.hash.update(`${message} ${tick}`);
    for (const tensor of values) window.hash.update(bytesOf(tensor));
  }
  const hash = hashOf([states]);
  const made = [...windows.values()].map(
    ({ hash: root, ...window }): OutputWindow => ({ ...window, root: root.digest('hex') }),
  );
  return { shard, windows: made, hash, totals: {} };
}

/** Of the states of all shards behind so many calls. */
function nameOf(calls: number, states: readonly States[]): string {
  return `${calls} ${hashOf(states)}`;
}

function hashOf(shards: readonly States[]): string {
  const hash = createHash('sha256');
  for (const states of shards) for (const [id, tensor] of states) hash.update(id).update(bytesOf(tensor));
  return hash.digest('hex');
}

function bytesOf(tensor: Tensor): Uint8Array {
  return new Uint8Array(tensor.buffer, tensor.byteOffset, tensor.byteLength);
}

async function write(device: DeviceSession | undefined, states: States): Promise<void> {
  for (const [id, values] of states) await device?.write(id, values);
}
