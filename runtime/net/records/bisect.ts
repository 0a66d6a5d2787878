/**
 * A stretch that comes out otherwise than it was signed, followed to the first frame that differs: its leaf is the trainer's
 * own signed word. What was wrong in the run of the device that made the frame is tried: what gives the signed leaf, to the
 * bit, is what its trainer has done. On another device than the interpreter the interpreter settles the run: where the two
 * are further apart than devices may be, nothing is said against the trainer.
 */
import type { Op, Program, ProgramFunction } from '../../../spec/program.ts';
import type { FirstWrong } from '../../../spec/run-events.ts';
import { MAX_RIGHT } from '../../audit/first-wrong.ts';
import { apartOf, changeFor } from '../../audit/tolerance.ts';
import type { DeviceSession, Position, RunInput, Tensor } from '../../device/device.ts';
import { runOnce } from '../../device/reference/reference.ts';
import type { ShardSource } from '../../shard/shards.ts';
import type { Frame } from '../../training/frame.ts';
import { isPacked } from '../../wire/codec.ts';
import { type EncodedFrame, frameEncoder } from '../../wire/frame-encoder.ts';
import { hex } from '../../wire/hash.ts';
import { MAX_PAYLOAD_BYTES } from '../../wire/header.ts';
import { leafOf } from '../../wire/merkle.ts';
import { changedTensor } from '../compare-step.ts';
import { borderCodec, openShardDevice } from '../shard-device.ts';
import { hashOf } from '../streamed-state.ts';
import type { SentPacket, StretchRecord } from './read-record.ts';
import { frameKey, type RepeatOptions, repeatStretch } from './repeat.ts';
import { MAX_SHOWN_BYTES } from './reproduction.ts';

export interface Bisected {
  readonly first: FirstWrong;
  /** Why it is not certain that the trainer was wrong. */
  readonly unsettled?: string;
}

type States = ReadonlyMap<string, Tensor>;

/** One run of the device, as it was asked for. */
interface Run {
  readonly name: string;
  readonly inputs: Readonly<Record<string, RunInput>>;
  readonly position: Position;
  readonly results: Readonly<Record<string, Tensor>>;
  /** Before it. */
  readonly states: States;
  readonly call: number;
  readonly order: number;
}

/** What a shard has done so far. */
interface Trail {
  readonly record: StretchRecord;
  readonly source: ShardSource;
  readonly encode: (frame: Frame) => EncodedFrame;
  readonly sent: ReadonlyMap<string, readonly SentPacket[]>;
  /** The newest two of each function. */
  readonly runs: Map<string, readonly Run[]>;
  /** The newest of each message. */
  readonly frames: Map<number, Frame>;
  states: States | undefined;
  /** The newest run that has moved weights. */
  step: Run | undefined;
  call: number;
  order: number;
}

class Found extends Error {
  readonly shard: number;
  readonly to: number;
  readonly frame: Frame;

  constructor(shard: number, to: number, frame: Frame) {
    super('a frame differs');
    this.shard = shard;
    this.to = to;
    this.frame = frame;
  }
}

/** Operations of a run of which each is left out in turn. */
const MAX_TRIED = 300;
/** Weights times samples: beyond that the interpreter would take minutes. */
const MAX_SETTLED = 2e8;
const DRAWS = [0, 1, 2, 3] as const;

/**
 * @param records of one stretch that was found to differ, all shards of its trainer
 * @returns nothing where only sums differ, or it is too large
 */
export async function bisected(
  records: readonly StretchRecord[],
  options: RepeatOptions,
): Promise<Bisected | undefined> {
  if (records.some((record) => record.state().bytes > MAX_SHOWN_BYTES)) return undefined;
  const trails = new Map<number, Trail>();
  try {
    await repeatStretch(records, followed(records, options, trails));
  } catch (error) {
    if (!(error instanceof Found)) throw error;
    const trail = trails.get(error.shard);
    return trail && ofFrame(trail, error, options);
  }
  for (const trail of trails.values()) {
    const first = await ofState(trail, options);
    if (first) return { first };
  }
  return undefined;
}

