/** The command's end of one worker thread: requests with numbers, answered in order. */
import { Worker } from 'node:worker_threads';
import { EnvironmentError } from '../../support/errors.ts';
import type { DeviceSession, Position, RunInput, Tensor } from '../device.ts';
import { inTime, markLoading, markStuck } from '../stuck.ts';
import type { EngineRequest } from './carry-out.ts';
import { buffersOf, COMPUTES, copied, type Reply, type Request, type WorkerStart } from './messages.ts';

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

interface Numbered {
  readonly id: number;
  readonly kind: string;
  readonly engine?: number;
}

export interface Thread<R extends Numbered = Request> {
  /** Sends a request without waiting for its answer. */
  tell(request: DistributiveOmit<R, 'id'>): void;
  ask<T>(request: DistributiveOmit<R, 'id'>, transfer?: ArrayBuffer[]): Promise<T>;
  /** Milliseconds of the runs of one program there. */
  computed(engine?: number): number;
  close(): Promise<void>;
}

/** Started before there was anything to run: loading ONNX Runtime goes on beside compiling. */
const idle: Worker[] = [];

export function warmThreads(count: number): void {
  while (idle.length < count) idle.push(startWorker());
}

function startWorker(): Worker {
  const worker = new Worker(new URL('./worker.js', import.meta.url));
  // Until it is opened it holds nothing alive, and if it dies opening the next one says why.
  worker.unref();
  markLoading(
    new Promise((resolve) => {
      worker.once('message', resolve);
      worker.once('exit', resolve);
    }),
  );
  worker.on('error', () => {
    const at = idle.indexOf(worker);
    if (at >= 0) idle.splice(at, 1);
  });
  return worker;
}

/** @param start its program; absent where several will be opened on it */
export function startThread(start?: WorkerStart): Thread {
  const thread = threadOf<Request>(idle.pop() ?? startWorker());
  if (!start) return thread;
  thread.tell({ kind: 'open', start });
  return { ...thread, close: () => thread.close(thread.ask<void>({ kind: 'close' })) };
}

/** @param worker answers each request by its number, as `Reply` */
export function threadOf<R extends Numbered>(
  worker: Worker,
): Thread<R> & { close(last?: Promise<unknown>): Promise<void> } {
  worker.ref();
  /** Of those that wait, what computes: by number, for which program. */
  const runs = new Map<number, number>();
  const computed = new Map<number, number>();
  const waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  let count = 0;
  let dead: Error | undefined;
  const die = (message: string, repair: string): void => {
    dead ??= new EnvironmentError('device/failed', message, repair);
    for (const { reject } of waiting.values()) reject(dead);
    waiting.clear();
  };
  worker.on('message', (reply: Reply) => {
    const call = waiting.get(reply.id);
    const engine = runs.get(reply.id);
    if (engine !== undefined && 'value' in reply)
      computed.set(engine, (computed.get(engine) ?? 0) + (reply.milliseconds ?? 0));
    waiting.delete(reply.id);
    runs.delete(reply.id);
    if ('failure' in reply)
      call?.reject(
        new EnvironmentError('device/failed', `the cpu device failed: ${reply.failure}`, 'try --device reference'),
      );
    else call?.resolve(reply.value);
  });
  worker.on('error', (error) =>
    die(`the cpu device did not start: ${error.message}`, 'run npm ci again, or use --device reference'),
  );
  worker.on('exit', (code) =>
    die(`the cpu device ended by itself (${code})`, 'the machine may be out of memory: use a smaller batch'),
  );
  const ask = <T>(request: DistributiveOmit<R, 'id'>, transfer: ArrayBuffer[] = []): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      if (dead) {
        reject(dead);
        return;
      }
      const id = count++;
      if (COMPUTES.includes(request.kind)) runs.set(id, (request as Omit<Numbered, 'id'>).engine ?? 0);
      waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
      worker.postMessage({ ...request, id }, transfer);
    });
  return {
    ask,
    computed: (engine = 0) => computed.get(engine) ?? 0,
    tell: (request) => {
      ask(request).catch(() => undefined);
    },
    close: async (last: Promise<unknown> = Promise.resolve()) => {
      if (!dead && !((await inTime(last)) && runs.size === 0)) {
        // It would end the process when its product is done.
        markStuck();
        worker.unref();
        return;
      }
      await worker.terminate();
    },
  };
}

/** Has a function run. The caller may use its buffers again as soon as this has returned. */
export function runOn(
  { ask }: Pick<Thread<EngineRequest>, 'ask'>,
  name: string,
  inputs: Readonly<Record<string, RunInput>>,
  position: Position,
  engine = 0,
): Promise<Record<string, Tensor>> {
  const copies = copied(inputs);
  return ask({ kind: 'run', name, inputs: copies, position, engine }, buffersOf(copies));
}

/** What a thread does for one of its programs, but for its end. */
export function sessionOn(
  thread: Pick<Thread<EngineRequest>, 'ask'>,
  engine = 0,
): Pick<DeviceSession, 'write' | 'read' | 'readPart' | 'writePart' | 'run' | 'prepare'> {
  return {
    readPart: (state, begin, end) => thread.ask<Float32Array>({ kind: 'read', state, begin, end, engine }),
    writePart: (state, begin, values) =>
      thread.ask({ kind: 'write', state, values, begin, engine }, [values.buffer as ArrayBuffer]),
    write: (state, values) => thread.ask({ kind: 'write', state, values, engine }),
    read: (state) => thread.ask<Float32Array>({ kind: 'read', state, engine }),
    run: (name, inputs, position) => runOn(thread, name, inputs, position, engine),
    prepare: (name) => {
      thread.ask({ kind: 'prepare', name, engine }).catch(() => undefined);
    },
  };
}
