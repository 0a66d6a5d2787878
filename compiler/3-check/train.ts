/** `train il of mnist on data.mnist.train { … }` */
import type { Train } from '../1-syntax/ast.ts';
import type { Span } from '../diagnostics/diagnostic.ts';
import type { Reporter } from '../diagnostics/reporter.ts';
import type { CallValue, ModelInstance, OptimizerInstance, TrainTask, Value } from './checked.ts';
import { elaborateClamps } from './clamps.ts';
import { dataOf } from './data.ts';
import { type Environment, inside } from './environment.ts';
import { evaluate } from './evaluate.ts';
import { frozenBy, placesToFreeze } from './frozen.ts';
import { decayingApart, decays } from './learning-in.ts';
import { type ElaboratedModel, withParameters } from './model.ts';
import { OF_STEPS } from './move-pictures.ts';
import { elaborateOptimizer } from './optimizer.ts';
import { checkRates, fieldsOfStep, stepCount } from './sequence.ts';
import { callOf, type Given, Settings, wholeNumber, word } from './settings.ts';
import { elaborateStarts } from './starts.ts';
import { refuseStatements } from './statements.ts';

/** Samples per weight step, and passes over the data, where a task does not say. */
export const DEFAULT_BATCH = 128;
export const DEFAULT_EPOCHS = 10;
const SETTINGS = ['method', 'optimizer', 'batch', 'epochs', 'seed', 'sequence', 'last', 'values', 'frozen'];

export interface Defaults {
  readonly method: CallValue | undefined;
  readonly optimizer: CallValue | undefined;
}

/** A task as later stages want it, with the places that rules point at. */
export interface ElaboratedTrain {
  readonly task: TrainTask;
  readonly methodSpan: Given<CallValue>['span'];
  readonly clampsComplete: boolean;
}

/** Undefined after a report. */
export function elaborateTrain(
  train: Train,
  model: ElaboratedModel,
  defaults: Defaults,
  environment: Environment,
): ElaboratedTrain | undefined {
  const { session } = environment;
  const { reporter } = session;
  refuseStatements(train.body, ['clamp', 'start', 'validate', 'setting'], 'a train task', reporter);
  const ofData = withParameters(environment, model);
  const data = train.on && dataOf(train.on, ofData, evaluate, true);
  if (train.on === undefined)
    reporter.report('task/data', train.name.span, 'a train task must say what it trains on', {
      repair: `\`train ${train.name.text} of ${train.model.text} on data.mnist.train\``,
    });
  const validation = validationOf(train, ofData);
  const scope = inside(environment, model.names);
  const settings = new Settings(train.body, SETTINGS, 'a train task', scope);
  const method = settings.read('method', callOf('method', 'learn.il(steps = 8, rate = 0.05)'));
  const optimizer = settings.read('optimizer', callOf('optimizer', 'learn.adam(rate = 0.001)'));
  const batch = settings.read('batch', wholeNumber(1, 2 ** 24));
  const epochs = settings.read('epochs', wholeNumber(1, 2 ** 31));
  const seed = settings.read('seed', wholeNumber(0));
  const sequence = settings.read('sequence', stepCount);
  const last = settings.read('last', word(['drop', 'keep']));
  const values = settings.read('values', word(['all', 'clusters', 'borders']));
  const frozen = settings.read('frozen', placesToFreeze);
  if (method && method.value.definition.name.text === 'settle') {
    reporter.report('setting/type', method.span, '`settle` does not learn', {
      repair: '`learn.il(…)`',
    });
    return undefined;
  }
  if (data === undefined) return undefined;
  if (data.reference.moved && sequence)
    reporter.report('call/arguments', data.reference.span, OF_STEPS, { repair: 'leave `.moved` or `sequence` out' });
  const inputs = fieldsOfStep(data.reference.fields, sequence?.value, model.instance);
  const sample = { fields: inputs, source: data.reference.source, steps: sequence !== undefined };
  const held = elaborateClamps(train, sample, scope);
  const { clamps, replicas, complete } = held;
  const starts = elaborateStarts(train, sample, held, scope);
  checkRates(clamps, inputs, sequence, model.instance, environment);
  if (batch && batch.value % replicas !== 0)
    reporter.report(
      'clamp/replicas',
      batch.span,
      `\`batch\` counts the samples of all ${replicas} replicas, and ${batch.value} is not a multiple of ${replicas}`,
      {
        repair: `\`batch = ${Math.max(1, Math.round(batch.value / replicas)) * replicas}\``,
      },
    );
  const rule = method?.value ?? (settings.has('method') ? undefined : defaults.method);
  const step = optimizer?.value ?? (settings.has('optimizer') ? undefined : defaults.optimizer);
  const instance = step && elaborateOptimizer(step, model.instance, environment);
  if (rule === undefined || step === undefined || instance === undefined) {
    session.dropped++;
    return undefined;
  }
  if (!agrees(instance, step, rule, model.instance, { method, optimizer, span: train.name.span }, reporter))
    return undefined;
  const task: TrainTask = {
    kind: 'train',
    name: train.name.text,
    model: model.instance,
    data: data.reference,
    ...(validation === undefined ? {} : { validation }),
    ...(sequence === undefined ? {} : { sequence: sequence.value, inputs }),
    clamps,
    ...(starts.length === 0 ? {} : { starts }),
    method: rule,
    optimizer: instance,
    replicas,
    batch: batch?.value ?? Math.ceil(DEFAULT_BATCH / replicas) * replicas,
    epochs: epochs?.value ?? DEFAULT_EPOCHS,
    ...(seed === undefined ? {} : { seed: seed.value }),
    ...(isWord(last?.value, 'keep') ? { last: 'keep' } : {}),
    ...valuesAt(values?.value),
    ...frozenBy(frozen, model.instance, reporter),
    span: train.name.span,
  };
  return { task, methodSpan: method?.span ?? train.name.span, clampsComplete: complete };
}

