/**
 * Text to plan: every stage in its order, and the printer of what it makes. No other file calls two stages.
 *
 * `compile` goes all the way. Commands that decide something on the way call its three parts: `checkFile` reads a text,
 * `buildProgram` makes the program of one of its tasks, `buildPlan` the files of its plan.
 */
import { basename } from 'node:path';
import type { Program } from '../spec/program.ts';
import { printProgram } from '../spec/program-text.ts';
import type { SourceFile } from './1-syntax/ast.ts';
import { parse } from './1-syntax/parse.ts';
import { printSourceFile } from './1-syntax/text.ts';
import { loadProgram } from './2-names/load.ts';
import type { Program as Modules } from './2-names/program.ts';
import { resolve } from './2-names/resolve.ts';
import { type CheckOptions, check } from './3-check/check.ts';
import type { Checked, ModelInstance, PredictTask, TrainTask } from './3-check/checked.ts';
import { withoutConsequences } from './3-check/consequences.ts';
import { withFrozen } from './4-graph/frozen.ts';
import type { Graph } from './4-graph/graph.ts';
import { lowerGraph } from './4-graph/lower.ts';
import { printGraph } from './4-graph/text.ts';
import type { AtRest } from './5-program/arrivals.ts';
import { type Lowered, passedInSteps } from './5-program/at-rest.ts';
import { withRate } from './5-program/auto-rate.ts';
import { withSteps } from './5-program/auto-steps.ts';
import type { Freedom } from './5-program/free-ticks.ts';
import { keptValues } from './5-program/kept-values.ts';
import { type LowerOptions, lowerProgram } from './5-program/lower.ts';
import { runPasses } from './5-program/passes/index.ts';
import { lowerProbe } from './5-program/probe.ts';
import { reportReach } from './5-program/reach.ts';
import type { CannotCut } from './6-partition/cannot-cut.ts';
import { type CutOptions, cutModel, type Uncut } from './6-partition/cut-model.ts';
import type { Machines } from './6-partition/problem.ts';
import { scheduledMachines } from './6-partition/scheduled-machines.ts';
import { lanesFor, withLanes } from './7-kernels/onnx/lanes.ts';
import { lowerToCpu } from './7-kernels/onnx/lower.ts';
import { lowerEachToCpu } from './7-kernels/onnx/shards.ts';
import { type BuiltPlan, builtOf, draftPlan, type PlanDraft, planBytes } from './8-plan/build.ts';
import { withKernels } from './8-plan/kernels.ts';
import { draftShardedPlan } from './8-plan/shards.ts';
import { type Diagnostic, hasErrors, type Result } from './diagnostics/diagnostic.ts';
import { inOrder } from './diagnostics/in-order.ts';
import { Reporter } from './diagnostics/reporter.ts';
import { type Host, STANDARD } from './host.ts';

/** Samples in one run of a prediction: enough for the products, little enough for one input. */
export const PREDICT_BATCH = 256;

export type Stage = 'ast' | 'graph' | 'program' | 'onnx' | 'plan';

/** Result of a stage. */
export type Made = {
  /**
   * A program: the pass behind which it is so, `none` before the first. A graph of ONNX: its file. Else the model's.
   */
  readonly name: string;
  readonly task?: string | undefined;
} & (
  | { readonly stage: Exclude<Stage, 'onnx'>; readonly print: () => string }
  | { readonly stage: 'onnx'; readonly print: () => Promise<string> }
);

/** Looks on; none of it changes what is made. */
export interface Observer {
  readonly made?: (made: Made) => void;
  /** Called with what is being done, since cutting into many shards takes a while. */
  readonly note?: ((doing: string) => void) | undefined;
  /** Does the work of a few stages, and may look at a clock before and after it. */
  readonly timed?: <T>(stages: string, work: () => T) => T;
}

export interface Source {
  readonly host: Host;
  readonly path: string;
}

export interface CompileOptions extends ProgramOptions, PlanOptions {
  readonly check?: Omit<CheckOptions, 'namesResolved'>;
  /** The task of the file, or several, each of which becomes a plan. */
  readonly select: (checked: Checked) => readonly Selected[];
  /** The stage to stop behind. */
  readonly until?: Stage;
  readonly compiler: string;
}

export interface Compiled {
  readonly file: CheckedFile;
  /** Nothing where the file has errors, or an earlier stage was the last. */
  readonly staged: readonly Staged[];
  readonly plans: readonly (Drafted | CannotCut)[];
}

/** All stages of a file. */
export function compile(source: Source, options: CompileOptions, observer: Observer = {}): Compiled {
  const { until = 'plan', select, compiler } = options;
  if (until === 'ast') return { file: parseFile(source, observer), staged: [], plans: [] };
  const file = checkFile(source.host, source.path, options.check, observer);
  if (!file.value) return { file, staged: [], plans: [] };
  const staged = select(file.value).map((selected) => buildProgram(selected, options, observer));
  const inputs = inputsOf(compiler, file.texts);
  const goesOn = until === 'onnx' || until === 'plan';
  const plans = goesOn ? staged.map((each) => buildPlan(each, inputs, options, observer)) : [];
  return { file, staged, plans };
}

