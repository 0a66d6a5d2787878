/** A program of one shard as a schedule: every function is one segment, and nothing is exchanged. */
import type { Program } from '../../spec/program.ts';
import type { ShardFunction, ShardSchedule } from '../../spec/schedule.ts';

export function wholeSchedule(program: Program): ShardSchedule {
  const functions = program.functions
    .filter((f) => f.role === 'train' || f.role === 'predict')
    .map((f): ShardFunction => {
      const segments = [{ receive: [], run: f.name, send: [] }];
      return {
        name: f.name,
        batch: f.batch,
        inputs: f.inputs.map(({ field, type, shape }) => ({ name: field, type, shape: shape.slice(1) })),
        stages: [{ name: 'whole', repeat: 1, firstTick: 0, begin: [], segments, next: [], end: [] }],
        results: f.results.flatMap(({ name, members }) => (members ?? [name]).map((n) => ({ name: n, value: n }))),
      };
    });
  return { shard: 0, functions, messages: [] };
}