/** Reports an optimizer that the rule, or the weights of the model, ask too much of. */
function agrees(
  instance: OptimizerInstance,
  step: CallValue,
  rule: CallValue,
  model: ModelInstance,
  places: {
    readonly method: Given<CallValue> | undefined;
    readonly optimizer: Given<CallValue> | undefined;
    readonly span: Span;
  },
  reporter: Reporter,
): boolean {
  const { method, optimizer, span } = places;
  if (instance.totals && ['z_il', 'fa_z_il'].includes(rule.definition.name.text)) {
    const reason = `\`${rule.definition.name.text}\` moves weights one after the other, and \`${instance.name}\` sums over all of them`;
    reporter.report('setting/type', (method ?? optimizer)?.span ?? span, reason, { repair: '`learn.il(…)`' });
    return false;
  }
  const apart = decayingApart(model);
  if (apart === undefined || decays(step)) return true;
  const reason = `\`${instance.name}\` has no \`decay\`, of which \`${apart}\` has a share of its own`;
  reporter.report('setting/type', optimizer?.span ?? span, reason, {
    repair: `\`learn.adamw(…)\`, or leave \`decay\` out at \`${apart}\``,
  });
  return false;
}

function isWord(value: Value | undefined, name: string): boolean {
  return typeof value === 'object' && 'kind' in value && value.kind === 'symbol' && value.name === name;
}

function valuesAt(value: Value | undefined): Pick<TrainTask, 'values'> {
  if (isWord(value, 'clusters')) return { values: 'clusters' };
  return isWord(value, 'borders') ? { values: 'borders' } : {};
}

function validationOf(train: Train, environment: Environment): TrainTask['validation'] {
  const { reporter } = environment.session;
  let found: TrainTask['validation'];
  for (const statement of train.body) {
    if (statement.kind !== 'validate') continue;
    const before = found;
    const data = dataOf(statement.on, environment, evaluate);
    if (before)
      reporter.report('setting/twice', statement.span, 'the task already validates on other data', {
        repair: 'leave one of them out',
        labels: [{ span: before.span, text: 'first here' }],
      });
    else found = data?.reference;
  }
  return found;
}