function followed(
  records: readonly StretchRecord[],
  options: RepeatOptions,
  trails: Map<number, Trail>,
): RepeatOptions {
  const codec = borderCodec(options.device, options.deployment);
  return {
    ...options,
    sourceOf: async (shard) => {
      const source = await options.sourceOf(shard);
      const record = records.find(({ head }) => head.shard === shard);
      if (record)
        trails.set(shard, {
          ...{ record, source, encode: frameEncoder(codec, source.schedule), sent: packetsOf(record) },
          ...{ runs: new Map(), frames: new Map(), states: undefined, step: undefined, order: 0 },
          call: record.head.from,
        });
      return source;
    },
    observer: {
      running: (shard, device) => {
        const trail = trails.get(shard);
        return trail ? watched(trail, device) : undefined;
      },
      behind: async (shard, calls) => {
        const trail = trails.get(shard);
        if (trail) trail.call = calls;
      },
      sent: (shard, to, frame) => {
        const trail = trails.get(shard);
        if (!trail) return;
        const kept = { ...frame, values: frame.values.map((values) => values.slice() as Tensor) };
        if (!isAsSigned(trail, to, kept, trail.encode(kept).payload)) throw new Found(shard, to, kept);
        trail.frames.set(frame.message, kept);
      },
    },
  };
}

function packetsOf({ sent }: StretchRecord): Map<string, SentPacket[]> {
  const packets = new Map<string, SentPacket[]>();
  for (const packet of sent) {
    const { border: message, batch: callIndex, microbatch, tick } = packet.header;
    const name = `${packet.to}/${frameKey({ message, callIndex, microbatch, tick })}`;
    packets.set(name, [...(packets.get(name) ?? []), packet]);
  }
  return packets;
}

function isAsSigned({ sent }: Trail, to: number, frame: Frame, payload: Uint8Array): boolean {
  const packets = sent.get(`${to}/${frameKey(frame)}`) ?? [];
  const chunks = Math.max(1, Math.ceil(payload.length / MAX_PAYLOAD_BYTES));
  if (packets.length !== chunks) return false;
  return packets.every(({ headerBytes, leaf }, i) => {
    const chunk = payload.subarray(i * MAX_PAYLOAD_BYTES, (i + 1) * MAX_PAYLOAD_BYTES);
    return hex(leafOf(Buffer.concat([headerBytes, chunk]))) === hex(leaf);
  });
}

/** Keeps what goes into each run, and the states before it. */
function watched(trail: Trail, device: DeviceSession): DeviceSession['run'] {
  const { program } = trail.source.executable;
  return async (name, inputs, position) => {
    const f = functionOf(program, name);
    trail.states ??= await statesOf(
      device,
      program.states.map(({ id }) => id),
    );
    const states = trail.states;
    const kept = Object.fromEntries(Object.entries(inputs).map(([field, values]) => [field, values.slice()]));
    const made = await device.run(name, inputs, position);
    const results = Object.fromEntries(
      Object.entries(made).map(([result, values]) => [result, values.slice() as Tensor]),
    );
    const run: Run = { name, inputs: kept, position, results, states, call: trail.call, order: trail.order++ };
    trail.runs.set(name, [...(trail.runs.get(name) ?? []), run].slice(-2));
    if (f.updates.length > 0) {
      const moved = await statesOf(
        device,
        f.updates.map(({ state }) => state),
      );
      trail.states = new Map([...states, ...moved]);
      if (weightUpdates(program, f).length > 0) trail.step = run;
    }
    return made;
  };
}

async function statesOf(device: DeviceSession, ids: readonly string[]): Promise<Map<string, Tensor>> {
  const states = new Map<string, Tensor>();
  for (const id of new Set(ids)) states.set(id, await device.read(id));
  return states;
}

