/** From a file on disk to a plan in memory, for every command that needs one. */
import type { Checked, TrainTask } from '../../../compiler/3-check/checked.ts';
import { isAutoRate } from '../../../compiler/5-program/auto-rate.ts';
import type { Freedom } from '../../../compiler/5-program/free-ticks.ts';
import type { OldPlaces } from '../../../compiler/6-partition/cut-pieces.ts';
import type { Machines } from '../../../compiler/6-partition/problem.ts';
import { type BuiltPlan, builtOf, type PlanDraft } from '../../../compiler/8-plan/build.ts';
import {
  buildPlan,
  buildPlanWithKernels,
  buildProgram,
  checkFile,
  inputsOf,
  type Made,
  type Observer,
  type PlanInputs,
  type Selected,
  type Staged,
} from '../../../compiler/compile.ts';
import type { Diagnostic } from '../../../compiler/diagnostics/diagnostic.ts';
import { DiagnosticsError } from '../../../compiler/diagnostics/diagnostics-error.ts';
import { closest } from '../../../compiler/diagnostics/suggest.ts';
import { fileHost, type Host } from '../../../compiler/host.ts';
import type { Plan } from '../../../spec/plan.ts';
import type { Program } from '../../../spec/program.ts';
import { nmc } from '../../support/command-text.ts';
import { UserError } from '../../support/errors.ts';
import { formatBytes } from '../../support/format-numbers.ts';
import { withProgress } from '../../support/progress.ts';
import { batchTime } from '../planning/cut-time.ts';
import { debugLog, timed } from '../shell/debug.ts';
import { exampleModel } from '../shell/example-model.ts';
import { compilerName } from '../shell/package-root.ts';
import type { CompileArguments } from './options.ts';

export interface CheckedModel {
  readonly checked: Checked;
  readonly warnings: readonly Diagnostic[];
  readonly texts: ReadonlyMap<string, string>;
  readonly path: string;
}

export interface SetArguments {
  /** `name=value` of parameters. */
  readonly set?: readonly string[];
}

interface TaskArguments {
  readonly epochs?: number | undefined;
  readonly batch?: number | undefined;
}

type CutArguments = Pick<CompileArguments, 'mesh' | 'from' | 'partition'>;

/** @throws DiagnosticsError when the model has errors */
export function checkModel(path: string, args: SetArguments, host: Host = fileHost()): CheckedModel {
  const { value, diagnostics, texts: sources } = checkFile(host, path, { set: settings(args) }, OBSERVER);
  if (!value || diagnostics.some((d) => d.severity === 'error')) throw new DiagnosticsError(diagnostics, sources);
  return { checked: value, warnings: diagnostics.filter((d) => d.severity === 'warning'), texts: sources, path };
}

/** `--set name=value`, as a record. */
export function settings(args: SetArguments): Record<string, string> {
  const found: Record<string, string> = {};
  for (const item of args.set ?? []) {
    const at = item.indexOf('=');
    if (at < 1) throw new UserError('usage/set', `--set needs name=value, not ${item}`, 'for example --set hidden=256');
    const [name, value] = [item.slice(0, at).trim(), item.slice(at + 1).trim()];
    if (found[name] !== undefined && found[name] !== value)
      throw new UserError(
        'usage/set',
        `--set gives ${name} two values, ${found[name]} and ${value}`,
        'leave one of them out; to try several values, train once for each',
      );
    found[name] = value;
  }
  return found;
}

