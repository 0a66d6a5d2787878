/** `predict classify of mnist { … }` */
import { sampleLeaf } from '../../spec/names.ts';
import type { Predict } from '../1-syntax/ast.ts';
import { isBatched } from '../operators/expr.ts';
import { toExpr } from './arithmetic.ts';
import type { PredictTask } from './checked.ts';
import { elaborateClamps, type SampleFields } from './clamps.ts';
import { type Environment, inside } from './environment.ts';
import { evaluate } from './evaluate.ts';
import type { ElaboratedModel } from './model.ts';
import { checkRates, fieldsOfStep, stepCount } from './sequence.ts';
import { callOf, Settings } from './settings.ts';
import { elaborateStarts } from './starts.ts';
import { refuseStatements } from './statements.ts';
import { describe, isPoison, type Term } from './term.ts';

const SETTINGS = ['settle', 'sequence'];

/**
 * @param sample the fields of the data that the task is used with
 * @param trained steps of the sequences that the model is trained on
 */
export function elaboratePredict(
  predict: Predict,
  model: ElaboratedModel,
  sample: SampleFields,
  trained: number | undefined,
  environment: Environment,
): PredictTask {
  const { session } = environment;
  refuseStatements(predict.body, ['clamp', 'start', 'read', 'setting'], 'a predict task', session.reporter);
  const scope = inside(environment, model.names);
  const settings = new Settings(predict.body, SETTINGS, 'a predict task', scope);
  const settle = settings.read('settle', callOf('method', 'learn.settle(steps = 20, rate = 0.05)'));
  const given = settings.read('sequence', stepCount);
  const sequence = given?.value ?? (settings.has('sequence') ? undefined : trained);
  const inputs = fieldsOfStep(sample.fields, sequence, model.instance);
  const ofStep = { ...sample, fields: inputs, steps: sequence !== undefined };
  const held = elaborateClamps(predict, ofStep, scope);
  const { clamps, replicas, complete } = held;
  const starts = elaborateStarts(predict, ofStep, held, scope);
  const at = sequence === undefined ? undefined : { value: sequence, span: given?.span ?? predict.name.span };
  checkRates(clamps, inputs, at, model.instance, environment);
  const { source, lost = false } = sample;
  const input: Term = { kind: 'sample', fields: inputs, leaf: sampleLeaf(), source, lost };
  const readable = inside(
    scope,
    new Map([
      ['input', input],
      ['sample', input],
    ]),
  );
  const reads = elaborateReads(predict, {
    ...readable,
    placesAreTensors: true,
    readable: { model: model.instance, clamps, complete },
  });
  if (reads.length === 0 && !predict.body.some((statement) => statement.kind === 'read'))
    session.reporter.report('task/reads', predict.name.span, 'it settles the model but reads nothing', {
      repair: '`read answer = argmax(label)`, with one of your nodes',
    });
  return {
    kind: 'predict',
    name: predict.name.text,
    model: model.instance,
    clamps,
    ...(starts.length === 0 ? {} : { starts }),
    reads,
    ...(settle === undefined ? {} : { settle: settle.value }),
    ...(sequence === undefined ? {} : { sequence }),
    inputs,
    replicas,
    span: predict.name.span,
  };
}

function elaborateReads(predict: Predict, environment: Environment): PredictTask['reads'] {
  const { session } = environment;
  const reads: PredictTask['reads'][number][] = [];
  for (const statement of predict.body) {
    if (statement.kind !== 'read') continue;
    const term = evaluate(statement.value, environment);
    const value = isPoison(term) ? undefined : toExpr(term);
    if (value !== undefined && isBatched(value))
      reads.push({ name: statement.name.text, value, span: statement.name.span });
    else if (isPoison(term)) session.dropped++;
    else
      session.reporter.report(
        'read/value',
        statement.value.span,
        value ? 'this is the same for every sample; a read names a node' : `a read is a tensor, not ${describe(term)}`,
      );
  }
  return reads;
}