async function ofFrame(trail: Trail, { to, frame }: Found, options: RepeatOptions): Promise<Bisected | undefined> {
  const { device, deployment } = options;
  const { program } = trail.source.executable;
  const message = trail.source.schedule.messages.find(({ id }) => id === frame.message);
  const names = message?.values.map(({ name }) => name) ?? [];
  const makers = names.map((name) => makerOf(trail, name));
  const maker = makers.reduce(
    (last, one) => (one && (!last || one.run.order > last.run.order) ? one : last),
    undefined,
  );
  if (!maker) return undefined;
  const { run } = maker;
  const f = functionOf(program, run.name);
  const packed = isPacked(borderCodec(device, deployment));
  /** Whether it would have been signed so, had the run given this. */
  const explains = (results: Readonly<Record<string, Tensor>>): boolean => {
    if (packed) return false;
    const values = frame.values.map((own, i) => {
      const of = makers[i];
      return of?.run === run ? (results[of.result] ?? own) : own;
    });
    return isAsSigned(trail, to, frame, trail.encode({ ...frame, values }).payload);
  };
  const place = {
    ...{ border: to, tick: frame.tick, value: names[makers.indexOf(maker)] ?? '', run: run.name },
    right: [...(frame.values[0] ?? [])].slice(0, MAX_RIGHT).map((n) => (Number.isFinite(n) ? n : 0)),
  };
  const made = producerOf(f, maker.result);
  const firstOp = f.blocks.flatMap(({ ops }) => ops)[0] ?? made;
  const told = (op: Op | undefined, how: FirstWrong['how'], call = run.call, name = run.name): FirstWrong => ({
    ...place,
    ...{ call, run: name, how, operation: op?.id ?? maker.result, op: op?.op ?? 'result' },
    ...(op?.origin === undefined ? {} : { of: op.origin }),
  });
  const ended = async (first: FirstWrong): Promise<Bisected> => {
    const unsettled = await problemOfReference(run, program, options);
    return { first, ...(unsettled === undefined ? {} : { unsettled }) };
  };
  const before = trail.frames.get(frame.message);
  if (before && !packed && isAsSigned(trail, to, frame, trail.encode({ ...frame, values: before.values }).payload))
    return ended(told(firstOp, 'left-out'));
  if (explains(mapped(run.results, (values) => values.slice().fill(0) as Tensor))) return ended(told(firstOp, 'zeros'));
  const { step } = trail;
  if (step) {
    const weights = weightUpdates(program, functionOf(program, step.name)).map(({ state }) => state);
    const states = new Map(run.states);
    for (const state of weights) states.set(state, step.states.get(state) ?? new Float64Array(0));
    if (explains(await runWith(trail, run, states, options))) {
      const [update] = weightUpdates(program, functionOf(program, step.name));
      const op = producerOf(functionOf(program, step.name), update?.value ?? '', true);
      return ended(told(op, 'unmoved', step.call, step.name));
    }
  }
  const wrong = device.name === 'reference' && !packed ? wrongOperation(trail, run, program, explains) : undefined;
  return ended(wrong ? told(wrong.op, wrong.how) : told(made, 'other'));
}

/** Each operation of the run left out in turn: bits are those of the interpreter alone. */
function wrongOperation(
  trail: Trail,
  run: Run,
  program: Program,
  explains: (results: Readonly<Record<string, Tensor>>) => boolean,
): { readonly op: Op; readonly how: 'zeros' | 'left-out' } | undefined {
  const ops = functionOf(program, run.name).blocks.flatMap((block) => block.ops);
  if (ops.length > MAX_TRIED) return undefined;
  const last = new Map<string, Float64Array>();
  const [earlier, other] = trail.runs.get(run.name) ?? [];
  if (earlier && other)
    runOnce(program, earlier.name, earlier, (op, values) => {
      last.set(op.id, values);
      return values;
    });
  for (const op of ops) {
    if (op.op === 'constant') continue;
    const tried = (change: (made: Float64Array, args: readonly Float64Array[]) => Float64Array | undefined): boolean =>
      explains(
        runOnce(program, run.name, run, (one, made, args) => (one === op ? (change(made, args) ?? made) : made)),
      );
    if (tried((made) => made.map(() => 0))) return { op, how: 'zeros' };
    const of = last.get(op.id);
    if (of && tried(() => of)) return { op, how: 'left-out' };
    if (tried((made, args) => args.find(({ length }) => length === made.length))) return { op, how: 'left-out' };
  }
  return undefined;
}

/** No frame differs: the last weight step of the stretch does. */
async function ofState(trail: Trail, { device: on, deployment }: RepeatOptions): Promise<FirstWrong | undefined> {
  const { record, source, step, states = new Map() } = trail;
  const { executable } = source;
  if (!step) return undefined;
  const f = functionOf(executable.program, step.name);
  const updates = weightUpdates(executable.program, f);
  const hashWith = async (over: States): Promise<string> => {
    const device = await openShardDevice(on, deployment, { ...executable, short: false });
    try {
      for (const [id, values] of [...states, ...over]) await device.write(id, values.slice() as Tensor);
      return await hashOf(device, executable.program.states, undefined);
    } finally {
      await device.close();
    }
  };
  if ((await hashWith(new Map())) === record.end.signed.hash) return undefined;
  const before = new Map(updates.map(({ state }) => [state, step.states.get(state) ?? new Float64Array(0)] as const));
  const how = (await hashWith(before)) === record.end.signed.hash ? 'unmoved' : 'other';
  const op = producerOf(f, updates[0]?.value ?? '', true);
  return {
    ...{ call: step.call, run: step.name, how, operation: op?.id ?? updates[0]?.value ?? '', op: op?.op ?? 'update' },
    ...(op?.origin === undefined ? {} : { of: op.origin }),
  };
}

