/**
 * The command's end of two threads that share every training batch, or of one that takes it whole; anything else goes to
 * them in turn.
 */

import type { CpuManifest } from '../../../spec/cpu-manifest.ts';
import { LANE, STEP, TRAIN } from '../../../spec/names.ts';
import { sizeOf } from '../../../spec/program.ts';
import { freeNow } from '../../support/free-now.ts';
import type { DeviceSession, Executable, Position, RunInput, Tensor } from '../device.ts';
import { readManifest } from './manifest.ts';
import { Meeting } from './meeting.ts';
import { padded } from './memory.ts';
import { buffersOf, copied, type WorkerStart } from './messages.ts';
import { CONTROL, CONTROL_BYTES, fillSlot, resultsIn, SLOTS, type Slot, slotBytes, slotsIn } from './slots.ts';
import { runOn, startThread, type Thread } from './thread.ts';

/**
 * Lanes put their gradients together in memory: the step has to be vector kernels alone, without a graph. They are used
 * on one core too, so that the same plan gives the same bits there.
 */
export function hasLanes({ program, files }: Executable): boolean {
  const inProgram = program.functions.some((f) => f.role === 'lane');
  return inProgram && files.has(`cpu/${STEP}.json`) && !files.has(`cpu/${STEP}.onnx`);
}

/** Whether its batches can be trained on in lanes: what only predicts brings no graph for a share of one. */
export const trainsInLanes = ({ files }: Executable): boolean => files.has(`cpu/${LANE}.onnx`);

/** Whether one lane can take whole batches: all that is read of a batch goes through the graph. */
export function trainsInOneLane({ files }: Executable): boolean {
  const bytes = files.get(`cpu/${TRAIN}.json`);
  return bytes !== undefined && readManifest(bytes).kernelFields.length === 0;
}

/** The same two threads where nothing is trained: predictions give the same bits. */
export function openInTurns(start: WorkerStart): DeviceSession {
  const threads = [startThread(start), startThread(start)] as const;
  let turn = 0;
  return {
    write: async (state, values) => {
      await Promise.all(threads.map(({ ask }) => ask({ kind: 'write', state, values })));
    },
    read: (state) => threads[0].ask<Float32Array>({ kind: 'read', state }),
    readPart: (state, begin, end) => threads[0].ask<Float32Array>({ kind: 'read', state, begin, end }),
    writePart: async (state, begin, values) => {
      await Promise.all(threads.map(({ ask }) => ask({ kind: 'write', state, begin, values })));
      freeNow(values);
    },
    run: (name, inputs, position) => runOn(threads[turn++ % 2 ? 1 : 0], name, inputs, position),
    prepare: (name) => {
      for (const { tell } of threads) tell({ kind: 'prepare', name });
    },
    close: async () => {
      await Promise.all(threads.map(({ close }) => close()));
    },
  };
}

/** @param start what each of the threads runs */
export function openInLanes({ files }: Executable, start: WorkerStart): DeviceSession {
  const manifest = readManifest(files.get(`cpu/${LANE}.json`) ?? new Uint8Array());
  const control = new SharedArrayBuffer(CONTROL_BYTES);
  const exchange = new SharedArrayBuffer(4 * resultBytes(manifest));
  const slots = new SharedArrayBuffer(slotBytes(manifest, 2));
  const open = (index: 0 | 1): OpenLane => openLane({ ...start, lane: { index, control, exchange, slots } });
  return sessionOf([open(0), open(1)], new Int32Array(control), slotsIn(slots, manifest, 2));
}

/** One thread that trains on whole batches. @param start what it runs */
export function openInOneLane({ files }: Executable, start: WorkerStart): DeviceSession {
  const manifest = readManifest(files.get(`cpu/${TRAIN}.json`) ?? new Uint8Array());
  const control = new SharedArrayBuffer(CONTROL_BYTES);
  const slots = new SharedArrayBuffer(slotBytes(manifest, 1));
  const lane = openLane({ ...start, lane: { index: 0, control, slots } });
  return sessionOf([lane], new Int32Array(control), slotsIn(slots, manifest, 1));
}

function sessionOf(
  lanes: readonly [OpenLane, ...OpenLane[]],
  control: Int32Array,
  slots: readonly Slot[],
): DeviceSession {
  const [first] = lanes;
  const batches = new Batches(lanes, control, slots);
  let turn = 0;
  return {
    write: async (state, values) => {
      await batches.behind(() => Promise.all(lanes.map(({ ask }) => ask({ kind: 'write', state, values }))));
    },
    read: (state) => batches.behind(() => first.ask<Float32Array>({ kind: 'read', state })),
    readPart: (state, begin, end) => batches.behind(() => first.ask<Float32Array>({ kind: 'read', state, begin, end })),
    writePart: async (state, begin, values) => {
      await batches.behind(() => Promise.all(lanes.map(({ ask }) => ask({ kind: 'write', state, begin, values }))));
      freeNow(values);
    },
    run: (name, inputs, position) => {
      if (name === TRAIN) return batches.run(inputs, position);
      const copies = copied(inputs);
      const { ask } = lanes[turn++ % lanes.length] ?? first;
      return batches.behind(() => ask({ kind: 'run', name, inputs: copies, position }, buffersOf(copies)));
    },
    prepare: (name) => {
      for (const { tell } of lanes) tell({ kind: 'prepare', name });
    },
    close: async () => {
      await Promise.all(lanes.map(({ close }) => close()));
    },
  };
}

