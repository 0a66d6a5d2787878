/** Calls of what is built in: operators by name, functions of shapes, initialisers, and statistics of the data. */
import { parseFieldLeaf } from '../../spec/names.ts';
import type { Call } from '../1-syntax/ast.ts';
import { meant } from '../diagnostics/habits.ts';
import { listNames } from '../diagnostics/reporter.ts';
import { type AttributeValue, apply, type Expr, leaf, sizeOf } from '../operators/expr.ts';
import { ShapeError, showShape } from '../operators/operator.ts';
import { isCallable, type OperatorName, operators } from '../operators/table.ts';
import { pictureOf } from '../operators/window.ts';
import { applyOperator, toExpr } from './arithmetic.ts';
import type { FunctionValue } from './checked.ts';
import { type Environment, shapeMistake } from './environment.ts';
import { INITIALIZERS } from './initializers.ts';
import { multiply } from './matmul.ts';
import { describe, isKind, isPoison, POISON, type Term, tensor } from './term.ts';

/** Arguments of a call, worked out. */
export interface Passed {
  readonly positional: readonly Term[];
  readonly named: ReadonlyMap<string, Term>;
}

const COUNTED = [
  'flatten',
  'size',
  'shape',
  'channels',
  'extent',
  'floor',
  'ceil',
  'round',
  'identity',
  'one_way',
  'standardize',
];

/** `name(…)` of something built in; undefined when there is no such thing. */
export function callBuiltin(name: string, passed: Passed, call: Call, environment: Environment): Term | undefined {
  if (![...passed.positional, ...passed.named.values()].every((term) => !isPoison(term))) return POISON;
  if (name === 'unstandardize') return unstandardize(passed, call, environment);
  if (Object.hasOwn(INITIALIZERS, name)) return callInitializer(name, passed, call, environment);
  if (COUNTED.includes(name)) return callCounted(name, passed, call, environment);
  if (isCallable(name)) return callOperator(name, passed, call, environment);
  return undefined;
}

/** A function named without a call: `after = tanh`. */
export function builtinFunction(name: string): FunctionValue | undefined {
  if (name === 'identity') return { kind: 'function', name, apply: (x) => x };
  if (!isCallable(name) || operators[name].arity !== 1 || !keepsShape(name)) return undefined;
  return { kind: 'function', name, apply: (x) => apply(name, [x], perSample(name, {}, x)) };
}

function keepsShape(op: OperatorName): boolean {
  return operators[op].elementwise || op === 'softmax' || op === 'log_softmax' || op === 'layer_norm';
}

// ---------------------------------------------------------------- functions that are not operators
function callCounted(name: string, passed: Passed, call: Call, environment: Environment): Term {
  const [first] = passed.positional;
  if (first === undefined || passed.positional.length > 1 || passed.named.size > 0)
    return wrong(call, environment, `\`${name}\` takes one argument`);
  switch (name) {
    case 'size':
    case 'shape': {
      const shape = shapeOf(first);
      if (shape === undefined) return wrong(call, environment, `${describe(first)} has no shape`);
      return name === 'size' ? sizeOf(shape) : { kind: 'list', items: shape };
    }
    case 'channels':
    case 'extent':
      return pictureFunction(name, first, call, environment);
    case 'flatten':
      return isKind(first, 'tensor')
        ? reshape(first.expr, [sizeOf(first.expr.shape)], call, environment)
        : wrong(call, environment, `${describe(first)} cannot be flattened`);
    case 'identity':
      return first;
    case 'one_way': {
      const of = toExpr(first);
      return of === undefined
        ? wrong(call, environment, `\`one_way\` takes a tensor, not ${describe(first)}`)
        : tensor(apply('reshape', [of], { shape: of.shape, oneWay: true }));
    }
    case 'standardize':
      return standardize(first, call, environment);
    default:
      if (typeof first !== 'number') return wrong(call, environment, `\`${name}\` rounds numbers known when checking`);
      return name === 'floor' ? Math.floor(first) : name === 'ceil' ? Math.ceil(first) : Math.round(first);
  }
}

