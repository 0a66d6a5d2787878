/**
 * Evaluates an expression where it stands. Numbers are worked out at once, tensors become typed expressions, names of
 * the model become places. Unknown names have been reported before: here they are silent.
 *
 * Units become plain quantities: Hz, kHz, MHz → hertz; ns … d → seconds; B, kB, KiB … → bytes; bit/s, B/s and their
 * multiples → bytes per second.
 */
import { fieldLeaf } from '../../spec/names.ts';
import type { Call, Definition, Expression, Index, Member, NameReference } from '../1-syntax/ast.ts';
import { UNITS } from '../1-syntax/units.ts';
import { BUILTIN_NAMES, CONSTANTS, FIELD_TYPES, INITIALIZER_NAMES, NODE_READS, WORDS } from '../2-names/builtins.ts';
import { type Module, qualifiedName } from '../2-names/program.ts';
import { listNames } from '../diagnostics/reporter.ts';
import { closest } from '../diagnostics/suggest.ts';
import { leaf } from '../operators/expr.ts';
import { ShapeError } from '../operators/operator.ts';
import { binary, toExpr, unary } from './arithmetic.ts';
import type { InitializerValue, Value } from './checked.ts';
import { chooseSplit, makeData, selectRows } from './data.ts';
import { divideRows } from './divide-rows.ts';
import { callDropped } from './dropped-call.ts';
import { type Environment, lookup, shapeMistake } from './environment.ts';
import { applyDefinition, functionOf } from './function-definition.ts';
import { builtinFunction, callBuiltin } from './functions.ts';
import { groupRows } from './group-rows.ts';
import { indexTerm } from './index-term.ts';
import { withFans } from './initializers.ts';
import { movePictures } from './move-pictures.ts';
import { callNodeRead } from './node-reads.ts';
import { callNoise } from './noise-call.ts';
import { callOverBatch } from './over-batch-call.ts';
import { bindParameters } from './parameters.ts';
import { memberOf, placesAsTensor } from './places.ts';
import { type DataTerm, describe, isKind, isPoison, POISON, type Term, tensor, toValue } from './term.ts';

export function evaluate(expression: Expression, environment: Environment): Term {
  const term = evaluateRaw(expression, environment);
  if (isKind(term, 'definition')) return useDefinition(term.definition, term.module, expression, environment);
  if (isKind(term, 'places') && environment.placesAreTensors === true)
    return placesAsTensor(term, expression.span, environment);
  return term;
}

/** As `evaluate`, but a definition stays one: what is called, and what members are taken of. */
function evaluateRaw(expression: Expression, environment: Environment): Term {
  switch (expression.kind) {
    case 'number':
      return quantity(expression.value, expression.unit);
    case 'string':
      return expression.value;
    case 'name':
      return lookup(environment, expression.name) ?? builtinValue(expression, environment);
    case 'member':
      return evaluateMember(expression, environment);
    case 'index':
      return evaluateIndex(expression, environment);
    case 'call':
      return evaluateCall(expression, environment);
    case 'unary':
      return unary(expression.operator, evaluate(expression.operand, environment), environment, expression.span);
    case 'list':
      return { kind: 'list', items: expression.items.map((item) => evaluate(item, environment)) };
    case 'binary': {
      const left = evaluate(expression.left, environment);
      // The right side may only make sense where the left one holds: `p == learned or p > 0`.
      if (expression.operator === 'and' && left === false) return false;
      if (expression.operator === 'or' && left === true) return true;
      return binary(expression.operator, left, evaluate(expression.right, environment), environment, expression.span);
    }
  }
}

export function quantity(value: number, unit: string | undefined): Term {
  if (unit === undefined) return value;
  const known = UNITS.get(unit);
  return known === undefined ? POISON : { kind: 'quantity', value: value * known.factor, dimension: known.dimension };
}

/** A built-in name that stands alone; unknown names have been reported. */
function builtinValue({ name, span }: NameReference, environment: Environment): Term {
  const term = builtin(name);
  const { reporter, namesResolved } = environment.session;
  if (!BUILTIN_NAMES.has(name) && namesResolved) {
    const reason = `\`${name}\` is declared below, and sizes and values are worked out from top to bottom`;
    reporter.report('name/later', span, reason, { repair: `declare \`${name}\` above this line` });
  }
  if (isPoison(term) && BUILTIN_NAMES.has(name))
    reporter.report('call/brackets', span, `\`${name}\` is a function with arguments`, {
      repair: `\`${name}(…)\``,
    });
  return term;
}

function builtin(name: string): Term {
  const value = CONSTANTS[name];
  if (value !== undefined) return value;
  if (WORDS.has(name)) return { kind: 'symbol', name };
  if (INITIALIZER_NAMES.includes(name)) return { kind: 'initializer', name, arguments: {} };
  if (FIELD_TYPES.includes(name)) return { kind: 'type', element: name, shape: [] };
  return builtinFunction(name) ?? POISON;
}

