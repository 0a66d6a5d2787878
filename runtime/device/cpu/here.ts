/** The CPU device in the thread that asks: its engine, in turn. A command has its engines in threads of their own. */
import type { DeviceSession, Executable } from '../device.ts';
import { CpuEngine } from './engine.ts';
import { copied } from './messages.ts';

export function openHere(executable: Executable, threads: number): DeviceSession {
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
