/** A model text through the whole compiler onto a device, batch by batch, as `nmc train` does it. */

import { checkFile } from '../../../compiler/compile.ts';
import { DiagnosticsError } from '../../../compiler/diagnostics/diagnostics-error.ts';
import { fileHost, overlayHost } from '../../../compiler/host.ts';
import { initialValues } from '../../../spec/initialise.ts';
import { TRAIN } from '../../../spec/names.ts';
import { type Input, type Program, sizeOf } from '../../../spec/program.ts';
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

export interface TaskChoice {
  /** The first `train` block when absent. */
  readonly task?: string;
  /** Values of the model's parameters. */
  readonly set?: Readonly<Record<string, string>>;
}

/** @throws DiagnosticsError where the model has errors */
export function programOf(text: string, { task, set = {} }: TaskChoice = {}): Program {
  const { value, diagnostics, texts } = checkFile(overlayHost({ [FILE]: text }, fileHost()), FILE, { set });
  if (!value) throw new DiagnosticsError(diagnostics, texts);
  const model = { checked: value, warnings: [], texts, path: FILE };
  return buildStages(selectTask(model, task, {})).program;
}

/** @param text with one `train` block */
export async function openTraining(text: string, device: Device, choice?: KernelChoice): Promise<TrainingSteps> {
  device.warmUp?.();
  return openProgram(programOf(text), device, choice);
}

/** Fields of f32 are filled with normal numbers, those of whole numbers with such below ten. */
export async function openProgram(program: Program, device: Device, choice?: KernelChoice): Promise<TrainingSteps> {
  const session = await device.open({ program, files: await formsOf(device, program, choice) });
  for (const state of program.states) await session.write(state.id, initialValues(state, 1));
  const inputs: Record<string, FieldData> = {};
  const train = program.functions.find((f) => f.role === 'train');
  for (const input of train?.inputs ?? []) inputs[input.field] = filled(input);
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

function filled({ field, type, shape }: Input): FieldData {
  const rng = stream(0, field);
  const length = sizeOf(shape);
  const digit = (i: number): number => Math.floor(10 * rng.uniform(i));
  switch (type) {
    case 'u8':
      return Uint8Array.from({ length }, (_, i) => digit(i));
    case 'i32':
      return Int32Array.from({ length }, (_, i) => digit(i));
    case 'f32':
      return Float32Array.from({ length }, (_, i) => rng.normal(i));
  }
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
