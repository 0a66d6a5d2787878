/** `nmc export`: the predictor with its weights inside, as one ONNX file. */
import { FixedBatch } from '../../../compiler/5-program/batch-axes.ts';
import { buildExport, type Exported } from '../../../compiler/7-kernels/onnx/export.ts';
import type { OnnxPort } from '../../../compiler/7-kernels/onnx/model.ts';
import type { PlanPrediction } from '../../../spec/plan.ts';
import { type Program, type State, sizeOf } from '../../../spec/program.ts';
import type { VerifiedPlan } from '../../plan/verify-plan.ts';
import { fillStates } from '../../shard/shard.ts';
import { openRun, type Run } from '../../store/run-folder.ts';
import { writeFileAtomic } from '../../support/atomic.ts';
import { nmc } from '../../support/command-text.ts';
import { emit } from '../../support/emit.ts';
import { EnvironmentError, UserError } from '../../support/errors.ts';
import { formatBytes } from '../../support/format-numbers.ts';
import { ownPath } from '../../support/safe-path.ts';
import { allFinite } from '../../training/metrics.ts';
import { assertLowerable } from '../compiling/plan-executables.ts';
import { allSizes } from '../compiling/sized-functions.ts';
import { openPlanOfRun } from '../planning/open-plan.ts';
import { EXIT } from '../shell/command.ts';
import { checkExport } from './check-export.ts';
import type { ExportArguments } from './options.ts';
import { otherModel, ownModel } from './other-model.ts';
import { openPredictor, selectPrediction } from './run-predictor.ts';

/** An ONNX file is one message of Protocol Buffers. */
const MAX_BYTES = 2 ** 31 - 1;
/** Relative to the largest value: what f32 and f64 may differ by. */
const MAX_DIFFERENCE = 1e-4;

export default async function (args: ExportArguments): Promise<number> {
  const directory = args.run ?? '';
  const batch = args.batch;
  const tasks = await wholeTasks(openRun(directory), args.model);
  const [program] = tasks.programs;
  if (!program) throw new Error('a plan has at least one shard');
  const { run, plan, shard } = await openPredictor(directory, 'reference', allSizes, async () => tasks);
  try {
    const prediction = selectPrediction(plan, args.task);
    const exported = exportOf(directory, program, prediction, batch);
    const values = await valuesOfStates(run, program);
    assertFinite(directory, exported, values);
    const bytes = exported.encode(values);
    const difference = await checkExport(bytes, exported, { prediction, program, shard, values });
    if (!(difference < MAX_DIFFERENCE))
      throw new EnvironmentError(
        'export/differs',
        `ONNX Runtime and the reference device differ (by ${difference})`,
        `weights of billions overflow f32: unless its training has diverged, please report this model; to look: ${nmc`eval ${directory}`}`,
      );
    const path = args.onnx ?? '';
    writeFileAtomic(ownPath(path), bytes);
    tell(args, path, bytes.length, exported, prediction, difference);
    return EXIT.done;
  } finally {
    await shard.close();
  }
}

/** The tasks to export, in one program. @param model another file's tasks */
async function wholeTasks(run: Run, model: string | undefined): Promise<VerifiedPlan> {
  if (model !== undefined) return otherModel(run, model);
  const planned = openPlanOfRun(run.directory);
  return planned.programs.length > 1 ? ownModel(run) : planned;
}

/** @throws UserError `weights/not-finite`: users of the file would silently get NaN */
function assertFinite(directory: string, { weights }: Exported, valuesOf: (state: State) => Float32Array): void {
  const wrong = weights.find((state) => !allFinite(valuesOf(state)));
  if (wrong)
    throw new UserError(
      'weights/not-finite',
      `${wrong.id} of ${directory} holds numbers that are not finite`,
      'its training has diverged: train again with a smaller rate',
    );
}

/** @throws UserError `export/batch`, `export/too-large`, `plan/kernels` */
function exportOf(
  directory: string,
  program: Program,
  prediction: PlanPrediction,
  batch: number | undefined,
): Exported {
  const called = program.functions.filter((f) => f.name === prediction.function);
  assertLowerable(directory, called, 'use fewer ticks: an exported model has all of them unrolled');
  const { sequence } = prediction;
  let exported: Exported;
  try {
    exported = buildExport(program, prediction.function, {
      ...(batch === undefined ? {} : { batch }),
      ...(sequence === undefined ? {} : { sequence }),
    });
  } catch (error) {
    if (!(error instanceof FixedBatch)) throw error;
    throw new UserError(
      'export/batch',
      `${prediction.task} predicts exactly ${prediction.batch} samples at once: ${error.message}`,
      `leave --batch out, or give --batch ${prediction.batch}`,
    );
  }
  const size = exported.weights.reduce((sum, { shape }) => sum + Float32Array.BYTES_PER_ELEMENT * sizeOf(shape), 0);
  if (size > MAX_BYTES)
    throw new UserError(
      'export/too-large',
      `the weights of ${prediction.task} take ${formatBytes(size)}, and an ONNX file holds at most ${formatBytes(MAX_BYTES)}`,
      `export a smaller model, or use this one directly: ${nmc`serve --run ${directory}`}`,
    );
  return exported;
}

/** The values of all states of a run's program as a predictor begins with them, in f32. */
async function valuesOfStates(run: Run, program: Program): Promise<(state: State) => Float32Array> {
  const values = new Map<string, Float32Array>();
  const write = async (id: string, data: ArrayLike<number>): Promise<void> => {
    values.set(id, Float32Array.from(data));
  };
  await fillStates({ write }, program.states, { tensors: run.readParameters() });
  return ({ id, shape }) => values.get(id) ?? new Float32Array(sizeOf(shape));
}

function tell(
  args: ExportArguments,
  path: string,
  bytes: number,
  { batch, reason, inputs, outputs }: Exported,
  { sequence }: PlanPrediction,
  difference: number,
): void {
  if (args.json) {
    const shown = ({ name, type, shape, about }: OnnxPort) => ({ name, type, shape, ...(about ? { about } : {}) });
    const named = { inputs: inputs.map(shown), outputs: outputs.map(shown) };
    const why = reason === undefined ? {} : { reason };
    emit({ event: 'exported', onnx: path, bytes, largestDifference: difference, batch, ...why, ...named });
    return;
  }
  const lines = [
    `wrote ${path} (${formatBytes(bytes)}), checked against the reference device: differs by at most ${difference.toExponential(1)}`,
    batch === 'any' ? 'one call takes any number of samples' : `one call takes exactly ${batch} samples`,
    ...(reason === undefined ? [] : [`it cannot take any number: ${reason}`]),
    ...(sequence === undefined ? [] : [`one call is one step of a sequence of ${sequence}`]),
    ...[...inputs, ...outputs].flatMap(({ name, about }) => (about === undefined ? [] : [`  ${name}: ${about}`])),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}
