/** A plan for one machine has no schedule: each function is one segment, and nothing is exchanged. */
import type { Program } from '../../spec/program.ts';
import type { ShardSchedule } from '../../spec/schedule.ts';

/** @param program whose functions are `train`, `predict.…`: those are called, others belong to them */
export function soloSchedule(program: Program, called: readonly string[]): ShardSchedule {
  const functions = program.functions.filter((f) => called.includes(f.name));
  return {
    shard: 0,
    messages: [],
    functions: functions.map((f) => ({
      name: f.name,
      batch: f.batch,
      inputs: f.inputs.map(({ field, type, shape }) => ({ name: field, type, shape: shape.slice(1) })),
      stages: [
        {
          name: f.name,
          repeat: 1,
          firstTick: 0,
          begin: [],
          segments: [{ receive: [], run: f.name, send: [] }],
          next: [],
          end: [],
        },
      ],
      results: f.results.map(({ name }) => ({ name, value: name })),
    })),
  };
}