/** The same run, on the same device, from other states. */
async function runWith(
  { source: { executable } }: Trail,
  { name, inputs, position }: Run,
  states: States,
  { device: on, deployment }: RepeatOptions,
): Promise<Record<string, Tensor>> {
  const device = await openShardDevice(on, deployment, { ...executable, short: false });
  try {
    for (const [id, values] of states) await device.write(id, values.slice() as Tensor);
    return mapped(await device.run(name, inputs, position), (values) => values.slice() as Tensor);
  } finally {
    await device.close();
  }
}

/** Why the interpreter does not bear out what came out here; nothing where it does. */
async function problemOfReference(
  run: Run,
  program: Program,
  { device, deployment }: RepeatOptions,
): Promise<string | undefined> {
  if (device.name === 'reference') return undefined;
  const weights = [...run.states.values()].reduce((sum, { length }) => sum + length, 0);
  const unlike = device.precision !== undefined && device.precision !== 'f32';
  if (unlike || weights * deployment.batch > MAX_SETTLED) return undefined;
  const right = runOnce(program, run.name, run);
  const changed = DRAWS.map((draw) => {
    const other = <T extends RunInput>(name: string, values: T): T =>
      values instanceof Float32Array || values instanceof Float64Array
        ? (changedTensor(
            values,
            changeFor(Math.max(deployment.batch, values.length / deployment.batch)),
            draw,
            name,
          ) as T)
        : values;
    const states = new Map([...run.states].map(([id, values]) => [id, other(id, values)] as const));
    const inputs = Object.fromEntries(Object.entries(run.inputs).map(([id, values]) => [id, other(id, values)]));
    return runOnce(program, run.name, { ...run, states, inputs });
  });
  for (const [name, claimed] of Object.entries(run.results)) {
    const here = right[name] ?? new Float64Array(0);
    const { ratio } = apartOf({ claimed, here, changed: changed.map((one) => one[name] ?? new Float64Array(0)) });
    if (ratio > 1) return `${device.name} and the interpreter are too far apart in ${run.name} of call ${run.call}`;
  }
  return undefined;
}

/** The run whose result a value is, or has been moved from. */
function makerOf(trail: Trail, value: string): { readonly run: Run; readonly result: string } | undefined {
  const stages = trail.source.schedule.functions.flatMap(({ stages, after = [] }) => [...stages, ...after]);
  const moves = stages.flatMap(({ begin, next, end }) => [...begin, ...next, ...end]);
  const names = [value, ...moves.flatMap(({ from, to }) => (to === value ? [from] : []))];
  const runs = [...trail.runs.values()].flatMap((of) => of.slice(-1));
  const found = names.flatMap((result) => runs.flatMap((run) => (run.results[result] ? [{ run, result }] : [])));
  return found.reduce<(typeof found)[number] | undefined>(
    (last, one) => (!last || one.run.order > last.run.order ? one : last),
    undefined,
  );
}

/** @param isValue by the name of the value; else by that of a result */
function producerOf(f: ProgramFunction, name: string, isValue = false): Op | undefined {
  const value = isValue ? name : f.results.find((result) => result.name === name)?.value;
  const made = (id: string | undefined): Op | undefined => {
    for (const { ops, carries } of f.blocks) {
      const op = ops.find((one) => one.id === id);
      if (op) return op;
      const carry = carries.find(({ result, id: own }) => result === id || own === id);
      const next = carry && ops.find((one) => one.id === carry.next);
      if (next) return next;
    }
    return undefined;
  };
  return made(value);
}

function weightUpdates({ states }: Program, { updates }: ProgramFunction): ProgramFunction['updates'] {
  const weights = new Set(states.flatMap(({ id, role }) => (role === 'parameter' || role === 'optimizer' ? [id] : [])));
  return updates.filter(({ state }) => weights.has(state));
}

function functionOf({ functions }: Program, name: string): ProgramFunction {
  const found = functions.find((f) => f.name === name);
  if (!found) throw new Error(`no function ${name}`);
  return found;
}

function mapped(results: Readonly<Record<string, Tensor>>, change: (values: Tensor) => Tensor): Record<string, Tensor> {
  return Object.fromEntries(Object.entries(results).map(([name, values]) => [name, change(values)]));
}
