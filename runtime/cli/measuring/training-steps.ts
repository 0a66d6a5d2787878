/** A model text through the whole compiler onto a device, batch by batch, as `nmc train` does it. */

import { checkFile } from '../../../compiler/compile.ts';
import { DiagnosticsError } from '../../../compiler/diagnostics/diagnostics-error.ts';
import { fileHost, overlayHost } from '../../../compiler/host.ts';
import { initialValues } from '../../../spec/initialise.ts';
import { TRAIN } from '../../../spec/names.ts';
import { sizeOf } from '../../../spec/program.ts';
import { stream } from '../../../spec/random.ts';
import type { Device, FieldData } from '../../device/device.ts';
import { buildStages, selectTask } from '../compiling/compile-model.ts';
import type { KernelChoice } from '../compiling/gpu-kernels.ts';
import { formsOf } from './measure.ts';

const FILE = 'bench.pcn';
/** Horizon of schedules; any. */
const BATCHES = 1_000_000;

export interface TrainingSteps {
  /** Trains on one batch, always the same, and waits for its end. A device that can keeps it from the first step on. */
  step(): Promise<void>;
  close(): Promise<void>;
}

/** @param text with one `train` block, whose fields are of f32: they are filled with normal numbers */
export async function openTraining(text: string, device: Device, choice?: KernelChoice): Promise<TrainingSteps> {
  device.warmUp?.();
  const { value, diagnostics, texts } = checkFile(overlayHost({ [FILE]: text }, fileHost()), FILE);
  if (!value) throw new DiagnosticsError(diagnostics, texts);
  const model = { checked: value, warnings: [], texts, path: FILE };
  const { program } = buildStages(selectTask(model, undefined, {}));
  const session = await device.open({ program, files: await formsOf(device, program, choice) });
  for (const state of program.states) await session.write(state.id, initialValues(state, 1));
  const inputs: Record<string, FieldData> = {};
  const train = program.functions.find((f) => f.role === 'train');
  for (const { field, shape } of train?.inputs ?? []) {
    const rng = stream(0, field);
    inputs[field] = Float32Array.from({ length: sizeOf(shape) }, (_, i) => rng.normal(i));
  }
  const rows = Uint32Array.from({ length: train?.batch ?? 0 }, (_, i) => i);
  const resident = await session.makeResident?.(TRAIN, rows.length);
  let batch = 0;
  return {
    step: async () => {
      const position = { batch: batch++, batches: BATCHES };
      await (resident ? resident.run(rows, inputs, position) : session.run(TRAIN, inputs, position));
    },
    close: () => session.close(),
  };
}

/** Milliseconds of each of `runs` steps, behind `warm` others. */
export async function timeSteps({ step }: TrainingSteps, warm: number, runs: number): Promise<number[]> {
  for (let run = 0; run < warm; run++) await step();
  const times: number[] = [];
  for (let run = 0; run < runs; run++) {
    const started = performance.now();
    await step();
    times.push(performance.now() - started);
  }
  return times;
}
