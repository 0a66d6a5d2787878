/** Output of NMC_DEBUG in commands: stages with their times, and the speed of a device's functions. */
import type { Program } from '../../../spec/program.ts';
import type { Shard } from '../../shard/shard.ts';
import type { TrainingObserver } from '../../shard/training.ts';
import { createLog, debugLevel, type Log } from '../../support/log.ts';

let log: Log | undefined;

/** @throws UserError `debug/level` for a level that there is not */
export function debugLog(): Log {
  log ??= createLog(debugLevel());
  return log;
}

/** Does the work and says how long it took, and how long ago the process began. */
export function timed<T>(stage: string, work: () => T): T {
  const { shows, debug } = debugLog();
  if (!shows('stages')) return work();
  const begin = performance.now();
  const say = (): void => {
    const end = performance.now();
    debug('stages', `${stage.padEnd(24)} ${(end - begin).toFixed(1).padStart(8)} ms   until ${end.toFixed(0)} ms`);
  };
  const result = work();
  if (result instanceof Promise) result.then(say, say);
  else say();
  return result;
}

/** The same observer; says when the first batch of this command was done, the wait that its user feels. */
export function timedObserver(observer: TrainingObserver): TrainingObserver {
  const { shows, debug } = debugLog();
  if (!shows('stages')) return observer;
  let told = false;
  return {
    ...observer,
    batchDone: (batch, samples) => {
      if (!told) debug('stages', `${'first batch'.padEnd(36)}   until ${performance.now().toFixed(0)} ms`);
      told = true;
      observer.batchDone(batch, samples);
    },
  };
}

/** The same shard; says the milliseconds and GFLOP/s of each function when it is closed. */
export function timedShard(shard: Shard, flopsOf: (functionName: string) => number): Shard {
  const { shows, debug } = debugLog();
  if (!shows('timing')) return shard;
  const times = new Map<string, { runs: number; milliseconds: number }>();
  let free = 0;
  const clocked = async <T>(name: string, run: () => Promise<T>): Promise<T> => {
    const asked = performance.now();
    const results = await run();
    const end = performance.now();
    const seen = times.get(name) ?? { runs: 0, milliseconds: 0 };
    // Calls wait for each other: a run begins when it is asked for and the one before has ended.
    times.set(name, { runs: seen.runs + 1, milliseconds: seen.milliseconds + end - Math.max(asked, free) });
    free = end;
    return results;
  };
  return {
    ...shard,
    run: (name, inputs, position) => clocked(name, () => shard.run(name, inputs, position)),
    makeResident: async (name, samples) => {
      const resident = await shard.makeResident?.(name, samples);
      return resident && { ...resident, run: (...call) => clocked(name, () => resident.run(...call)) };
    },
    close: async () => {
      for (const [name, { runs, milliseconds }] of times) {
        const each = milliseconds / runs;
        debug(
          'timing',
          `${name.padEnd(24)} ${runs} runs, ${each.toFixed(2)} ms each, ${(flopsOf(name) / each / 1e6).toFixed(1)} GFLOP/s`,
        );
      }
      await shard.close();
    },
  };
}

/** Work of one run of a function, counted over the program. */
export async function flopCounter(programs: readonly Program[]): Promise<(functionName: string) => number> {
  if (!debugLog().shows('timing')) return () => 0;
  const { countFlops } = await import('../../../compiler/5-program/cost.ts');
  return (name) =>
    programs.reduce((sum, program) => {
      const f = program.functions.find((g) => g.name === name);
      return sum + (f ? countFlops(program, f) : 0);
    }, 0);
}
