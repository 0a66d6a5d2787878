/** `rate = auto`: found by a probe of the first batch before the program of a training is made, and kept in its plan. */
import { totalmem } from 'node:os';
import type { TrainTask } from '../../../compiler/3-check/checked.ts';
import { rateOfCurvature, withRate } from '../../../compiler/5-program/auto-rate.ts';
import { countFlops, countMemory } from '../../../compiler/5-program/cost.ts';
import { buildProbe, type Selected } from '../../../compiler/compile.ts';
import type { Plan } from '../../../spec/plan.ts';
import type { Program } from '../../../spec/program.ts';
import { statisticsOf } from '../../data/statistics.ts';
import type { Device } from '../../device/device.ts';
import type { NamedTensor } from '../../store/safetensors.ts';
import { UserError } from '../../support/errors.ts';
import { formatBytes } from '../../support/format-numbers.ts';
import { curvatureOf } from '../compiling/probe.ts';
import { asPlanned } from '../planning/as-planned.ts';
import { type TrainSettings, trainingOf } from './train-settings.ts';
import { dataOpener, openTrainingData } from './training-data.ts';

/** As much as a slow processor does in a few minutes. */
const MAX_FLOP = 1e13;
/** Share of the memory of this machine. */
const MAX_SHARE = 0.5;
/** Any rate makes the same cut, and keeps the values of the same nodes. */
const ANY = 1;

export type Trained = Selected & { readonly task: TrainTask };

/** The task as it is planned before its rate is known. */
export function beforeRate(selected: Trained): Trained {
  return { ...selected, task: withRate(selected.task, ANY) };
}

export interface Looking {
  /** Of `beforeRate`. */
  readonly plan: Plan;
  readonly chosen: TrainSettings;
  readonly device: Device;
  /** That a training begins at, instead of drawn ones. */
  readonly weights?: readonly NamedTensor[] | undefined;
}

/** @param selected whose rate is to be found @throws UserError `rate/auto` */
export async function withFoundRate(selected: Trained, { plan, chosen, device, weights }: Looking): Promise<Trained> {
  const { task } = selected;
  const probing = buildProbe(asPlanned(selected, plan));
  assertSmall(task.name, probing);
  const training = trainingOf(plan);
  const data = await openTrainingData(plan, training, dataOpener(chosen));
  const begin = {
    seed: chosen.seed,
    statistics: statisticsOf(probing.states, data.train),
    ...(weights && { weights }),
  };
  const curvature = await curvatureOf(probing, { training, data, device, begin, seed: chosen.seed });
  if (!(curvature > 0 && Number.isFinite(curvature)))
    throw refused(task.name, `the curvature of its first batch is ${curvature}`);
  const rate = Number(rateOfCurvature(task, curvature).toPrecision(4));
  return { ...selected, task: { ...withRate(task, rate), found: { rate, curvature } } };
}

function assertSmall(task: string, program: Program): void {
  const flops = program.functions.reduce((sum, f) => sum + countFlops(program, f), 0);
  if (flops > MAX_FLOP) throw refused(task, `to look for it takes ${(flops / 1e12).toFixed(0)} TFLOP here`);
  const memory = countMemory(program);
  if (memory > MAX_SHARE * totalmem())
    throw refused(task, `to look for it takes ${formatBytes(memory)}, and this machine has ${formatBytes(totalmem())}`);
}

function refused(task: string, reason: string): UserError {
  return new UserError(
    'rate/auto',
    `${task} has \`rate = auto\`: ${reason}`,
    'name a rate in its method, as `rate = 0.1`',
  );
}