/** A definition named without brackets: functions and data sets are values, all others need their arguments. */
function useDefinition(definition: Definition, module: Module, expression: Expression, environment: Environment): Term {
  if (definition.what === 'function') return functionOf(definition, module, new Map(), environment, evaluate);
  if (definition.what === 'data') return callDefinition(definition, module, bareCall(expression), environment);
  // Without brackets it can only be the built-in of the same name: `identity` in the file that defines
  // `links.identity`.
  if (expression.kind === 'name' && BUILTIN_NAMES.has(expression.name)) return builtin(expression.name);
  const name = qualifiedName(environment.session.program, definition);
  environment.session.reporter.report(
    'call/brackets',
    expression.span,
    `\`${name}\` is a ${definition.what} with arguments`,
    {
      repair: `\`${name}()\``,
    },
  );
  return POISON;
}

function bareCall(callee: Expression): Call {
  return { kind: 'call', callee, arguments: [], span: callee.span };
}

function evaluateMember(expression: Member, environment: Environment): Term {
  const raw = evaluateRaw(expression.of, environment);
  const name = expression.name.text;
  if (isKind(raw, 'module')) {
    const definition = raw.module.definitions.get(name);
    return definition ? { kind: 'definition', definition, module: raw.module } : POISON;
  }
  const of = isKind(raw, 'definition') ? useDefinition(raw.definition, raw.module, expression.of, environment) : raw;
  if (isPoison(of)) return POISON;
  if (isKind(of, 'places')) return memberOf(of, name, expression.span, environment);
  if (isKind(of, 'data')) return chooseSplit(of, expression.name, environment);
  if (isKind(of, 'sample')) {
    const field = of.fields.find((f) => f.name === name);
    if (field) return tensor(leaf(fieldLeaf(of.leaf, name), field.shape));
    if (of.lost !== true) return unknownField(of.fields, of.source, expression, environment);
    environment.session.dropped++;
    return POISON;
  }
  environment.session.reporter.report('name/member', expression.span, `${describe(of)} has no members`);
  return POISON;
}

function unknownField(
  fields: readonly { readonly name: string }[],
  source: string,
  expression: Member,
  environment: Environment,
): Term {
  const names = fields.map((f) => f.name);
  const reason = names.length === 0 ? source : `${source} has ${listNames(names)}`;
  const near = closest(expression.name.text, names);
  environment.session.reporter.report('data/field', expression.name.span, reason, {
    repair: near === undefined ? undefined : `did you mean \`${near}\`?`,
  });
  return POISON;
}

function evaluateIndex(expression: Index, environment: Environment): Term {
  const raw = evaluateRaw(expression.of, environment);
  const of = isKind(raw, 'definition') ? useDefinition(raw.definition, raw.module, expression.of, environment) : raw;
  if (isPoison(of)) return POISON;
  if (isKind(of, 'data')) return selectRows(of, expression, environment, evaluate);
  return indexTerm(of, expression, environment, evaluate);
}

function evaluateCall(call: Call, environment: Environment): Term {
  const { callee } = call;
  const bound = callee.kind === 'name' ? lookup(environment, callee.name) : undefined;
  if (callee.kind === 'name' && bound === undefined) {
    const read = NODE_READS.find((name) => name === callee.name);
    if (read !== undefined) return callNodeRead(read, call, environment, evaluate);
    if (callee.name === 'noise') return callNoise(call, environment, evaluate);
    if (callee.name === 'over_batch') return callOverBatch(call, environment, evaluate);
    if (callee.name === 'dropped') return callDropped(call, environment, evaluate);
    const chosen = callee.name === 'select' ? chosenBranch(call, environment) : undefined;
    if (chosen !== undefined) return evaluate(chosen, environment);
    const positional = call.arguments.filter((a) => a.name === undefined).map((a) => evaluate(a.value, environment));
    const named = new Map<string, Term>();
    for (const a of call.arguments) if (a.name !== undefined) named.set(a.name.text, evaluate(a.value, environment));
    const result = callBuiltin(callee.name, { positional, named }, call, environment);
    if (result !== undefined) return result;
    return BUILTIN_NAMES.has(callee.name) ? notCallable(builtin(callee.name), call, environment) : POISON;
  }
  const divider = callee.kind === 'member' ? ROWS.get(callee.name.text) : undefined;
  const rows = divider && callee.kind === 'member' ? dataIn(callee.of, environment) : undefined;
  if (divider && rows)
    return rows.reference.moved ? movedLast(call, environment) : divider(rows, call, environment, evaluate);
  const target = bound ?? evaluateRaw(callee, environment);
  if (isKind(target, 'definition')) return callDefinition(target.definition, target.module, call, environment);
  if (isPoison(target)) return POISON;
  if (isKind(target, 'function')) {
    const [argument] = call.arguments;
    const given = argument && evaluate(argument.value, environment);
    if (given !== undefined && isPoison(given)) return POISON;
    const x = given === undefined ? undefined : toExpr(given);
    if (x === undefined || call.arguments.length !== 1) return notCallable(target, call, environment);
    try {
      return tensor(target.apply(x));
    } catch (error) {
      if (!(error instanceof ShapeError)) throw error;
      shapeMistake(environment, call.span, error.message);
      return POISON;
    }
  }
  if (isKind(target, 'initializer')) return initializerWithFans(target, call, environment);
  return notCallable(target, call, environment);
}

