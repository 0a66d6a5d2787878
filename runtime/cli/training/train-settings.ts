/** Settings of a training: from the command line into `config.json`, and back when it goes on. */
import { dirname, resolve } from 'node:path';
import type { Plan, PlanTraining } from '../../../spec/plan.ts';
import { PRECISIONS, type Precision } from '../../../spec/precision.ts';
import type { JsonValue, RunConfig } from '../../store/run-config.ts';
import { UserError } from '../../support/errors.ts';
import type { DataRecord } from '../../training/data-record.ts';
import { BORDER_CODECS, type BorderCodec } from '../../wire/codec.ts';
import type { SetArguments } from '../compiling/compile-model.ts';
import { settings as modelSettings } from '../compiling/compile-model.ts';
import { borderCodecOf } from '../shell/border-codec.ts';
import { precisionOf } from '../shell/command-device.ts';
import { packageVersion } from '../shell/package-root.ts';
import type { Network } from './late-frames.ts';
import type { TrainArguments } from './options.ts';
import { type DataSettings, rememberedData } from './training-data.ts';

/** Where a plan lies within its run. */
export const RUN_PLAN = 'plan';
export const RUN_PLAN_FILE = `${RUN_PLAN}/plan.json`;

export interface TrainSettings extends DataSettings {
  readonly device: string;
  readonly epochs: number;
  /** How products on a GPU read weights. */
  readonly precision: Precision;
  /** How numbers cross between its shards. */
  readonly borders: BorderCodec;
}

/** Of a command that trains, here or on a mesh. */
interface SettingArguments extends SetArguments, Pick<TrainArguments, 'data' | 'limit' | 'seed'> {
  readonly device?: string | undefined;
  readonly precision?: string | undefined;
  readonly borders?: string | undefined;
}

/** @param path of the model file, @param task what its train block says */
export function chosenSettings(
  args: SettingArguments,
  path: string,
  task: { readonly epochs: number; readonly seed?: number },
): TrainSettings {
  return {
    device: args.device ?? 'auto',
    data: args.data ?? (process.env.NMC_DATA || undefined),
    folder: dirname(path),
    limit: args.limit,
    epochs: task.epochs,
    precision: precisionOf(args),
    borders: borderCodecOf(args.borders),
    seed: args.seed ?? task.seed ?? 1,
  };
}

export function trainingOf(plan: Plan): PlanTraining {
  if (!plan.training)
    throw new UserError('task/none', 'this plan has no training', 'compile a model with a train block');
  return plan.training;
}

export interface ConfigSource {
  readonly plan: Plan;
  readonly training: PlanTraining;
  readonly chosen: TrainSettings;
  readonly args: SetArguments;
  readonly path: string;
  readonly text: string;
  readonly data: DataRecord;
  /** Of the schedule `async`. */
  readonly network: Network | undefined;
}

/** Folders are stored as absolute paths: a run may go on from another working directory. */
export function configOf({ plan, training, chosen, args, path, text: source, data, network }: ConfigSource): RunConfig {
  return {
    model: plan.model,
    task: training.task,
    settings: {
      device: chosen.device,
      data: chosen.data === undefined ? null : resolve(chosen.data),
      folder: resolve(chosen.folder),
      limit: chosen.limit ?? null,
      epochs: chosen.epochs,
      precision: chosen.precision,
      borders: chosen.borders,
      batch: training.batch,
      rule: training.rule,
      set: modelSettings(args),
      plan: RUN_PLAN_FILE,
      ...(network && { network: { ...network } }),
      trainedOn: data as unknown as JsonValue,
    },
    compilerVersion: packageVersion(),
    seed: chosen.seed,
    parameterCount: plan.shards.reduce((sum, s) => sum + s.parameterCount, 0),
    source: { path, text: source },
  };
}

/** Nothing where the run is not asynchronous. */
export function storedNetwork({ settings: { network } }: RunConfig): Network | undefined {
  if (typeof network !== 'object' || network === null || !('delay' in network)) return undefined;
  const { delay, loss } = network;
  return typeof delay === 'number' && typeof loss === 'number' ? { delay, loss } : undefined;
}

/** @param data `--data`, and `device` `--device`: they go before what the run remembers */
export function storedSettings(config: RunConfig, data: string | undefined, device?: string): TrainSettings {
  const { device: before, data: remembered, folder, limit, epochs, precision, borders } = config.settings;
  return {
    device: device ?? (typeof before === 'string' ? before : 'auto'),
    data: data ?? rememberedData(remembered),
    folder: typeof folder === 'string' ? folder : '.',
    limit: typeof limit === 'number' ? limit : undefined,
    epochs: typeof epochs === 'number' ? epochs : 1,
    precision: PRECISIONS.find((name) => name === precision) ?? 'f32',
    borders: BORDER_CODECS.find((name) => name === borders) ?? 'f32',
    seed: config.seed,
  };
}

/** The name of the i-th check's value among the totals of a finished run's last snapshot. */
export function checkTotal(i: number): string {
  return `check.${i}`;
}