function shapeOf(term: Term): readonly number[] | undefined {
  if (isKind(term, 'tensor')) return term.expr.shape;
  if (isKind(term, 'list')) return [term.items.length];
  if (!isKind(term, 'places')) return undefined;
  const [place] = term.places;
  return term.places.length === 1 && place?.kind === 'node' ? place.node.shape : undefined;
}

/** Of a picture [height, width, channels]: `channels(x)`, and `extent(x)`, which is [height, width]. */
function pictureFunction(name: 'channels' | 'extent', term: Term, call: Call, environment: Environment): Term {
  const shape = shapeOf(term);
  if (shape === undefined) return wrong(call, environment, `${describe(term)} has no shape`);
  try {
    const picture = pictureOf(shape);
    if (shape.length === 3) return name === 'channels' ? picture.channels : { kind: 'list', items: picture.size };
    shapeMistake(environment, call.span, `a picture is [height, width, channels], not ${showShape(shape)}`);
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    shapeMistake(environment, call.span, error.message);
  }
  return POISON;
}

/** (field - mean of each element over the training set) / one scale for all: unbatched leaves that training fills. */
function standardize(term: Term, call: Call, environment: Environment): Term {
  const field = fieldOf(term);
  if (field === undefined)
    return wrong(call, environment, '`standardize` takes a field itself: `standardize(sample.image)`');
  const centred = apply('sub', [field.expr, leaf(`standardize.${field.name}.mean`, field.expr.shape, false)]);
  return tensor(apply('div', [centred, leaf(`standardize.${field.name}.scale`, [], false)]));
}

/** The other way round: `unstandardize(pixels, input.image)` is a picture again. */
function unstandardize({ positional, named }: Passed, call: Call, environment: Environment): Term {
  const [first, second] = positional;
  const x = first === undefined ? undefined : toExpr(first);
  const field = second === undefined ? undefined : fieldOf(second);
  if (x === undefined || field === undefined || positional.length > 2 || named.size > 0)
    return wrong(call, environment, '`unstandardize` takes a tensor and a field: `unstandardize(pixels, input.image)`');
  const { shape } = field.expr;
  const shaped = reshape(x, shape, call, environment);
  if (!isKind(shaped, 'tensor')) return shaped;
  const scaled = apply('mul', [shaped.expr, leaf(`standardize.${field.name}.scale`, [], false)]);
  return tensor(apply('add', [scaled, leaf(`standardize.${field.name}.mean`, shape, false)]));
}

function fieldOf(term: Term): { readonly name: string; readonly expr: Expr } | undefined {
  if (!isKind(term, 'tensor') || term.expr.kind !== 'leaf') return undefined;
  const name = parseFieldLeaf(term.expr.name)?.field;
  return name === undefined ? undefined : { name, expr: term.expr };
}

function callInitializer(name: string, passed: Passed, call: Call, environment: Environment): Term {
  const parameters = INITIALIZERS[name] ?? {};
  const names = Object.keys(parameters);
  const given: Record<string, number> = {};
  for (const [key, fallback] of Object.entries(parameters)) if (typeof fallback === 'number') given[key] = fallback;
  const all: [string, Term][] = [
    ...passed.positional.map((term, i): [string, Term] => [names[i] ?? `argument ${i + 1}`, term]),
    ...passed.named,
  ];
  for (const [key, term] of all) {
    if (!names.includes(key)) return unknownArgument(name, key, names, call, environment);
    if (typeof term !== 'number')
      return wrong(call, environment, `\`${key}\` of \`${name}\` is a number, not ${describe(term)}`);
    given[key] = term;
  }
  const lacking = names.find((key) => parameters[key] === 'needed' && given[key] === undefined);
  if (lacking !== undefined) return wrong(call, environment, `\`${name}\` needs \`${lacking}\``);
  return { kind: 'initializer', name, arguments: given };
}

