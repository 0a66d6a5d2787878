/**
 * Stage 3: from resolved syntax to models, tasks, checks and schedules with every expression typed. A mistake poisons
 * only what depends on it, so that one run reports each mistake once.
 */
import type { Call, Check, Predict, Schedule, Train } from '../1-syntax/ast.ts';
import type { Program } from '../2-names/program.ts';
import type { Result, Span } from '../diagnostics/diagnostic.ts';
import { hasErrors } from '../diagnostics/diagnostic.ts';
import { Reporter } from '../diagnostics/reporter.ts';
import type { CallValue, Checked, DataField, PredictTask, TrainTask } from './checked.ts';
import { comparedData, elaborateCheck, taskRead } from './checks.ts';
import type { SampleFields } from './clamps.ts';
import { dataOf } from './data.ts';
import type { Environment, Session } from './environment.ts';
import { evaluate } from './evaluate.ts';
import { type ElaboratedModel, elaborateModel, withParameters } from './model.ts';
import { overridesOf } from './overrides.ts';
import { elaboratePredict } from './predict.ts';
import { checkCycleRule, findCycle, noteCycle } from './rules/cycles.ts';
import { checkExact } from './rules/exact.ts';
import {
  checkAlone,
  checkApart,
  checkDelays,
  checkFreeEnergies,
  checkPrecisions,
  checkSenses,
  checkStarts,
  checkTies,
} from './rules/tasks.ts';
import { elaborateSchedule } from './schedules.ts';
import { isKind } from './term.ts';
import { elaborateTrain } from './train.ts';

export interface CheckOptions {
  /** Values of model parameters from outside, by name: `--set hidden=64`. */
  readonly set?: Readonly<Record<string, string | number>>;
  /** Of the wiring that topologies draw; 0 when absent. */
  readonly seed?: number;
  /** False after errors in names: what depends on them is left out without a word. */
  readonly namesResolved?: boolean;
}

/** @param program with all names resolved. The value is there even after errors, without what they concern. */
export function check(program: Program, options: CheckOptions = {}): Result<Checked> {
  const reporter = new Reporter();
  const environment = open(program, reporter, options);
  const { session } = environment;
  const { declarations } = program.entry.source;
  const only = <K extends string>(kind: K) =>
    declarations.filter((d): d is Extract<typeof d, { kind: K }> => d.kind === kind);
  const models = new Map<string, ElaboratedModel>();
  const overrides = overridesOf(only('model'), options.set ?? {}, program, environment);
  for (const model of only('model'))
    if (!models.has(model.name.text)) models.set(model.name.text, elaborateModel(model, overrides, environment));
  const declared = only('train');
  const trains = trainAll(declared, models, environment);
  const predicts = predictAll(only('predict'), only('check'), trains, declared, models, environment);
  const byName = new Map(predicts.map((task) => [task.name, task]));
  const checks = only('check').flatMap((one) => {
    const model = models.get(byName.get(taskRead(one) ?? '')?.model.name ?? '');
    return elaborateCheck(one, byName, withParameters(environment, model)) ?? [];
  });
  const schedules = only('schedule').flatMap((one) => scheduleOf(one, models, environment) ?? []);
  if (options.namesResolved !== false) checkModels(models, program, reporter);
  const value: Checked = { models: [...models.values()].map((m) => m.instance), trains, predicts, checks, schedules };
  if (session.dropped > 0 && options.namesResolved !== false && !hasErrors(reporter.diagnostics))
    throw new Error(`${session.dropped} parts of ${program.entry.file} could not be checked, for no known reason`);
  return { value, diagnostics: reporter.diagnostics };
}

function open(program: Program, reporter: Reporter, options: CheckOptions): Environment {
  const session: Session = {
    program,
    reporter,
    seed: options.seed ?? 0,
    namesResolved: options.namesResolved !== false,
    linkParts: new Map(),
    nodeParts: new Map(),
    lastLink: undefined,
    plainNode: undefined,
    openClusters: new Set(),
    doubted: new Set(),
    depth: 0,
    dropped: 0,
  };
  session.plainNode = standardCall('nodes', 'gaussian', session);
  return { session, module: program.entry, names: new Map() };
}

