/** The CPU device: ONNX Runtime in threads of its own. */
import { availableParallelism } from 'node:os';
import type { Device, DeviceSession, Executable } from '../device.ts';
import { inTime, markStuck } from '../stuck.ts';
import { hasLanes, openInLanes, openInOneLane, openInTurns, trainsInLanes, trainsInOneLane } from './lanes.ts';
import { startOf } from './messages.ts';
import { besideQuick } from './quick.ts';
import { valuesThere } from './stayed.ts';
import { sessionOn, startThread, type Thread, warmThreads } from './thread.ts';

const THREADS = availableParallelism();
/** From source there is nothing that a thread could load. */
const FROM_SOURCE = import.meta.url.endsWith('.ts');

export const cpuDevice: Device = {
  name: 'cpu',
  description: `ONNX Runtime, ${THREADS} thread${THREADS === 1 ? '' : 's'}`,
  ...(FROM_SOURCE ? {} : { threads: THREADS }),
  warmUp: (threads = 2) => {
    if (!FROM_SOURCE) warmThreads(Math.min(threads, THREADS));
  },
  open: async (executable) => {
    const own = FROM_SOURCE ? (await import('./here.ts')).openHere(executable, THREADS) : openInThreads(executable);
    return besideQuick(own, executable);
  },
  openHere: async (executable) => (await import('./here.ts')).openWithin(executable),
  openAll: async (executables) => {
    if (!FROM_SOURCE) return openTogether(executables);
    const { openHere } = await import('./here.ts');
    return executables.map((executable) => openHere(executable, 1));
  },
};

function openInThreads(executable: Executable): DeviceSession {
  if (!hasLanes(executable)) return openInThread(executable);
  const half = startOf(executable, Math.max(1, Math.floor(THREADS / 2)));
  return trainsInLanes(executable) ? openInLanes(executable, half) : openInTurns(half);
}

function openInThread(executable: Executable): DeviceSession {
  const start = startOf(executable, THREADS);
  if (trainsInOneLane(executable)) return openInOneLane(executable, start);
  const thread = startThread(start);
  return {
    ...sessionOn(thread),
    computed: () => thread.computed(),
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
      ...sessionOn(thread, engine),
      ...valuesThere(thread, engine),
      computed: () => thread.computed(engine),
      close: async () => {
        if (!(await inTime(thread.ask({ kind: 'close', engine })))) markStuck();
        open--;
        if (open === 0) await Promise.all(threads.map((t) => t.close()));
      },
    };
  });
}
