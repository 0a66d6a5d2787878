/** Report of one machine about a training, with the shards of a plan in one process. */
import type { BuiltPlan } from '../../compiler/8-plan/build.ts';
import { statisticsOf } from '../../runtime/data/statistics.ts';
import { referenceDevice } from '../../runtime/device/reference/reference.ts';
import type { CheckResult } from '../../runtime/shard/checks.ts';
import { openShard } from '../../runtime/shard/shard.ts';
import { openShards } from '../../runtime/shard/shards.ts';
import type { TrainingData } from '../../runtime/shard/trainable.ts';
import { train } from '../../runtime/shard/training.ts';
import { wholeSchedule } from '../../runtime/shard/whole.ts';
import type { EpochReport } from '../../runtime/training/epoch-report.ts';
import type { BorderCodec } from '../../runtime/wire/codec.ts';

export interface OneMachine {
  readonly reports: readonly EpochReport[];
  readonly checks: readonly CheckResult[];
  readonly weights: ReadonlyMap<string, ArrayLike<number>>;
  /** As they were at the beginning. */
  readonly before: ReadonlyMap<string, ArrayLike<number>>;
}

const nothing = (): void => undefined;

/** @param epochs to train, from seed 1. @param ofLast of one shard, for the last part of an epoch where it is kept @param codec of the borders */
export async function trainHere(
  { plan, program, files, shards }: BuiltPlan,
  data: TrainingData,
  epochs: number,
  ofLast?: BuiltPlan,
  codec?: BorderCodec,
): Promise<OneMachine> {
  const { training } = plan;
  if (!training) throw new Error('nothing is trained');
  const sources = shards
    ? shards.map((s) => ({ executable: { program: s.program, files: new Map() }, schedule: s.schedule }))
    : [{ executable: { program, files }, schedule: wholeSchedule(program) }];
  const states = sources.flatMap((s) => s.executable.program.states);
  const statistics = statisticsOf(states, data.train);
  const begin = () => ({ seed: 1, statistics });
  const shard = await openShards(referenceDevice, sources, begin, undefined, undefined, { codec });
  const begun = await shard.save();
  const executable = ofLast && { program: ofLast.program, files: ofLast.files };
  const last = executable && (await openShard(referenceDevice, executable, () => ({ seed: 1, statistics })));
  const reports: EpochReport[] = [];
  const observer = { epochStarted: nothing, batchDone: nothing, measuring: nothing };
  const end = await train({
    ...{ plan, training, shard, data, epochs, seed: 1, ...(last ? { last } : {}) },
    run: {
      directory: 'nothing',
      resumedFrom: { epoch: 0, batch: 0, totals: {} },
      finishEpoch: nothing,
      saveSnapshot: nothing,
    },
    stopRequested: () => false,
    observer: { ...observer, epochDone: (report) => reports.push(report) },
    now: () => 0,
  });
  const { parameters } = await shard.save();
  await last?.close();
  await shard.close();
  if (end.kind !== 'done') throw new Error('the training was interrupted');
  const byName = (tensors: typeof parameters) => new Map(tensors.map((p) => [p.name, p.data as Float32Array]));
  return { reports, checks: end.checks, weights: byName(parameters), before: byName(begun.parameters) };
}
