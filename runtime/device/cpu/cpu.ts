/** The CPU device: ONNX Runtime in threads of its own. */
import { availableParallelism } from 'node:os';
import type { CpuManifest } from '../../../spec/cpu-manifest.ts';
import { sizeOf } from '../../../spec/program.ts';
import type { Device, DeviceSession, Executable, Position, RunInput, Tensor } from '../device.ts';
import { padded } from './memory.ts';
import { buffersOf, copied, type LaneAnswer, type WorkerStart } from './messages.ts';
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
    if (FROM_SOURCE) return (await import('./here.ts')).openHere(executable, THREADS);
    return hasLanes(executable) ? openInLanes(executable) : openInThread(executable);
  },
  openAll: async (executables) => {
    if (!FROM_SOURCE) return openTogether(executables);
    const { openHere } = await import('./here.ts');
    return executables.map((executable) => openHere(executable, 1));
  },
};

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
  const control = new SharedArrayBuffer(8);
  const exchange = new SharedArrayBuffer(4 * laneBytes(executable));
  const threads = Math.max(1, Math.floor(THREADS / 2));
  const lanes = ([0, 1] as const).map((index) => ({
    index,
    thread: startThread({ ...startOf(executable, threads), lane: { index, control, exchange } }),
    // Filled again for a later batch: fresh memory costs more than the copy that goes there.
    unused: [] as Record<string, RunInput>[],
  })) as [LaneThread, LaneThread];
  const [first, second] = lanes;
  let turn = 0;
  return {
    write: async (state, values) => {
      await Promise.all(lanes.map(({ thread }) => thread.ask({ kind: 'write', state, values })));
    },
    read: (state) => first.thread.ask<Float32Array>({ kind: 'read', state }),
    run: async (name, inputs, position) => {
      if (name !== 'train') return runOn((turn++ % 2 ? second : first).thread, name, copied(inputs), position);
      const [whole, other] = [runLane(first, inputs, position), runLane(second, inputs, position)];
      other.catch(() => undefined);
      try {
        return (await whole) ?? {};
      } catch (error) {
        // When the other lane failed this one only heard of it.
        await other;
        throw error;
      }
    },
    prepare: (name) => {
      for (const { thread } of lanes) thread.tell({ kind: 'prepare', name });
    },
    close: async () => {
      await Promise.all(lanes.map(({ thread }) => thread.close()));
    },
  };
}

interface LaneThread {
  readonly index: 0 | 1;
  readonly thread: Thread;
  readonly unused: Record<string, RunInput>[];
}

async function runLane(
  { index, thread, unused }: LaneThread,
  inputs: Readonly<Record<string, RunInput>>,
  position: Position,
): Promise<LaneAnswer['results']> {
  const share = shareOf(inputs, index, unused.pop());
  const answer = await thread.ask<LaneAnswer>({ kind: 'lane', inputs: share, position }, buffersOf(share));
  unused.push(answer.inputs);
  return answer.results;
}

/** Of all results of one lane, as they lie in memory. */
function laneBytes({ files }: Executable): number {
  const { outputs } = JSON.parse(new TextDecoder().decode(files.get('cpu/train.lane.json'))) as CpuManifest;
  return outputs.reduce((sum, o) => sum + padded(sizeOf(o.shape)), 0);
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

/** Half of the samples, in memory that was used before where it fits. */
function shareOf(
  inputs: Readonly<Record<string, RunInput>>,
  lane: number,
  used: Readonly<Record<string, RunInput>> | undefined,
): Record<string, RunInput> {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, data]) => {
      const share = data.subarray((lane * data.length) / 2, ((lane + 1) * data.length) / 2);
      const place = used?.[name];
      if (place?.length !== share.length || place.constructor !== share.constructor) return [name, share.slice()];
      place.set(share);
      return [name, place];
    }),
  );
}
