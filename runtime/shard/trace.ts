/** The trace of a call: the shards' own walks, gone through once with a token for each value. */
import type { Program } from '../../spec/program.ts';
import type { ShardSchedule } from '../../spec/schedule.ts';
import type { Source, Trace, TracedRun } from '../../spec/trace.ts';
import type { FieldData, RunInput } from '../device/device.ts';
import { type Frame, type FrameKey, frameName } from '../training/frame.ts';
import { routesOf } from './route.ts';
import { Walk } from './walk.ts';

interface TracedShard {
  readonly program: Program;
  readonly schedule: ShardSchedule;
}

/** @returns nothing where batches of the function are divided, or begin before others have ended */
export function traceCall(shards: readonly TracedShard[], name: string): Trace | undefined {
  const sources = new Map<RunInput, Source>();
  const fields = new Map<string, FieldData>();
  const fieldOf = (field: string): FieldData => {
    const token = fields.get(field) ?? new Float32Array(0);
    fields.set(field, token);
    sources.set(token, { field });
    return token;
  };
  const walks: Walk[] = [];
  for (const { program, schedule } of shards) {
    const f = schedule.functions.find((g) => g.name === name);
    if (!f || f.microbatches !== undefined || f.after || f.odd) return undefined;
    const route = routesOf(f, program, schedule).of(0);
    const inputs = Object.fromEntries(f.inputs.map((input) => [input.name, fieldOf(input.name)]));
    walks.push(new Walk(route, { name, inputs, position: { batch: 0, batches: 1 }, callIndex: 0, microbatch: 0 }));
  }
  const programs = shards.map(({ program }) => new Map(program.functions.map((f) => [f.name, f])));
  const runs: TracedRun[] = [];
  const frames = new Map<string, Frame>();
  const results = new Map<number, Readonly<Record<string, Source>>>();
  const sourceOf = (token: RunInput): Source => {
    const source = sources.get(token);
    if (!source) throw new Error(`${name} reads what nothing has made`);
    return source;
  };
  const sourcesOf = (tokens: Readonly<Record<string, RunInput>>): Record<string, Source> =>
    Object.fromEntries(Object.entries(tokens).map(([key, token]) => [key, sourceOf(token)]));
  /** As far as it comes without a frame that is not there. @returns whether it came anywhere */
  const goOn = (walk: Walk, shard: number): boolean => {
    for (let moved = false; ; moved = true) {
      const step = walk.next();
      if (step.kind === 'done') {
        results.set(shard, sourcesOf(step.results));
        return moved;
      }
      if (step.kind === 'full') return moved;
      if (step.kind === 'send') for (const frame of step.frames) frames.set(frameName(frame), frame);
      if (step.kind === 'receive') {
        const found = step.frames.map((key: FrameKey) => frames.get(frameName(key)));
        if (found.includes(undefined)) return moved;
        walk.received(found as Frame[]);
      }
      if (step.kind === 'run') {
        const tokens: Record<string, Float32Array> = {};
        for (const result of programs[shard]?.get(step.name)?.results ?? []) {
          tokens[result.name] = new Float32Array(0);
          sources.set(tokens[result.name] as Float32Array, { run: runs.length, result: result.name });
        }
        const inputs = sourcesOf(step.inputs);
        runs.push({ shard, segment: step.name, tick: step.position.tick ?? 0, inputs });
        walk.ran(tokens);
      }
    }
  };
  while (results.size < walks.length) {
    const moved = walks.map((walk, shard) => !results.has(shard) && goOn(walk, shard));
    if (!moved.includes(true)) throw new Error(`the shards of ${name} wait for each other`);
  }
  return { runs, results: walks.map((_, shard) => results.get(shard) ?? {}) };
}