/** `nodes.gaussian()` and the like, whether the file imports them or not. */
function standardCall(moduleName: string, name: string, session: Session): CallValue | undefined {
  const module = session.program.standard.get(moduleName);
  if (module === undefined) return undefined;
  const span: Span = { file: module.file, start: 0, end: 0 };
  const call: Call = { kind: 'call', callee: { kind: 'name', name, span }, arguments: [], span };
  const term = evaluate(call, { session, module, names: new Map() });
  return isKind(term, 'call') ? term : undefined;
}

function trainAll(
  trains: readonly Train[],
  models: ReadonlyMap<string, ElaboratedModel>,
  environment: Environment,
): TrainTask[] {
  const { session } = environment;
  const { reporter, program } = session;
  const defaults = { method: standardCall('learn', 'il', session), optimizer: standardCall('learn', 'adam', session) };
  const tasks: TrainTask[] = [];
  for (const train of trains) {
    const model = models.get(train.model.text);
    const made = model && elaborateTrain(train, model, defaults, environment);
    if (made === undefined) continue;
    const { task, methodSpan, clampsComplete } = made;
    tasks.push(task);
    checkCycleRule(task.model, task.method.definition.name.text, methodSpan, program.texts, reporter);
    if (clampsComplete) {
      checkFreeEnergies(task, reporter);
      checkSenses(task, task.model, reporter);
    }
    checkDelays(task, reporter);
    checkStarts(task, reporter);
    checkApart(task, reporter);
    checkPrecisions(task, reporter);
    checkTies(task, reporter);
  }
  return tasks;
}

function predictAll(
  predicts: readonly Predict[],
  checks: readonly Check[],
  trains: readonly TrainTask[],
  declared: readonly Train[],
  models: ReadonlyMap<string, ElaboratedModel>,
  environment: Environment,
): PredictTask[] {
  const tasks: PredictTask[] = [];
  for (const predict of predicts) {
    const model = models.get(predict.model.text);
    if (model)
      tasks.push(
        elaboratePredict(
          predict,
          model,
          sampleFields(predict, checks, trains, declared, withParameters(environment, model)),
          trains.find((t) => t.model.name === predict.model.text)?.sequence,
          environment,
        ),
      );
  }
  return tasks;
}

/** Fields of `input`: those of `on …`, else of the data that train the model, else of the checks of the task. */
function sampleFields(
  predict: Predict,
  checks: readonly Check[],
  trains: readonly TrainTask[],
  declared: readonly Train[],
  environment: Environment,
): SampleFields {
  if (predict.on !== undefined) {
    const data = dataOf(predict.on, environment, evaluate);
    return { fields: data?.reference.fields ?? [], source: data?.reference.source ?? 'the data' };
  }
  const fields = new Map<string, DataField>();
  const sources = new Set<string>();
  const add = (source: string, more: readonly DataField[]): void => {
    sources.add(source);
    for (const field of more) if (!fields.has(field.name)) fields.set(field.name, field);
  };
  for (const train of trains) if (train.model.name === predict.model.text) add(train.data.source, train.data.fields);
  for (const check of checks) {
    const data = comparedData(check);
    if (taskRead(check) !== predict.name.text) continue;
    const reference = data && dataOf(data, environment, evaluate)?.reference;
    if (reference) add(reference.source, reference.fields);
  }
  const source =
    sources.size === 0 ? 'no data is named: add `on data.NAME.SPLIT` to the task' : [...sources].join(' and ');
  const lost = declared.some(
    ({ name, model }) => model.text === predict.model.text && !trains.some((task) => task.name === name.text),
  );
  return { fields: [...fields.values()], source, lost };
}

function scheduleOf(schedule: Schedule, models: ReadonlyMap<string, ElaboratedModel>, environment: Environment) {
  const model = models.get(schedule.model.text);
  return model && elaborateSchedule(schedule, model, environment);
}

/** Only for models that are whole: an unknown name leaves nodes without links. */
function checkModels(models: ReadonlyMap<string, ElaboratedModel>, program: Program, reporter: Reporter): void {
  if (hasErrors(reporter.diagnostics)) return;
  const trained = new Set(program.entry.source.declarations.flatMap((d) => (d.kind === 'train' ? [d.model.text] : [])));
  for (const { instance } of models.values()) {
    checkAlone(instance, reporter);
    checkExact(instance, program.texts, reporter);
    if (!trained.has(instance.name))
      reporter.report('model/untrained', instance.span, `\`${instance.name}\` has no \`train\` block`, {
        repair: `\`train learn_it of ${instance.name} on data.mnist.train { … }\`, with your data`,
      });
    noteCycle(findCycle(instance), program.texts, reporter);
  }
}