/** Of all results of one lane, as they lie in memory. */
function resultBytes({ outputs }: CpuManifest): number {
  return outputs.reduce((sum, o) => sum + padded(sizeOf(o.shape)), 0);
}

interface OpenLane extends Thread {
  /** Messages that were sent, but for those that only wake it. */
  readonly sent: () => number;
  readonly wake: () => void;
}

function openLane(start: WorkerStart): OpenLane {
  const { ask, tell, close, computed } = startThread(start);
  // The first was its start.
  let sent = 1;
  return {
    sent: () => sent,
    wake: () => tell({ kind: 'wake' }),
    computed,
    close,
    tell: (request) => {
      sent++;
      tell(request);
    },
    ask: (request, transfer) => {
      sent++;
      return ask(request, transfer);
    },
  };
}

interface Batch {
  readonly inputs: Readonly<Record<string, RunInput>>;
  readonly position: Position;
  readonly resolve: (results: Record<string, Tensor>) => void;
  readonly reject: (error: unknown) => void;
}

/** Batches in the order in which they were sent. */
class Batches {
  readonly #lanes: readonly OpenLane[];
  readonly #control: Int32Array;
  readonly #slots: readonly Slot[];
  readonly #sent: Batch[] = [];
  /** There was no slot for these, or they came behind such. */
  readonly #late: (() => void)[] = [];
  #posted = 0;
  #finished = 0;
  #watching = false;
  #failure: unknown;

  constructor(lanes: readonly OpenLane[], control: Int32Array, slots: readonly Slot[]) {
    this.#lanes = lanes;
    this.#control = control;
    this.#slots = slots;
    // Answered only when a lane fails, or its thread ends.
    for (const { ask } of lanes) ask({ kind: 'failure' }).catch((error: unknown) => this.#fail(error));
  }

  /** The inputs may be changed as soon as this returns. */
  run(inputs: Batch['inputs'], position: Position): Promise<Record<string, Tensor>> {
    return new Promise((resolve, reject) => {
      if (this.#late.length === 0 && this.#sent.length < SLOTS) this.#send({ inputs, position, resolve, reject });
      else {
        const copies = copied(inputs);
        this.#late.push(() => this.#send({ inputs: copies, position, resolve, reject }));
      }
    });
  }

  /** Another request, when all batches that came before it have been sent. */
  behind<T>(request: () => Promise<T>): Promise<T> {
    if (this.#late.length === 0) return request();
    return new Promise((resolve, reject) => this.#late.push(() => request().then(resolve, reject)));
  }

  #send(batch: Batch): void {
    const slot = this.#slots[this.#posted % SLOTS] as Slot;
    try {
      if (this.#failure !== undefined) throw this.#failure;
      fillSlot(slot, batch.inputs, batch.position);
    } catch (error) {
      batch.reject(error);
      return;
    }
    slot.messages.set(this.#lanes.map((lane) => lane.sent()));
    this.#posted++;
    this.#sent.push(batch);
    Atomics.store(this.#control, CONTROL.posted, this.#posted);
    Atomics.notify(this.#control, CONTROL.posted);
    this.#lanes.forEach((lane, i) => {
      if (Atomics.load(this.#control, CONTROL.awake[i as 0 | 1]) === 0) lane.wake();
    });
    if (!this.#watching) void this.#watch();
  }

  async #watch(): Promise<void> {
    this.#watching = true;
    while (this.#sent.length > 0) {
      const done = Atomics.load(this.#control, CONTROL.done);
      while (this.#finished < done) this.#finish();
      if (this.#sent.length > 0) await Atomics.waitAsync(this.#control, CONTROL.done, done).value;
    }
    this.#watching = false;
  }

  #finish(): void {
    const slot = this.#slots[this.#finished % SLOTS] as Slot;
    this.#finished++;
    this.#sent.shift()?.resolve(resultsIn(slot));
    while (this.#sent.length < SLOTS && this.#late.length > 0) this.#late.shift()?.();
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    // A lane that waits for one that is gone would wait for ever.
    new Meeting(this.#control, this.#lanes.length).fail();
    for (const { reject } of this.#sent.splice(0)) reject(error);
    for (const go of this.#late.splice(0)) go();
  }
}
