/** The CPU device: ONNX Runtime in threads of its own. */
import { availableParallelism } from 'node:os';
import { sizeOf } from '../../../spec/program.ts';
import type { Device, DeviceSession, Executable, Position, RunInput, Tensor } from '../device.ts';
import { CpuEngine } from './engine.ts';
import { padded } from './memory.ts';
import type { WorkerStart } from './messages.ts';
import { startThread, type Thread, warmThreads } from './thread.ts';

const THREADS = availableParallelism();
/** From source there is nothing that a thread could load. */
const FROM_SOURCE = import.meta.url.endsWith('.ts');

export const cpuDevice: Device = {
  name: 'cpu',
  description: `ONNX Runtime, ${THREADS} thread${THREADS === 1 ? '' : 's'}`,
  warmUp: () => {
    if (!FROM_SOURCE) warmThreads(Math.min(2, THREADS));
  },
  open: async (executable) => {
    if (FROM_SOURCE) return openHere(executable);
    return hasLanes(executable) ? openInLanes(executable) : openInThread(executable);
  },
  openAll: async (executables) =>
    FROM_SOURCE ? executables.map((executable) => openHere(executable, 1)) : openTogether(executables),
};

/** The device in this thread: its engine, in turn. */
export function openHere(executable: Executable, threads = THREADS): DeviceSession {
  const engine = new CpuEngine(executable.program.states, executable.files, { threads });
  let queue: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => T | Promise<T>): Promise<T> => {
    const done = queue.then(work);
    queue = done.catch(() => undefined);
    return done;
  };
  return {
    write: (state, values) => inTurn(() => engine.write(state, values)),
    read: (state) => inTurn(() => engine.read(state)),
    run: (name, inputs, position) => {
      const copies = copied(inputs);
      return inTurn(() => engine.run(name, copies, position));
    },
    prepare: (name) => {
      inTurn(() => engine.prepare(name)).catch(() => undefined);
    },
    close: () => inTurn(() => engine.close()),
  };
}

function openInThread(executable: Executable): DeviceSession {
  const thread = startThread(startOf(executable, THREADS));
  return {
    write: (state, values) => thread.ask({ kind: 'write', state, values }),
    read: (state) => thread.ask<Float32Array>({ kind: 'read', state }),
    run: (name, inputs, position) => runOn(thread, name, copied(inputs), position),
    prepare: (name) => thread.tell({ kind: 'prepare', name }),
    close: () => thread.close(),
  };
}

/** Programs that work together: as many threads as there are cores, each with some of them. */
function openTogether(executables: readonly Executable[]): DeviceSession[] {
  const threads = Array.from({ length: Math.min(THREADS, executables.length) }, () => startThread());
  let open = executables.length;
  return executables.map((executable, engine) => {
    const thread = threads[engine % threads.length] as Thread;
    thread.tell({ kind: 'open', start: startOf(executable, 1), engine });
    return {
      write: (state, values) => thread.ask({ kind: 'write', state, values, engine }),
      read: (state) => thread.ask<Float32Array>({ kind: 'read', state, engine }),
      run: (name, inputs, position) => {
        const copies = copied(inputs);
        return thread.ask({ kind: 'run', name, inputs: copies, position, engine }, buffersOf(copies));
      },
      prepare: (name) => thread.tell({ kind: 'prepare', name, engine }),
      close: async () => {
        await thread.ask({ kind: 'close', engine }).catch(() => undefined);
        open--;
        if (open === 0) await Promise.all(threads.map((t) => t.close()));
      },
    };
  });
}

/** Two threads that share every training batch; anything else goes to them in turn. */
function openInLanes(executable: Executable): DeviceSession {
  const floats = executable.program.functions.find((f) => f.name === 'train.step')?.inputs ?? [];
  const bytes = floats.reduce((sum, input) => sum + padded(sizeOf(input.shape)), 0);
  const control = new SharedArrayBuffer(8);
  const exchange = new SharedArrayBuffer(4 * bytes);
  const lanes = ([0, 1] as const).map((index) =>
    startThread({ ...startOf(executable, Math.max(1, Math.floor(THREADS / 2))), lane: { index, control, exchange } }),
  ) as [Thread, Thread];
  let turn = 0;
  return {
    write: async (state, values) => {
      await Promise.all(lanes.map((lane) => lane.ask({ kind: 'write', state, values })));
    },
    read: (state) => lanes[0].ask<Float32Array>({ kind: 'read', state }),
    run: async (name, inputs, position) => {
      if (name !== 'train') return runOn(lanes[turn++ % 2] as Thread, name, copied(inputs), position);
      const answers = await Promise.all(
        lanes.map((lane, i) => {
          const share = shareOf(inputs, i);
          return lane.ask<Record<string, Tensor>>({ kind: 'lane', inputs: share, position }, buffersOf(share));
        }),
      );
      return added(answers);
    },
    prepare: (name) => {
      for (const lane of lanes) lane.tell({ kind: 'prepare', name });
    },
    close: async () => {
      await Promise.all(lanes.map((lane) => lane.close()));
    },
  };
}

/**
 * Lanes put their gradients together in memory: the step has to be vector kernels alone, without a graph. They are used
 * on one core too, so that the same plan gives the same bits there.
 */
function hasLanes({ files }: Executable): boolean {
  return files.has('cpu/train.lane.onnx') && !files.has('cpu/train.step.onnx');
}

function startOf({ program, files }: Executable, threads: number): WorkerStart {
  return { states: program.states.map(({ id, shape }) => ({ id, shape })), files, threads };
}

function runOn(
  thread: Thread,
  name: string,
  inputs: Record<string, RunInput>,
  position: Position,
): Promise<Record<string, Tensor>> {
  return thread.ask({ kind: 'run', name, inputs, position }, buffersOf(inputs));
}

/** The caller may use its buffers again as soon as `run` has returned. */
function copied(inputs: Readonly<Record<string, RunInput>>): Record<string, RunInput> {
  return Object.fromEntries(Object.entries(inputs).map(([name, data]) => [name, data.slice()]));
}

/** Half of the samples. */
function shareOf(inputs: Readonly<Record<string, RunInput>>, lane: number): Record<string, RunInput> {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, data]) => [
      name,
      data.slice((lane * data.length) / 2, ((lane + 1) * data.length) / 2),
    ]),
  );
}

function buffersOf(inputs: Readonly<Record<string, RunInput>>): ArrayBuffer[] {
  return Object.values(inputs).map((data) => data.buffer as ArrayBuffer);
}

/** Results of lanes are parts of a mean. */
function added(answers: readonly Record<string, Tensor>[]): Record<string, Tensor> {
  const [first = {}, ...rest] = answers;
  return Object.fromEntries(
    Object.entries(first).map(([name, values]) => [
      name,
      rest.reduce((sum, other) => sum.map((v, i) => v + (other[name]?.[i] ?? 0)) as Tensor, values),
    ]),
  );
}
