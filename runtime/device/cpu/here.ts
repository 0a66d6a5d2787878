/** The CPU device in the thread that asks: its engine, in turn. A command has its engines in threads of their own. */
import { setImmediate as nextTurn } from 'node:timers/promises';
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

/** What else the thread has to do, such as its sockets, waits for runs that follow each other so long at most. */
const MAX_WITHOUT_TURN_MS = 5;

/**
 * The same without copies: results lie in memory that is used again when they are held no longer. A run does not wait
 * for the event loop to turn, which has its turn from time to time.
 */
export function openWithin(executable: Executable): DeviceSession {
  // Several shards may share this machine: one thread of computation each, which also fixes the order of sums.
  const engine = new CpuEngine(executable.program.states, executable.files, { threads: 1, atOnce: true });
  const [queue, pool] = [inTurn(), new ValuePool()];
  let computed = 0;
  let turned = 0;
  return {
    held: pool,
    computed: () => computed,
    write: (state, values) => queue(() => engine.write(state, values)),
    read: (state) => queue(() => engine.read(state)),
    readPart: (state, begin, end) => queue(() => engine.read(state, begin, end)),
    writePart: (state, begin, values) => queue(() => engine.writePart(state, begin, values)),
    run: (name, inputs, position) =>
      queue(async () => {
        let began = performance.now();
        if (began - turned > MAX_WITHOUT_TURN_MS) {
          await nextTurn();
          began = performance.now();
          turned = began;
        }
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
