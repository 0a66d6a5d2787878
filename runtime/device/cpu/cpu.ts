/** The CPU device: ONNX Runtime in a thread of its own. */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { EnvironmentError } from '../../support/errors.ts';
import type { Device, DeviceSession, Executable, FieldData, Position, Tensor } from '../device.ts';
import { CpuEngine } from './engine.ts';
import type { Reply, Request, WorkerStart } from './messages.ts';

const THREADS = availableParallelism();
/** From source there is nothing that a thread could load. */
const FROM_SOURCE = import.meta.url.endsWith('.ts');

/** Started before there was anything to run: loading ONNX Runtime goes on beside compiling. */
let idleWorker: Worker | undefined;

function startWorker(): Worker {
  const worker = new Worker(new URL('./worker.js', import.meta.url));
  // Until it is opened it holds nothing alive, and if it dies the next one says why to whoever opens that.
  worker.unref();
  worker.on('error', () => {
    if (idleWorker === worker) idleWorker = undefined;
  });
  return worker;
}

export const cpuDevice: Device = {
  name: 'cpu',
  description: `ONNX Runtime, ${THREADS} thread${THREADS === 1 ? '' : 's'}`,
  warmUp: () => {
    if (!FROM_SOURCE) idleWorker ??= startWorker();
  },
  open: async (executable) => (FROM_SOURCE ? openHere(executable) : openInThread(executable)),
};

/** The engine in this thread. */
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
  const states = executable.program.states.map(({ id, shape }) => ({ id, shape }));
  const start: WorkerStart = { states, files: executable.files, threads: THREADS };
  const worker = idleWorker ?? startWorker();
  idleWorker = undefined;
  worker.ref();
  const waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  let count = 0;
  let dead: Error | undefined;
  const die = (error: Error): void => {
    dead ??= error;
    for (const { reject } of waiting.values()) reject(dead);
    waiting.clear();
  };
  worker.on('message', (reply: Reply) => {
    const call = waiting.get(reply.id);
    waiting.delete(reply.id);
    if ('failure' in reply)
      call?.reject(
        new EnvironmentError('device/failed', `the cpu device failed: ${reply.failure}`, 'try --device reference'),
      );
    else call?.resolve(reply.value);
  });
  worker.on('error', (error) =>
    die(
      new EnvironmentError(
        'device/failed',
        `the cpu device did not start: ${error.message}`,
        'run npm ci again, or use --device reference',
      ),
    ),
  );
  worker.on('exit', (code) =>
    die(
      new EnvironmentError(
        'device/failed',
        `the cpu device ended by itself (${code})`,
        'the machine may be out of memory: use a smaller batch',
      ),
    ),
  );
  const ask = <T>(request: DistributiveOmit<Request, 'id'>, transfer: ArrayBuffer[] = []): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      if (dead) {
        reject(dead);
        return;
      }
      const id = count++;
      waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
      worker.postMessage({ ...request, id }, transfer);
    });
  // What fails here fails again, with a reader, in the first call that needs it.
  const tell = (request: DistributiveOmit<Request, 'id'>): void => {
    ask(request).catch(() => undefined);
  };
  tell({ kind: 'open', start });
  return {
    prepare: (name) => tell({ kind: 'prepare', name }),
    write: (state, values) => ask({ kind: 'write', state, values }),
    read: (state) => ask<Float32Array>({ kind: 'read', state }),
    run: (name: string, inputs: Readonly<Record<string, FieldData>>, position: Position) => {
      const copies = copied(inputs);
      return ask<Record<string, Tensor>>({ kind: 'run', name, inputs: copies, position }, buffersOf(copies));
    },
    close: async () => {
      if (!dead) await ask({ kind: 'close' });
      await worker.terminate();
    },
  };
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

/** The caller may use its buffers again as soon as `run` has returned. */
function copied(inputs: Readonly<Record<string, FieldData>>): Record<string, FieldData> {
  return Object.fromEntries(Object.entries(inputs).map(([name, data]) => [name, data.slice()]));
}

function buffersOf(inputs: Readonly<Record<string, FieldData>>): ArrayBuffer[] {
  return Object.values(inputs).map((data) => data.buffer as ArrayBuffer);
}
