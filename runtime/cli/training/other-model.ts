/**
 * `--model FILE`: a trained network asked by the tasks of another file. The network has to be the one that was trained;
 * everything around it may differ.
 */
import { basename, join } from 'node:path';
import type { Checked, ModelInstance } from '../../../compiler/3-check/checked.ts';
import type { Graph } from '../../../compiler/4-graph/graph.ts';
import { lowerGraph } from '../../../compiler/4-graph/lower.ts';
import { printLink, printNode } from '../../../compiler/4-graph/text.ts';
import { parameterStates } from '../../../compiler/5-program/lower.ts';
import { checkFile } from '../../../compiler/compile.ts';
import { listNames } from '../../../compiler/diagnostics/reporter.ts';
import { fileHost, type Host, overlayHost } from '../../../compiler/host.ts';
import { memberStates, type Program, type Shape, type State } from '../../../spec/program.ts';
import type { VerifiedPlan } from '../../plan/verify-plan.ts';
import { wholeSchedule } from '../../shard/whole.ts';
import type { RunConfig } from '../../store/run-config.ts';
import type { Run } from '../../store/run-folder.ts';
import { UserError } from '../../support/errors.ts';
import { buildStages, checkModel, planOf, settings } from '../compiling/compile-model.ts';
import { asPlanned } from '../planning/as-planned.ts';
import { openPlanOfRun } from '../planning/open-plan.ts';

/**
 * The file's predictions and checks as a plan for the run's weights, with the parameters that the run was trained with.
 * @throws DiagnosticsError; UserError `model/none`, `model/differs`
 */
export async function otherModel(run: Run, path: string): Promise<VerifiedPlan> {
  return tasksOf(run, path, fileHost());
}

/**
 * The run's own predictions and checks in one program, whatever it was trained in: made again from its text.
 * @throws as `otherModel`, also where modules of the text are no longer there
 */
export async function ownModel(run: Run): Promise<VerifiedPlan> {
  const { path, host } = ownText(run.config);
  return tasksOf(run, path, host);
}

function tasksOf(run: Run, path: string, host: Host): VerifiedPlan {
  const set = Object.entries(settingsOf(run.config)).map(([name, value]) => `${name}=${value}`);
  const file = checkModel(path, { set }, host);
  const model = modelIn(file.checked, run.config.model, path);
  const trained = trainedModel(run.config);
  if (trained) assertSame(differences(lowerGraph(trained.model), lowerGraph(model)), run, path);
  const { plan: planned, programs } = openPlanOfRun(run.directory);
  const own = file.checked.trains.filter((task) => task.model.name === model.name);
  const task = trained?.task ?? own.find((t) => t.name === run.config.task) ?? own[0];
  const predicts = file.checked.predicts.filter((p) => p.model.name === model.name);
  const staged = buildStages(asPlanned({ checked: file.checked, model, task, predicts }, planned));
  assertSame(otherWeights(weightsOf(programs), weightsOf([{ states: parameterStates(staged.graph) }])), run, path);
  const functions = staged.program.functions.filter((f) => f.role === 'predict');
  const states = staged.program.states.filter((s) => s.role !== 'optimizer');
  const program = { ...staged.program, states, functions };
  assertStatistics(program.states, run, path);
  const { plan, files } = planOf(file, { ...staged, program });
  return { plan, programs: [program], schedules: [wholeSchedule(program)], files, brought: [] };
}

function settingsOf({ settings: { set } }: Pick<RunConfig, 'settings'>): Record<string, string> {
  const pairs = typeof set === 'object' && set !== null ? Object.entries(set) : [];
  return settings({ set: pairs.map(([name, value]) => `${name}=${String(value)}`) });
}

function modelIn({ models }: Checked, name: string, path: string): ModelInstance {
  const found = models.find((model) => model.name === name) ?? (models.length === 1 ? models[0] : undefined);
  if (found) return found;
  const reason =
    models.length === 0 ? 'has no model' : `has ${listNames(models.map((m) => m.name))}, none named ${name}`;
  throw new UserError('model/none', `${path} ${reason}`, `the run trained ${name}: give its model that name`);
}