// ---------------------------------------------------------------- operators
/** Attributes that the compiler alone sets. */
const HIDDEN: ReadonlySet<string> = new Set(['ta', 'tb', 'oneWay']);

/** Attributes under the names that people write: `axis` also for reductions, which take several. */
function attributeNames(op: OperatorName): string[] {
  const names = Object.keys(operators[op].attributes).filter((name) => !HIDDEN.has(name));
  return names.includes('axes') ? ['axis', ...names] : names;
}

function callOperator(op: OperatorName, passed: Passed, call: Call, environment: Environment): Term {
  const { arity } = operators[op];
  const names = attributeNames(op);
  const [first] = passed.positional;
  const listed = arity === 'many' && first !== undefined && isKind(first, 'list') ? first.items : undefined;
  const operands = listed ?? passed.positional;
  const count = arity === 'many' ? operands.length : arity;
  const attributes: Record<string, AttributeValue> = {};
  const extra: [string, Term][] = [
    ...(listed ? passed.positional.slice(1) : operands.slice(count)).map((term, i): [string, Term] => [
      names[i] ?? `argument ${count + i + 1}`,
      term,
    ]),
    ...passed.named,
  ];
  for (const [name, term] of extra) {
    if (!names.includes(name)) return unknownArgument(op, name, names, call, environment);
    const value = toAttribute(op, name, term);
    if (value === undefined) return wrong(call, environment, `\`${name}\` of \`${op}\` cannot be ${describe(term)}`);
    attributes[name] = value;
  }
  // `leaky_relu(slope = 0.2)` without a tensor is a function, to be given as `act` or `after`.
  if (operands.length === 0 && arity === 1 && passed.named.size > 0 && keepsShape(op)) return partial(op, attributes);
  if (operands.length < count || (count === 0 && arity === 'many'))
    return wrong(
      call,
      environment,
      `\`${op}\` takes ${count === 0 ? 'at least 1' : count} tensor${count === 1 ? '' : 's'}, here ${operands.length}`,
    );
  const lacking = NEEDED[op]?.find((name) => attributes[name] === undefined);
  if (lacking !== undefined) return wrong(call, environment, `\`${op}\` needs \`${lacking}\``);
  return operate(op, operands.slice(0, count), attributes, call, environment);
}

function partial(op: OperatorName, attributes: Record<string, AttributeValue>): FunctionValue {
  const shown = Object.entries(attributes).map(([name, value]) => `${name} = ${String(value)}`);
  return {
    kind: 'function',
    name: `${op}(${shown.join(', ')})`,
    apply: (x) => apply(op, [x], perSample(op, attributes, x)),
  };
}

function operate(
  op: OperatorName,
  operands: readonly Term[],
  attributes: Record<string, AttributeValue>,
  call: Call,
  environment: Environment,
): Term {
  if (op === 'select' && typeof operands[0] === 'boolean') return (operands[0] ? operands[1] : operands[2]) ?? POISON;
  const row = operators[op];
  const known = operands.every((term) => typeof term === 'number' || typeof term === 'boolean');
  if (known && row.elementwise) return calculate(op, operands.map(Number), attributes, call, environment);
  const args = operands.map(toExpr);
  const bad = args.indexOf(undefined);
  if (bad >= 0) return wrong(call, environment, `\`${op}\` takes tensors, not ${describe(operands[bad] ?? POISON)}`);
  const exprs = args as Expr[];
  const [first] = exprs;
  if (first === undefined) return applyOperator(op, [], environment, call.span, attributes);
  if (op === 'matmul') return multiply(exprs, environment, call.span);
  if (op === 'reshape') return reshape(first, attributes.shape, call, environment);
  if (op === 'broadcast') attributes.shape = toSizes(attributes.shape);
  return applyOperator(op, exprs, environment, call.span, perSample(op, attributes, first));
}