/** The task to train, its model and all ways of predicting with it; `--epochs` and `--batch` applied. */
export function selectTask(
  model: Pick<CheckedModel, 'checked' | 'path'>,
  name: string | undefined,
  args: TaskArguments,
): Selected {
  const { trains, predicts, models } = model.checked;
  const found = name === undefined ? trains[0] : trains.find((t) => t.name === name);
  if (name !== undefined && !found) {
    const names = trains.map((t) => t.name);
    const close = closest(name, names);
    throw new UserError(
      'task/unknown',
      `${model.path} has no train block named ${name}`,
      close ? `did you mean ${close}?` : names.length > 0 ? `there are: ${names.join(', ')}` : 'it has no train blocks',
    );
  }
  const instance = found?.model ?? models.at(-1);
  if (!instance) throw new UserError('model/none', `${model.path} has no model`, 'write `model NAME { … }`');
  const epochs = args.epochs;
  const batch = args.batch;
  const task: TrainTask | undefined = found && {
    ...found,
    epochs: epochs ?? found.epochs,
    batch: batch ?? found.batch,
  };
  if (task && task.batch % task.replicas !== 0)
    throw new UserError(
      'task/batch',
      `a batch of ${task.batch} cannot be shared among ${task.replicas} replicas`,
      `use a multiple of ${task.replicas}`,
    );
  return {
    checked: model.checked,
    model: instance,
    task,
    predicts: predicts.filter((p) => p.model.name === instance.name),
  };
}

/** A task that can be trained. @throws UserError when the file has no train block */
export function requireTask(selected: Selected, path: string): Selected & { task: TrainTask } {
  const { task } = selected;
  if (!task)
    throw new UserError(
      'task/none',
      `${path} has no train block`,
      `write \`train NAME of MODEL on data.… { … }\`, or use ${nmc`show FILE`}`,
    );
  return { ...selected, task };
}

/** Statements of a plan about its origin. */
export function planInputs(model: CheckedModel): PlanInputs {
  return inputsOf(compilerName(), model.texts);
}

/** Output of NMC_DEBUG: times, the program behind each pass, the graphs of ONNX. */
export const OBSERVER: Observer = { timed, made: debugMade };

function debugMade(made: Made): void {
  const { shows, debug } = debugLog();
  if (made.stage === 'program') debug('graph', () => `after ${made.name}\n${made.print()}`);
  if (made.stage === 'onnx' && shows('kernels'))
    void made.print().then((text) => debug('kernels', `${made.name}\n${text}`));
}

/** Graph, program and passes. @throws UserError `rate/auto` */
export function buildStages(selected: Selected, after?: string, microbatches = 1, async?: Freedom): Staged {
  assertRate(selected);
  return buildProgram(selected, { after, microbatches, async }, OBSERVER);
}

/** A rate that is to be found when the training begins is not known before. @throws UserError `rate/auto` */
export function assertRate({ task }: Selected): void {
  if (!task || !isAutoRate(task)) return;
  throw new UserError(
    'rate/auto',
    `${task.name} has \`rate = auto\`, which is found when its training begins`,
    `train or deploy the model file itself, or name a rate in its method, as \`rate = 0.1\``,
  );
}

/** The same without the passes where the model is cut: they run on it as it is cut then, every node by itself. */
export function buildStagesFor(shards: number, selected: Selected, microbatches = 1, async?: Freedom): Staged {
  return buildStages(selected, shards > 1 ? 'none' : undefined, microbatches, async);
}

/** @param cut how to cut it; one shard when absent @throws UserError `partition/…` where it cannot be cut this way */
export function planOf(model: CheckedModel, staged: Staged, cut?: Cut): BuiltPlan {
  if (cut !== undefined && cut.shards > 1) return builtOf(cutPlanOf(model, staged, cut));
  const built = builtOf(drafted(model, buildPlan(staged, planInputs(model), {}, OBSERVER)));
  assertFits(model.path, built.plan, cut?.machines);
  return built;
}

/** A plan of one shard that brings its kernels for GPUs: several shards make them where each of them runs. */
export async function planWithKernels(
  model: CheckedModel,
  staged: Staged,
  { machines }: Cut,
  lower: (program: Program) => Promise<ReadonlyMap<string, Uint8Array>>,
): Promise<BuiltPlan> {
  const built = await buildPlanWithKernels(staged, planInputs(model), lower, OBSERVER);
  assertFits(model.path, built.plan, machines);
  return built;
}

