/** How shards of one process share batches: the graph that settles a share of all of them, made here. */
import { FixedBatch } from '../../../compiler/5-program/batch-axes.ts';
import { rebatchable } from '../../../compiler/5-program/rebatch.ts';
import { encodeModel } from '../../../compiler/7-kernels/onnx/model.ts';
import { type SplicedRun, splice } from '../../../compiler/7-kernels/onnx/splice.ts';
import { TRAIN } from '../../../spec/names.ts';
import { type Program, type ProgramFunction, sizeOf } from '../../../spec/program.ts';
import { type Made, madeName, type Source, type Trace } from '../../../spec/trace.ts';
import type { ShardSource } from '../../shard/shards.ts';
import { type LanePlan, type LaneWeight, SETTLE } from '../../shard/threads/lane-plan.ts';
import { traceCall } from '../../shard/trace.ts';

/** Samples of a share: whole vectors, whatever a device takes at a time, so that no value is a rest of them. */
const VECTOR = 16;
/** Operations of the graph: longer ones take long to make and to load. */
const MAX_OPERATIONS = 4000;
/** What is handed on is written and read once more: settling has to make so many times as many values. */
const MIN_MADE = 8;
/** Every thread has a copy of the others' weights, and so has the memory between them. */
const MAX_WEIGHT_BYTES = 256 * 1024 * 1024;

/** @returns nothing where the training of these shards has no such seam, or is better left as it is */
export function lanesOfShards(sources: readonly ShardSource[], lanes: number): LanePlan | undefined {
  const programs = sources.map(({ executable }) => executable.program);
  const trace = traceCall(
    sources.map(({ executable: { program }, schedule }) => ({ program, schedule })),
    TRAIN,
  );
  const batch = sources[0]?.schedule.functions.find((f) => f.name === TRAIN)?.batch ?? 0;
  const samples = batch / lanes;
  if (!trace || lanes < 2 || samples % VECTOR !== 0 || operationsIn(trace, programs) > MAX_OPERATIONS) return undefined;
  const settling = settlingIn(trace, programs, samples);
  const behind = trace.runs.flatMap((run, number) => (settling.has(number) ? [] : [{ ...run, run: number }]));
  const isOwn = (source: Source, shard: number): boolean =>
    'field' in source || settling.has(source.run) || trace.runs[source.run]?.shard === shard;
  const results = trace.results.flatMap((all) => Object.values(all));
  if (
    settling.size === 0 ||
    !behind.every(({ shard, inputs }) => Object.values(inputs).every((source) => isOwn(source, shard))) ||
    !results.every((source) => !('field' in source) && !settling.has(source.run))
  )
    return undefined;
  const read = behind.flatMap(({ inputs }) => Object.values(inputs)).filter((s): s is Made => !('field' in s));
  const wanted = [
    ...new Map(read.filter(({ run }) => settling.has(run)).map((made) => [madeName(made), made])).values(),
  ];
  const spliced = splice(SETTLE, settling, wanted);
  if (!spliced) return undefined;
  const { manifest, graph } = spliced;
  const handed = manifest.outputs.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  if (valuesMade(settling) < MIN_MADE * handed) return undefined;
  const weights = weightsOf(manifest.states, programs, behind);
  if (weights.reduce((bytes, { shape }) => bytes + 4 * sizeOf(shape), 0) > MAX_WEIGHT_BYTES) return undefined;
  return {
    ...{ name: TRAIN, lanes, samples, weights, behind, results: trace.results },
    files: new Map([
      [`cpu/${SETTLE}.json`, new TextEncoder().encode(JSON.stringify(manifest))],
      [`cpu/${SETTLE}.onnx`, encodeModel(graph)],
    ]),
    fields: manifest.fields.map(({ field }) => field),
    values: manifest.outputs.flatMap((o) =>
      'result' in o ? [{ name: o.result, shape: [batch, ...o.shape.slice(1)] }] : [],
    ),
  };
}

function operationsIn({ runs }: Trace, programs: readonly Program[]): number {
  const counts = programs.map(
    ({ functions }) => new Map(functions.map((f) => [f.name, f.blocks.reduce((sum, { ops }) => sum + ops.length, 0)])),
  );
  return runs.reduce((sum, { shard, segment }) => sum + (counts[shard]?.get(segment) ?? 0), 0);
}

/**
 * Runs that compute values of samples from such values, each sample by itself, and come before all that changes what
 * they read.
 */
function settlingIn({ runs }: Trace, programs: readonly Program[], samples: number): Map<number, SplicedRun> {
  const settling = new Map<number, SplicedRun>();
  const sized = new Map<string, ProgramFunction | undefined>();
  const changed = programs.map(() => new Set<string>());
  for (const [number, { shard, segment, tick, inputs }] of runs.entries()) {
    const program = programs[shard] as Program;
    const key = `${shard} ${segment}`;
    if (!sized.has(key)) sized.set(key, inSize(program, segment, samples));
    const f = sized.get(key);
    const known = Object.values(inputs).every((source) => 'field' in source || settling.has(source.run));
    if (f && known && !valuesReadBy(f).some((id) => changed[shard]?.has(id)))
      settling.set(number, { program, f, tick, inputs, stateName: (id) => stateName(shard, id) });
    else
      for (const { state } of program.functions.find((g) => g.name === segment)?.updates ?? [])
        changed[shard]?.add(state);
  }
  return settling;
}

function valuesReadBy({ blocks, results }: ProgramFunction): string[] {
  return [...blocks.flatMap(({ ops }) => ops.flatMap((op) => op.args)), ...results.map(({ value }) => value)];
}

function valuesMade(runs: ReadonlyMap<number, SplicedRun>): number {
  const ops = [...runs.values()].flatMap(({ f }) => f.blocks.flatMap((block) => block.ops));
  return ops.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
}

/** The segment for so many samples; nothing where it mixes them, or changes a state. */
function inSize(program: Program, segment: string, samples: number): ProgramFunction | undefined {
  const f = program.functions.find((g) => g.name === segment);
  if (!f || f.updates.length > 0 || f.results.some((r) => r.members)) return undefined;
  try {
    const made = rebatchable(program, f)(samples);
    return made.states.length > 0 ? undefined : made.f;
  } catch (error) {
    if (error instanceof FixedBatch) return undefined;
    throw error;
  }
}

const stateName = (shard: number, id: string): string => `${shard} ${id}`;

function weightsOf(read: readonly string[], programs: readonly Program[], behind: LanePlan['behind']): LaneWeight[] {
  return programs.flatMap(({ states, functions }, shard) => {
    const later = new Set(behind.flatMap((run) => (run.shard === shard ? [run.segment] : [])));
    const moved = new Set(functions.filter((f) => later.has(f.name)).flatMap((f) => f.updates.map((u) => u.state)));
    return states.flatMap(({ id, shape }) => {
      const name = stateName(shard, id);
      return read.includes(name) ? [{ id: name, shape, shard, state: id, moves: moved.has(id) }] : [];
    });
  });
}