export interface CheckedFile extends Result<Checked> {
  /** Undefined when a file could not be read or parsed. */
  readonly program: Modules | undefined;
  readonly source: SourceFile | undefined;
  /** Of every file that was read, for showing diagnostics. */
  readonly texts: ReadonlyMap<string, string>;
}

/** Stage 1 alone: what a file says of other files is not looked at. */
function parseFile({ host, path }: Source, observer: Observer): CheckedFile {
  const found = host.read(path);
  const text = found.kind === 'text' ? found.text : '';
  const { value, diagnostics } = parse(text, path);
  if (value) observer.made?.({ stage: 'ast', name: path, print: () => printSourceFile(value) });
  return { value: undefined, diagnostics, program: undefined, source: value, texts: new Map([[path, text]]) };
}

/** Stages 1 to 3: reads a file with what it imports and checks it. The value is there only without errors. */
export function checkFile(
  host: Host,
  path: string,
  options: Omit<CheckOptions, 'namesResolved'> = {},
  observer: Observer = {},
): CheckedFile {
  return timed(observer, 'parse and check', () => {
    const loaded = loadProgram(host, path);
    const { texts, value: program } = loaded;
    if (program === undefined)
      return { value: undefined, diagnostics: loaded.diagnostics, program, source: undefined, texts };
    const { source } = program.entry;
    observer.made?.({ stage: 'ast', name: path, print: () => printSourceFile(source) });
    const names = resolve(program);
    const namesResolved = !hasErrors([...loaded.diagnostics, ...names]);
    const checked = check(program, { ...options, namesResolved });
    const reached = checked.value && !hasErrors(checked.diagnostics) ? reachedBy(checked.value) : [];
    const found = [...loaded.diagnostics, ...names, ...checked.diagnostics, ...reached];
    const diagnostics = inOrder(withoutConsequences(found, program.entry), path);
    const value = hasErrors(diagnostics) ? undefined : checked.value;
    return { value, diagnostics, program, source, texts };
  });
}

/** Tasks whose rule cannot reach a node. Where the cut decides which nodes keep values, it also decides this. */
function reachedBy({ trains, predicts }: Checked): readonly Diagnostic[] {
  const reporter = new Reporter();
  for (const task of trains) {
    const { model } = task;
    const { graph, keeping } = keptValues(
      graphOf(model, task),
      task,
      predicts.filter((p) => p.model === model),
    );
    if (!keeping) reportReach(graph, withSteps(task, graph), reporter);
  }
  return reporter.diagnostics;
}

/** One task of a file. */
export interface Selected {
  readonly checked: Checked;
  readonly model: ModelInstance;
  readonly task: TrainTask | undefined;
  readonly predicts: readonly PredictTask[];
  /** Nodes that keep values, where an older plan or a run has decided: else the task's `values` and the cut do. */
  readonly kept?: ReadonlySet<string> | undefined;
}

/** Its program, before the passes and behind them. */
export interface Staged extends Selected, Omit<Uncut, 'checked'> {
  readonly graph: Graph;
  /** As lowered, before any pass. */
  readonly lowered: Program;
  readonly program: Program;
}

export interface ProgramOptions {
  /** The pass to stop behind; `none`: before the first. */
  readonly after?: string | undefined;
  /** Parts of a batch of training that are in flight side by side. */
  readonly microbatches?: number;
  /** For the schedule `async`. */
  readonly async?: Freedom | undefined;
}

/** Stages 4 and 5. */
export function buildProgram(
  selected: Selected,
  { after, microbatches = 1, async }: ProgramOptions = {},
  observer: Observer = {},
): Staged {
  const { model, predicts } = selected;
  return timed(observer, 'graph and program', () => {
    const values = keptValues(graphOf(model, selected.task), selected.task, predicts, selected.kept);
    const written = { predictBatch: PREDICT_BATCH, microbatches };
    const lowered = (from: Graph): Lowered => loweredFrom(from, selected, written, async);
    const { graph, task, lower } = lowered(values.graph);
    const { keeping } = values;
    const borders = keeping && {
      all: lowered(graphOf(model, selected.task)),
      keeping: (kept: ReadonlySet<string>) => lowered(keeping(kept)),
    };
    observer.made?.({ stage: 'graph', name: graph.name, print: () => printGraph(graph) });
    const made = (name: string, program: Program): void =>
      observer.made?.({ stage: 'program', name, task: task?.name, print: () => printProgram(program) });
    const lanes = task ? lanesFor(graph, task) : 1;
    const lowerForOne = (atRest: AtRest): Program => withLanes(lower(atRest), { graph, task, atRest }, lanes);
    const staged = { ...selected, task, graph, lower, ...(borders && { borders }), ...(async && { async }) };
    if (after === 'none') {
      const lowered = lowerForOne('rounding');
      made('none', lowered);
      return { ...staged, lowered, program: lowered };
    }
    const { kept, program, behind } = passedInSteps({ ...staged, lower: lowerForOne }, runPasses);
    made('none', kept);
    for (const [name, current] of behind) {
      made(name, current);
      if (name === after) return { ...staged, lowered: kept, program: current };
    }
    return { ...staged, lowered: kept, program };
  });
}

