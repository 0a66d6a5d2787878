/** A training of shards whose frames are late and lost, in this process: short ones by the hundred. */

import { builtOf } from '../../compiler/8-plan/build.ts';
import { buildPlan, buildProgram, checkFile, inputsOf } from '../../compiler/compile.ts';
import { fileHost, overlayHost } from '../../compiler/host.ts';
import { type DataOpener, openTrainingData } from '../../runtime/cli/training/training-data.ts';
import { statisticsOf } from '../../runtime/data/statistics.ts';
import { openHere, openWithin } from '../../runtime/device/cpu/here.ts';
import type { Device } from '../../runtime/device/device.ts';
import { openShards } from '../../runtime/shard/shards.ts';
import { train } from '../../runtime/shard/training.ts';
import { asTaken, emulated } from '../../runtime/training/free-ticks.ts';
import { TRAIN } from '../../spec/names.ts';

/** A network: the ticks of every frame, the share that is lost, and how old a value may be. */
export interface Network {
  readonly delay: number;
  readonly loss: number;
  readonly staleness: number;
}

export interface LateTraining {
  /** With one train block. */
  readonly text: string;
  /** Of the model's parameters. */
  readonly set: Readonly<Record<string, string>>;
  readonly shards: number;
  /** Absent: in lockstep. */
  readonly network?: Network;
  readonly seed: number;
}

/** In this thread; one shard by itself gets copies of its batches, whose memory is used again. */
const DEVICE: Device = {
  ...{ name: 'cpu', description: 'ONNX Runtime in this thread' },
  open: (executable) => Promise.resolve(openHere(executable, 1)),
  openHere: (executable) => Promise.resolve(openWithin(executable)),
};

/** @returns the accuracy of the model's check @throws Error where the model cannot be trained this way */
export async function trainLate({ text, set, shards, network, seed }: LateTraining, open: DataOpener): Promise<number> {
  const name = 'late.pcn';
  const { value: checked, diagnostics, texts } = checkFile(overlayHost({ [name]: text }, fileHost()), name, { set });
  const [task] = checked?.trains ?? [];
  if (!checked || !task) throw new Error(diagnostics.map((d) => d.message).join('\n'));
  const { model } = task;
  const predicts = checked.predicts.filter((p) => p.model.name === model.name);
  const staleness = network?.staleness ?? 0;
  const async = shards > 1 ? { staleness } : undefined;
  const staged = buildProgram({ checked, model, task, predicts }, { after: shards > 1 ? 'none' : undefined, async });
  const made = buildPlan(staged, inputsOf('nmc', texts), { shards });
  if (made.kind === 'impossible') throw new Error(made.reason);
  const { plan, program, files, shards: parts } = builtOf(made.draft);
  const { training } = plan;
  if (!training) throw new Error('the plan has no training');
  const data = await openTrainingData(plan, training, open);
  const sources = parts
    ? parts.map(({ schedule, ...executable }) => ({ executable, schedule }))
    : [{ executable: { program, files }, schedule: { shard: 0, functions: [], messages: [] } }];
  const states = sources.flatMap((s) => s.executable.program.states);
  const begin = { seed, statistics: statisticsOf(states, data.train) };
  const chooser = network ? emulated({ ...network, seed }, staleness) : asTaken([]);
  const shard = await openShards(DEVICE, sources, () => begin, TRAIN, undefined, { chooser });
  const nothing = (): void => undefined;
  try {
    const end = await train({
      ...{ plan, training, shard, data, seed, epochs: task.epochs },
      run: {
        ...{ directory: '', resumedFrom: { epoch: 0, batch: 0, totals: {} } },
        ...{ finishEpoch: nothing, saveSnapshot: nothing },
      },
      stopRequested: () => false,
      observer: { epochStarted: nothing, batchDone: nothing, measuring: nothing, epochDone: nothing },
      now: () => performance.now(),
    });
    if (end.kind !== 'done' || end.accuracy === null) throw new Error('the training has no accuracy');
    return end.accuracy;
  } finally {
    await shard.close();
  }
}
