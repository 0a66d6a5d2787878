/** The CPU device in the thread that asks: its engine, in turn. A command has its engines in threads of their own. */
import { inTurn } from '../../support/in-turn.ts';
import type { DeviceSession, Executable } from '../device.ts';
import { CpuEngine } from './engine.ts';
import { copied } from './messages.ts';

export function openHere(executable: Executable, threads: number): DeviceSession {
  const engine = new CpuEngine(executable.program.states, executable.files, { threads });
  const queue = inTurn();
  return {
    write: (state, values) => queue(() => engine.write(state, values)),
    read: (state) => queue(() => engine.read(state)),
    run: (name, inputs, position) => {
      const copies = copied(inputs);
      return queue(() => engine.run(name, copies, position));
    },
    prepare: (name) => {
      queue(() => engine.prepare(name)).catch(() => undefined);
    },
    close: () => queue(() => engine.close()),
  };
}
