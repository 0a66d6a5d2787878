/** `nmc train --probe`: is the rate of inference small enough for the energy's largest curvature? */
import { hasSettling, methodOf } from '../../../compiler/5-program/method.ts';
import { runPasses } from '../../../compiler/5-program/passes/index.ts';
import { lowerProbe } from '../../../compiler/5-program/probe.ts';
import type { Staged } from '../../../compiler/compile.ts';
import type { PlanTraining } from '../../../spec/plan.ts';
import type { Program } from '../../../spec/program.ts';
import { feedBatches } from '../../data/feed.ts';
import type { Device, FieldData } from '../../device/device.ts';
import { type Beginning, openShard } from '../../shard/shard.ts';
import type { TrainingData } from '../../shard/trainable.ts';
import { UserError } from '../../support/errors.ts';
import { inputsOfStep } from '../../training/steps.ts';
import { lowerHere } from './lower-here.ts';

export interface Probe {
  /** Largest eigenvalue of the energy's Hessian in the values, over the samples of the first batch. */
  readonly curvature: number;
  /** Rates above this overshoot: 2 (1 + momentum) / curvature. */
  readonly limit: number;
  readonly rate: number;
}

export interface Probed {
  readonly staged: Staged;
  readonly training: PlanTraining;
  readonly data: TrainingData;
  readonly device: Device;
  readonly begin: Beginning;
  readonly seed: number;
}

/** @throws UserError `probe/rule` for a rule that does not settle */
export async function probe({ staged, training, ...probed }: Probed): Promise<Probe> {
  const { task, graph } = staged;
  const method = task && methodOf(task);
  if (!task || !method || !hasSettling(method))
    throw new UserError(
      'probe/rule',
      `--probe tries rates of inference, and ${training.rule} has none`,
      'leave out --probe',
    );
  const curvature = await curvatureOf(runPasses(lowerProbe(graph, task)), { training, ...probed });
  return { curvature, limit: (2 * (1 + method.momentum)) / curvature, rate: method.rate };
}

/** @param program of a probe */
export async function curvatureOf(
  program: Program,
  { training, data, device, begin, seed }: Omit<Probed, 'staged'>,
): Promise<number> {
  const files = device.name === 'cpu' ? await lowerHere()(program, device) : new Map();
  const shard = await openShard(device, { program, files }, () => begin, 'probe');
  try {
    const results = await shard.run('probe', await firstBatch(training, data, seed), { batch: 0, batches: 1, step: 0 });
    return results.curvature?.[0] ?? Number.NaN;
  } finally {
    await shard.close();
  }
}

async function firstBatch(
  { inputs, batch, sequence }: PlanTraining,
  data: TrainingData,
  seed: number,
): Promise<Record<string, FieldData>> {
  const names = inputs.map((f) => f.name);
  for await (const fed of feedBatches(data.train, { seed, batch, epochs: 1, dropLast: true }, names)) {
    const fields: Record<string, FieldData> = {};
    for (const name of names) fields[name] = (fed.fields[name] as FieldData).slice();
    fed.release();
    return sequence === undefined ? fields : inputsOfStep(inputs, fields, 0, sequence);
  }
  throw new Error('the data have no batch');
}

/** The result of a probe, in one line. */
export function probeText({ curvature, limit, rate }: Probe): string {
  const found = `largest curvature ${curvature.toPrecision(3)}, so rates up to ${limit.toPrecision(3)} settle`;
  if (!(rate > limit)) return `probe  ${found}; the rate is ${rate}`;
  return `probe  warning: ${found}, and the rate is ${rate}: inference is likely to diverge\n       try: rate = ${(0.9 * limit).toPrecision(2)} in the method`;
}