/** Into how many shards, on which machines. */
export interface Cut {
  readonly shards: number;
  readonly machines?: Machines;
  /** Machines of nodes that a mesh file keeps on one. */
  readonly pinned?: ReadonlyMap<string, number>;
  /** Of an older plan, to move as little as is worth it. */
  readonly old?: OldPlaces;
  /** That plan. */
  readonly from?: Plan;
}

/** `--mesh FILE`, or `--partition K`: a shard for each machine, in the order of the file. */
export async function meshCutOf(args: CutArguments): Promise<Cut> {
  const path = args.mesh;
  const older = args.from;
  const old = older === undefined ? {} : await oldPlaces(older);
  const asked = { ...cutOf(args.partition), ...old };
  if (path === undefined) return asked;
  const [{ readMesh }, { machinesOf }] = await Promise.all([
    import('../../plan/mesh-file.ts'),
    import('../../../compiler/6-partition/machines-of.ts'),
  ]);
  const mesh = readMesh(path);
  const machines = machinesOf(mesh);
  const pinned = new Map(mesh.machines.flatMap(({ nodes = [] }, i) => nodes.map((name) => [name, i] as const)));
  const shards = machines.list.length;
  if (args.partition !== undefined && asked.shards !== shards)
    throw new UserError(
      'partition/machines',
      `${path} has ${shards} machines, --partition asks for ${asked.shards} shards`,
      'leave out --partition: every machine of the file gets a shard',
    );
  return { shards, machines, pinned, ...old };
}

/** `--from PLAN`: it, and where its pieces are, by the names of machines. */
async function oldPlaces(folder: string): Promise<Pick<Cut, 'old' | 'from'>> {
  const [{ openPlan }, { placesIn }] = await Promise.all([
    import('../planning/open-plan.ts'),
    import('../../../compiler/6-partition/cut-pieces.ts'),
  ]);
  const { plan } = openPlan(folder);
  return { old: placesIn(plan), from: plan };
}

/** A model that is not cut has to fit the one machine. */
function assertFits(path: string, plan: BuiltPlan['plan'], machines: Machines | undefined): void {
  const [machine] = machines?.list ?? [];
  const [shard] = plan.shards;
  if (!machine || !shard || shard.memory <= machine.memory) return;
  throw new UserError(
    'partition/impossible',
    `${path} cannot be placed this way: ${machine.name} has ${formatBytes(machine.memory)}, ${plan.model} needs ${formatBytes(shard.memory)}`,
    'add machines or memory, or make the batch smaller',
  );
}

/**
 * A plan of several shards, whose files are made when they are written. @throws UserError `partition/…`, `mesh/node`
 */
export function cutPlanOf(model: CheckedModel, staged: Staged, cut: Cut): PlanDraft {
  const { shards, machines, old, pinned = new Map<string, number>() } = cut;
  const known = new Set(staged.graph.nodes.map((n) => n.name));
  const unknown = [...pinned.keys()].find((name) => !known.has(name));
  if (unknown !== undefined)
    throw new UserError(
      'mesh/node',
      `${staged.graph.name} has no node ${unknown}, which the mesh file keeps on ${machines?.list[pinned.get(unknown) ?? 0]?.name}`,
      `name nodes as ${nmc`show FILE --stage graph`} does`,
    );
  const options = { shards, machines, old, pinned, batchTime };
  return drafted(
    model,
    withProgress((note) => buildPlan(staged, planInputs(model), options, { ...OBSERVER, note })),
  );
}

/** @throws UserError `partition/impossible` */
function drafted(model: CheckedModel, result: ReturnType<typeof buildPlan>): PlanDraft {
  if (result.kind === 'draft') return result.draft;
  throw new UserError('partition/impossible', `${model.path} cannot be cut this way: ${result.reason}`, result.repair);
}

/** `--partition K`, `--shards K`: 1 where it is not given. */
export function cutOf(shards: number | undefined): Cut {
  return { shards: shards ?? 1 };
}

export function fileArgument(file: string | undefined): string {
  if (file === undefined)
    throw new UserError('usage/file', 'name a model file', `for example ${nmc`train ${exampleModel()}`}`);
  return file;
}
