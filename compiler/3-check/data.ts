/** Data named in a file: `data.mnist.train[0..54999]`, `data.file("x.npz", image = f32[28, 28])`. */
import type { Call, Definition, Expression, Index, Name } from '../1-syntax/ast.ts';
import { takesFields } from '../2-names/match-arguments.ts';
import type { Module } from '../2-names/program.ts';
import { listNames } from '../diagnostics/reporter.ts';
import { closest } from '../diagnostics/suggest.ts';
import type { DataField, DataReference } from './checked.ts';
import { PARTS } from './divide-rows.ts';
import { atHome, type Environment } from './environment.ts';
import { positions } from './index-term.ts';
import type { Evaluate } from './parameters.ts';
import { isDone, typeShape } from './shapes.ts';
import { type DataTerm, describe, isKind, isPoison, POISON, type Term } from './term.ts';

/** Rows of a data set are not known when checking; the reader refuses a slice beyond its end. */
const MAX_ROWS = 2 ** 53;

const FIELD_TYPES: Readonly<Record<string, DataField['type']>> = {
  u8: 'u8',
  int: 'i32',
  i32: 'i32',
  float: 'f32',
  f32: 'f32',
};

export function makeData(
  definition: Definition,
  module: Module,
  names: ReadonlyMap<string, Term>,
  call: Call,
  environment: Environment,
  evaluate: Evaluate,
): Term {
  const fields = takesFields(definition)
    ? namedFields(definition, call, environment, evaluate)
    : declaredFields(definition, atHome(environment, module, names), evaluate);
  if (fields === undefined) return POISON;
  const splits = (definition.rules ?? []).flatMap((rule) =>
    rule.kind === 'split' ? rule.names.map((n) => n.text) : [],
  );
  const options: Record<string, number | string | boolean> = {};
  for (const [name, term] of names) {
    const value = isKind(term, 'quantity') ? term.value : term;
    // An empty text is what was left out.
    if (value === '') continue;
    if (typeof value !== 'object') options[name] = value;
    else if (value.kind === 'symbol') options[name] = value.name;
  }
  const { path } = options;
  const reference: DataReference = {
    source: definition.name.text,
    split: splits.length === 1 ? (splits[0] ?? 'all') : 'all',
    ...(typeof path === 'string' ? { path } : {}),
    fields,
    options,
    span: call.span,
  };
  return { kind: 'data', definition, reference, splits, splitChosen: splits.length <= 1 };
}

function declaredFields(definition: Definition, home: Environment, evaluate: Evaluate): DataField[] | undefined {
  const fields: DataField[] = [];
  for (const rule of definition.rules ?? []) {
    if (rule.kind !== 'field') continue;
    const shape = typeShape(rule.type, home, evaluate);
    const type = FIELD_TYPES[rule.type.element.text];
    if (!isDone(shape) || type === undefined) return undefined;
    fields.push({ name: rule.name.text, type, shape });
  }
  return fields;
}

/** The named arguments of `data.file` that are not parameters of it. */
function namedFields(
  definition: Definition,
  call: Call,
  environment: Environment,
  evaluate: Evaluate,
): DataField[] | undefined {
  const own = new Set(definition.parameters.map((p) => p.name.text));
  const fields: DataField[] = [];
  for (const argument of call.arguments) {
    if (argument.name === undefined || own.has(argument.name.text)) continue;
    const term = evaluate(argument.value, environment);
    if (isPoison(term)) return undefined;
    const type = isKind(term, 'type') ? FIELD_TYPES[term.element] : undefined;
    if (type === undefined || !isKind(term, 'type')) {
      environment.session.reporter.report(
        'argument/type',
        argument.value.span,
        `a field has a type, not ${describe(term)}`,
        {
          repair: `\`${argument.name.text} = f32[28, 28]\` or \`${argument.name.text} = int\``,
        },
      );
      return undefined;
    }
    fields.push({ name: argument.name.text, type, shape: term.shape });
  }
  return fields;
}

/** `.train` of a data set, or a field of one of its splits. */
export function chooseSplit(of: DataTerm, name: Name, environment: Environment): Term {
  const part = PARTS.find((each) => each === name.text);
  if (of.dividing && part !== undefined) {
    const { dividing, ...whole } = of;
    return { ...whole, reference: { ...of.reference, part: { ...dividing, name: part } }, splitChosen: true };
  }
  if (!of.splitChosen && !of.dividing && of.splits.includes(name.text))
    return { ...of, reference: { ...of.reference, split: name.text }, splitChosen: true };
  if (of.field === undefined && of.splitChosen && of.reference.fields.some((f) => f.name === name.text))
    return { ...of, field: name.text };
  // A data set of one split may name it all the same.
  if (of.field === undefined && !of.reference.part && of.splits.length === 1 && of.splits.includes(name.text))
    return of;
  const known = of.splitChosen ? of.reference.fields.map((f) => f.name) : of.splits;
  const near = closest(name.text, known);
  environment.session.reporter.report(
    of.splitChosen ? 'data/field' : 'data/split',
    name.span,
    `${of.reference.source} has ${listNames(known)}`,
    {
      repair: near === undefined ? undefined : `did you mean \`${near}\`?`,
    },
  );
  return POISON;
}

/** `…train[0..54999]`: rows, both ends included. */
export function selectRows(of: DataTerm, expression: Index, environment: Environment, evaluate: Evaluate): Term {
  const [item] = expression.items;
  if (
    of.field !== undefined ||
    of.reference.range !== undefined ||
    of.reference.steps !== undefined ||
    of.reference.part !== undefined ||
    of.reference.moved !== undefined ||
    of.dividing !== undefined ||
    item === undefined ||
    expression.items.length > 1
  ) {
    environment.session.reporter.report(
      'index/none',
      expression.span,
      'rows can be chosen only once, of a split: `data.mnist.train[0..54999]`',
    );
    return POISON;
  }
  if (item.kind === 'all') return of;
  const rows = positions(item, MAX_ROWS, 'the data', environment, evaluate);
  if (rows === undefined) return POISON;
  return { ...of, reference: { ...of.reference, range: [rows.from, rows.to] } };
}

/** The data that an expression names, with its split; undefined after a report. @param learnt a model learns from them */
export function dataOf(
  expression: Expression,
  environment: Environment,
  evaluate: Evaluate,
  learnt = false,
): DataTerm | undefined {
  const term = evaluate(expression, environment);
  if (isPoison(term)) return undefined;
  const { reporter } = environment.session;
  if (!isKind(term, 'data')) {
    reporter.report('data/kind', expression.span, `this is ${describe(term)}, not data`, {
      repair: '`data.mnist.train`',
    });
    return undefined;
  }
  if (!term.splitChosen) {
    reporter.report(
      'data/split',
      expression.span,
      `${term.dividing ? 'divided data have' : `${term.reference.source} has`} ${listNames(term.splits)}`,
      {
        repair: `name one of them: \`.${term.splits[0] ?? 'train'}\``,
      },
    );
    return undefined;
  }
  if (term.reference.moved && !learnt) {
    reporter.report('data/kind', expression.span, 'pictures are moved where a model learns, not where it is measured', {
      repair: 'leave `.moved(…)` out',
    });
    return undefined;
  }
  return { ...term, reference: { ...term.reference, span: expression.span } };
}