/** The network as the run's own text describes it; nothing where its modules are no longer there to be read. */
function trainedModel(config: RunConfig) {
  const { settings: stored, model, task } = config;
  const { path, host } = ownText(config);
  const { value } = checkFile(host, path, { set: settingsOf({ settings: stored }) });
  const found = value?.models.find((m) => m.name === model);
  return found && { model: found, task: value?.trains.find((t) => t.name === task) };
}

/** The text that a run was trained with, as a file beside its modules. */
function ownText({ source, settings: { folder } }: RunConfig): { readonly path: string; readonly host: Host } {
  const path = join(typeof folder === 'string' ? folder : '.', basename(source.path));
  return { path, host: overlayHost({ [path]: source.text }, fileHost()) };
}

/** Nodes and links that are not the same, however their weights begin. */
function differences(trained: Graph, given: Graph): string[] {
  const [before, after] = [factsOf(trained), factsOf(given)];
  return [
    ...[...before.keys()].filter((name) => !after.has(name)).map((name) => `${name} is missing`),
    ...[...after].flatMap(([name, facts]) => {
      const old = before.get(name);
      if (!old) return [`${name} is new`];
      const other = [...old.keys(), ...facts.keys()].find((what) => old.get(what) !== facts.get(what));
      return other === undefined ? [] : [`${name} has another ${other}`];
    }),
  ];
}

/** Facts of the graph's text about each node and link, by kind. */
function factsOf({ nodes, links }: Graph): Map<string, Map<string, string>> {
  const facts = ([head = '', ...lines]: readonly string[]): Map<string, string> =>
    new Map([
      ['shape or kind', head],
      ...lines.map((line): [string, string] => {
        const [what = '', weight = ''] = line.trim().split(' ');
        return what === 'weight' ? [`weight ${weight}`, line.replace(/\] = .*$/, ']')] : [what, line];
      }),
    ]);
  return new Map([
    ...nodes.map((n) => [`node ${n.name}`, facts(printNode(n))] as const),
    ...links.map((l) => [`link ${l.name}`, facts(printLink(l))] as const),
  ]);
}

function weightsOf(programs: readonly Pick<Program, 'states'>[]): Map<string, Shape> {
  const parameters = programs.flatMap((p) => p.states.flatMap(memberStates)).filter((s) => s.role === 'parameter');
  return new Map(parameters.map((s) => [s.slice?.of ?? s.id, s.slice?.shape ?? s.shape]));
}

function otherWeights(trained: ReadonlyMap<string, Shape>, given: ReadonlyMap<string, Shape>): string[] {
  const shown = (shape: Shape): string => `[${shape.join(', ')}]`;
  return [
    ...[...trained.keys()].filter((name) => !given.has(name)).map((name) => `weight ${name} is missing`),
    ...[...given].flatMap(([name, shape]) => {
      const before = trained.get(name);
      if (!before) return [`weight ${name} is new`];
      return shown(before) === shown(shape) ? [] : [`weight ${name} is ${shown(shape)}, not ${shown(before)}`];
    }),
  ];
}

const MAX_SHOWN = 3;

function assertSame(found: readonly string[], run: Run, path: string): void {
  if (found.length === 0) return;
  const more = found.length > MAX_SHOWN ? `; and ${found.length - MAX_SHOWN} more` : '';
  throw new UserError(
    'model/differs',
    `${path} describes another network than that of ${run.directory}: ${found.slice(0, MAX_SHOWN).join('; ')}${more}`,
    'leave the model as it was trained, and change its tasks only',
  );
}

/** What `standardize` takes of the training data was learnt then, or is not there. */
function assertStatistics(states: readonly State[], run: Run, path: string): void {
  const saved = new Set(run.readParameters().map((t) => t.name));
  const lacking = states.find((s) => s.init.kind === 'statistic' && !saved.has(s.id));
  if (lacking?.init.kind !== 'statistic') return;
  throw new UserError(
    'model/differs',
    `${path} standardizes ${lacking.init.field}, which the training of ${run.directory} did not`,
    `leave out standardize(… .${lacking.init.field}), or train with it`,
  );
}