/**
 * Of `select(c, a, b)` where `c` is known when checking: the other one may only make sense where it does not hold, as in
 * `select(bias, x + c, x)`.
 */
function chosenBranch(call: Call, environment: Environment): Expression | undefined {
  const [condition, yes, no, ...others] = call.arguments;
  if (!condition || !yes || !no || others.length > 0 || call.arguments.some((a) => a.name !== undefined))
    return undefined;
  if (condition.value.kind !== 'name' && condition.value.kind !== 'binary') return undefined;
  const value = evaluate(condition.value, environment);
  return typeof value === 'boolean' ? (value ? yes : no).value : undefined;
}

/** Methods that can be called on data. */
const ROWS: ReadonlyMap<string, typeof groupRows> = new Map([
  ['sequences', groupRows],
  ['split', divideRows],
  ['moved', movePictures],
]);

function movedLast(call: Call, environment: Environment): Term {
  const reason = 'pictures are moved last, behind what says which samples they are';
  environment.session.reporter.report('call/arguments', call.span, reason, { repair: 'move `.moved(…)` to the end' });
  return POISON;
}

/** The data that stand before `.sequences(…)` or `.split(…)`; undefined when it is something else. */
function dataIn(expression: Expression, environment: Environment): DataTerm | undefined {
  if (!startsAtData(expression, environment)) return undefined;
  const term = evaluate(expression, environment);
  return isKind(term, 'data') ? term : undefined;
}

/** Looks before it evaluates: what is not data is evaluated later, and its mistakes are told once. */
function startsAtData(expression: Expression, environment: Environment): boolean {
  if (expression.kind === 'index') return startsAtData(expression.of, environment);
  if (expression.kind === 'call') return startsAtData(expression.callee, environment);
  if (expression.kind !== 'member') {
    const bound = expression.kind === 'name' ? lookup(environment, expression.name) : undefined;
    return bound !== undefined && isKind(bound, 'definition') && bound.definition.what === 'data';
  }
  const of = expression.of.kind === 'name' ? lookup(environment, expression.of.name) : undefined;
  if (of === undefined || !isKind(of, 'module')) return startsAtData(expression.of, environment);
  return of.module.definitions.get(expression.name.text)?.what === 'data';
}

/** `init(fan = n)`: an initialiser that a parameter holds, told what feeds one unit. */
function initializerWithFans(initializer: InitializerValue, call: Call, environment: Environment): Term {
  const fans: Record<string, number> = {};
  for (const argument of call.arguments) {
    const name = argument.name?.text ?? '';
    const value = evaluate(argument.value, environment);
    if (isPoison(value)) return POISON;
    if ((name !== 'fan' && name !== 'fan_out') || typeof value !== 'number') {
      const reason = 'this initialiser takes only `fan = …` and `fan_out = …`, both numbers';
      environment.session.reporter.report('call/arguments', call.span, reason);
      return POISON;
    }
    fans[name] = value;
  }
  return withFans(initializer, fans);
}

function notCallable(target: Term, call: Call, environment: Environment): Term {
  if (isPoison(target)) return POISON;
  const reason = isKind(target, 'function')
    ? `${describe(target)} takes one tensor`
    : `${describe(target)} takes no arguments`;
  environment.session.reporter.report('call/arguments', call.span, reason);
  return POISON;
}

function callDefinition(definition: Definition, module: Module, call: Call, environment: Environment): Term {
  if (definition.what === 'function') return applyDefinition(definition, module, call, environment, evaluate);
  const names = bindParameters(definition, module, call, environment, evaluate);
  if (names === undefined) return POISON;
  if (definition.what === 'data') return makeData(definition, module, names, call, environment, evaluate);
  const passed: Record<string, Value> = {};
  for (const [name, term] of names) {
    const value = toValue(term);
    if (value === undefined) {
      const span = call.arguments.find((a) => a.name?.text === name)?.value.span ?? call.span;
      environment.session.reporter.report('argument/type', span, `\`${name}\` cannot be ${describe(term)}`);
      return POISON;
    }
    passed[name] = value;
  }
  const name = qualifiedName(environment.session.program, definition);
  return { kind: 'call', definition, name, arguments: passed, span: call.span };
}