/** The model's, as a task trains it. */
function graphOf(model: ModelInstance, task: TrainTask | undefined): Graph {
  return withFrozen(lowerGraph(model), task?.frozen);
}

/** What looks for the curvature of a task's energy (`5-program/probe.ts`), at any rate. */
export function buildProbe({ model, task, predicts, kept }: Selected & { readonly task: TrainTask }): Program {
  const { graph } = keptValues(graphOf(model, task), task, predicts, kept);
  return runPasses(lowerProbe(graph, withSteps(withRate(task, 1), graph)));
}

/** The program of a graph, made when it is asked for. */
function loweredFrom(
  graph: Graph,
  { task: asked, predicts }: Selected,
  written: Pick<LowerOptions, 'predictBatch' | 'microbatches'>,
  async: Freedom | undefined,
): Lowered {
  const task = asked && withSteps(asked, graph, async?.staleness);
  let plain: Program | undefined;
  const lower = (atRest: AtRest): Program => {
    if (atRest !== 'rounding') return lowerProgram(graph, task, predicts, { ...written, atRest });
    plain ??= lowerProgram(graph, task, predicts, written);
    return plain;
  };
  return { graph, task, lower };
}

/** Statements of a plan about its origin. */
export interface PlanInputs {
  readonly compiler: string;
  readonly modules: readonly { readonly path: string; readonly text: string }[];
}

export interface PlanOptions extends Omit<CutOptions, 'note' | 'passed'> {
  /** One where nothing is said. */
  readonly shards?: number;
  /** One for each shard; as the model's schedule has them where nothing is said. */
  readonly machines?: Machines | undefined;
}

export interface Drafted {
  readonly kind: 'draft';
  readonly draft: PlanDraft;
}

/** Stages 6 to 8. */
export function buildPlan(
  staged: Staged,
  inputs: PlanInputs,
  { shards = 1, machines, old, pinned, batchTime }: PlanOptions = {},
  observer: Observer = {},
): Drafted | CannotCut {
  const source = { ...inputs, ...staged };
  if (shards === 1) {
    const cpu = timed(observer, 'onnx', () => lowerToCpu(staged.program));
    observeGraphs(cpu, observer);
    return observed(
      timed(observer, 'plan', () => draftPlan({ ...source, cpu })),
      staged.graph.name,
      observer,
    );
  }
  return timed(observer, 'shards', () => {
    const { note, made } = observer;
    const task = staged.task?.name;
    const passed =
      made &&
      ((name: string, program: Program): void =>
        made({ stage: 'program', name, task, print: () => printProgram(program) }));
    const fleet = machines ?? scheduledMachines(staged, shards);
    const cut = cutModel(staged, fleet, { old, pinned, note, passed, batchTime });
    if (cut.kind === 'impossible') return cut;
    const programs = cut.split.map((shard) => shard.program);
    const filesOf = lowerEachToCpu(programs, ({ path, bytes }) => observeGraphs(new Map([[path, bytes]]), observer));
    const whole = {
      ...source,
      graph: cut.graph,
      task: cut.task,
      program: cut.program,
      cpu: new Map<string, Uint8Array>(),
    };
    const draft = draftShardedPlan(whole, { ...cut, shards: cut.split, filesOf, machines: fleet });
    return observed(draft, staged.graph.name, observer);
  });
}

/**
 * The same for one shard, with the kernels of GPUs, which plans of several shards do not bring.
 *
 * @param lower to WGSL, as the caller wants it
 */
export async function buildPlanWithKernels(
  staged: Staged,
  inputs: PlanInputs,
  lower: (program: Program) => Promise<ReadonlyMap<string, Uint8Array>>,
  observer: Observer = {},
): Promise<BuiltPlan> {
  const drafted = buildPlan(staged, inputs, {}, observer);
  if (drafted.kind === 'impossible') throw new Error(drafted.reason);
  return withKernels(builtOf(drafted.draft), await lower(staged.program));
}

function observed(draft: PlanDraft, name: string, { made }: Observer): Drafted {
  made?.({ stage: 'plan', name, print: () => new TextDecoder().decode(planBytes(draft.whole().plan)) });
  return { kind: 'draft', draft };
}

function observeGraphs(files: ReadonlyMap<string, Uint8Array>, { made }: Observer): void {
  for (const [name, bytes] of files)
    if (name.endsWith('.onnx'))
      made?.({
        stage: 'onnx',
        name,
        // Needs a large library, and is rarely wanted.
        print: async () => (await import('./7-kernels/onnx/text.ts')).printOnnx(bytes),
      });
}

/** The folder of a model stays private, and differs between machines. */
export function inputsOf(compiler: string, texts: ReadonlyMap<string, string>): PlanInputs {
  const modules = [...texts].map(([file, text]) => ({
    path: file.startsWith(STANDARD) ? file : basename(file),
    text,
  }));
  return { compiler, modules };
}

function timed<T>({ timed: time }: Observer, stages: string, work: () => T): T {
  return time ? time(stages, work) : work();
}