/** An operator of numbers known now, by its own f64 reference. */
function calculate(
  op: OperatorName,
  values: number[],
  attributes: Record<string, AttributeValue>,
  call: Call,
  environment: Environment,
): Term {
  const args = values.map((value) => ({ shape: [], data: Float64Array.of(value) }));
  const result = operators[op].reference(args, attributes, [])[0] ?? Number.NaN;
  if (Number.isFinite(result)) return result;
  environment.session.reporter.report('number/undefined', call.span, `the result is ${result}`);
  return POISON;
}

function reshape(x: Expr, sizes: AttributeValue | undefined, call: Call, environment: Environment): Term {
  const shape = toSizes(sizes);
  if (shape.length === x.shape.length && shape.every((n, i) => n === x.shape[i])) return tensor(x);
  return applyOperator('reshape', [x], environment, call.span, { shape });
}

function toSizes(value: AttributeValue | undefined): readonly number[] {
  if (typeof value === 'number') return [value];
  return Array.isArray(value) ? (value as readonly number[]) : [];
}

/**
 * Axes counted from the end, because a batch axis comes in front later; a reduction of all axes names them, or it would
 * reduce the batch too.
 */
function perSample(
  op: OperatorName,
  attributes: Readonly<Record<string, AttributeValue>>,
  x: Expr,
): Record<string, AttributeValue> {
  const rank = x.shape.length;
  // An axis that is not there stays as it is, to be refused.
  const fromEnd = (axis: number): number => (axis >= 0 && axis < rank ? axis - rank : axis);
  const { axis, ...rest } = attributes;
  const names = operators[op].attributes;
  if (Object.hasOwn(names, 'axes')) {
    const given = rest.axes ?? axis;
    const axes = given === undefined ? x.shape.map((_, i) => i) : toSizes(given);
    return { ...rest, axes: axes.map(fromEnd) };
  }
  if (!Object.hasOwn(names, 'axis')) return { ...attributes };
  return { ...rest, axis: typeof axis === 'number' ? fromEnd(axis) : -1 };
}

/** Attributes that may be lists of whole numbers; a single number stands for a list of one, or for both directions. */
const LISTS = ['axes', 'order', 'shape', 'stride', 'padding', 'window', 'size'];
/** Attributes that may be any number; all others but `keep` are whole. */
const REALS = ['slope', 'epsilon'];
/** Attributes without a value of their own. */
const NEEDED: Readonly<Partial<Record<OperatorName, readonly string[]>>> = {
  one_hot: ['depth'],
  reshape: ['shape'],
  broadcast: ['shape'],
  slice: ['from', 'size'],
  pad: ['before', 'after'],
  range: ['size'],
  max_pool2d: ['window'],
  average_pool2d: ['window'],
};

function toAttribute(op: OperatorName, name: string, term: Term): AttributeValue | undefined {
  if (name === 'keep') return typeof term === 'boolean' ? term : undefined;
  if (typeof term === 'number' && (Number.isSafeInteger(term) || REALS.includes(name))) return term;
  const { attributes } = operators[op];
  const several =
    name === 'axis' ? Object.hasOwn(attributes, 'axes') : LISTS.includes(name) && op !== 'slice' && op !== 'range';
  if (!several) return undefined;
  if (isKind(term, 'list') && term.items.every((item) => Number.isSafeInteger(item))) return term.items as number[];
  return undefined;
}

// ---------------------------------------------------------------- mistakes
function wrong(call: Call, environment: Environment, reason: string): Term {
  environment.session.reporter.report('call/arguments', call.span, reason);
  return POISON;
}

function unknownArgument(
  name: string,
  given: string,
  known: readonly string[],
  call: Call,
  environment: Environment,
): Term {
  const argument = call.arguments.find((a) => a.name?.text === given);
  const near = meant(given, known);
  const reason = known.length === 0 ? `\`${name}\` has no such argument` : `\`${name}\` has ${listNames(known)}`;
  environment.session.reporter.report('argument/unknown', argument?.span ?? call.span, reason, {
    repair: near === undefined ? undefined : `did you mean \`${near}\`?`,
  });
  return POISON;
}
