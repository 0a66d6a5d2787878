/** The CPU device in the thread that asks: its engine, in turn. A command has its engines in threads of their own. */
import { inTurn } from '../../support/in-turn.ts';
import type { DeviceSession, Executable } from '../device.ts';
import { CpuEngine } from './engine.ts';
import { copied } from './messages.ts';
import { ValuePool } from './value-pool.ts';

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

/** The same without copies: results lie in memory that is used again when they are held no longer. */
export function openWithin(executable: Executable): DeviceSession {
  // Several shards may share this machine: one thread of computation each, which also fixes the order of sums.
  const engine = new CpuEngine(executable.program.states, executable.files, { threads: 1 });
  const [queue, pool] = [inTurn(), new ValuePool()];
  let computed = 0;
  return {
    held: pool,
    computed: () => computed,
    write: (state, values) => queue(() => engine.write(state, values)),
    read: (state) => queue(() => engine.read(state)),
    readPart: (state, begin, end) => queue(() => engine.read(state, begin, end)),
    writePart: (state, begin, values) => queue(() => engine.writePart(state, begin, values)),
    run: (name, inputs, position) =>
      queue(async () => {
        const began = performance.now();
        const results = await engine.runWithin(pool, name, inputs, position);
        computed += performance.now() - began;
        return results;
      }),
    prepare: (name) => {
      queue(() => engine.prepare(name)).catch(() => undefined);
    },
    close: () => queue(() => engine.close()),
  };
}
