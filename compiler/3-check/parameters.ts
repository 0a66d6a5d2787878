/** Gives parameters their values: arguments, defaults, types and conditions. */
import type { Argument, Call, Definition, Expression, Parameter, TypeExpression } from '../1-syntax/ast.ts';
import { BUILTIN_NAMES } from '../2-names/builtins.ts';
import { matchArguments } from '../2-names/match-arguments.ts';
import type { Module } from '../2-names/program.ts';
import type { Code } from '../diagnostics/codes.ts';
import type { Span } from '../diagnostics/diagnostic.ts';
import { closest } from '../diagnostics/suggest.ts';
import { atHome, type Environment } from './environment.ts';
import { toInitializer } from './initializers.ts';
import { showExpression } from './show.ts';
import { describe, isKind, isPoison, POISON, type Term, toValue, valueKey } from './term.ts';

export type Evaluate = (expression: Expression, environment: Environment) => Term;

/**
 * The parameters of a definition with the arguments of a call. Wrong names and missing arguments have been reported
 * with the names already. Undefined when an argument is unusable.
 */
export function bindParameters(
  definition: Definition,
  module: Module,
  call: Call,
  environment: Environment,
  evaluate: Evaluate,
  given: ReadonlyMap<string, Term> = new Map(),
): Map<string, Term> | undefined {
  const { bound } = matchArguments(definition, call.arguments);
  const names = new Map<string, Term>(given);
  const home = atHome(environment, module, names);
  let usable = true;
  for (const parameter of definition.parameters) {
    const name = parameter.name.text;
    if (names.has(name)) continue;
    const argument = bound.get(name);
    const source = argument?.value ?? parameter.default;
    const value = source === undefined ? POISON : evaluate(source, argument ? environment : home);
    const span = argument?.value.span ?? call.span;
    const fitted = settleParameter(parameter, value, home, names, span, evaluate);
    names.set(name, fitted);
    if (isPoison(fitted)) usable = false;
  }
  for (const [name, argument] of bound) {
    if (names.has(name)) continue;
    const given = evaluate(argument.value, environment);
    const value = IMPLIED[name]?.(given, argument, environment) ?? POISON;
    names.set(name, value);
    if (isPoison(value)) usable = false;
  }
  return usable ? names : undefined;
}

/** The `delay` that every link takes besides its own parameters. */
function wholeSteps(term: Term, argument: Argument, environment: Environment): Term {
  if (isPoison(term)) return POISON;
  if (typeof term === 'number' && Number.isSafeInteger(term) && term >= 0) return term;
  const reason = `\`delay\` counts steps: a whole number from 0, not ${describe(term)}`;
  environment.session.reporter.report('argument/type', argument.value.span, reason);
  return POISON;
}

/** `apart`, which every link takes too. */
function yesOrNo(term: Term, argument: Argument, environment: Environment): Term {
  if (isPoison(term) || typeof term === 'boolean') return term;
  const reason = `\`apart\` is \`true\` or \`false\`, not ${describe(term)}`;
  environment.session.reporter.report('argument/type', argument.value.span, reason);
  return POISON;
}

/** `learn` and `decay`, which links and nodes take: `false`, or by what that of the optimizer is multiplied. */
function shareOf(name: string, of: string) {
  return (term: Term, argument: Argument, environment: Environment): Term => {
    if (isPoison(term) || typeof term === 'boolean' || (typeof term === 'number' && term >= 0)) return term;
    const reason = `\`${name}\` is \`true\`, \`false\` or what the ${of} is multiplied by, a number from 0, not ${describe(term)}`;
    environment.session.reporter.report('argument/type', argument.value.span, reason);
    return POISON;
  };
}

/** `tie`: links with the same one share weights. */
function nameOfTie(term: Term, argument: Argument, environment: Environment): Term {
  if (isPoison(term) || (typeof term === 'string' && term !== '')) return term;
  const reason = `\`tie\` is a name between quotes, not ${describe(term)}`;
  environment.session.reporter.report('argument/type', argument.value.span, reason, { repair: '`tie = "table"`' });
  return POISON;
}

/** What every link takes besides its own parameters; nodes take two of them. */
const IMPLIED: Readonly<Record<string, (term: Term, argument: Argument, environment: Environment) => Term>> = {
  delay: wholeSteps,
  apart: yesOrNo,
  learn: shareOf('learn', 'rate'),
  decay: shareOf('decay', 'decay'),
  tie: nameOfTie,
};

/** Under which codes mistakes are reported: those of arguments, or those of a model's parameters. */
export interface ParameterCodes {
  readonly type: Code;
  readonly where: Code;
}

/** Checks a value against its parameter's type and `where`. `names` already holds the parameters before it. */
export function settleParameter(
  parameter: Parameter,
  value: Term,
  home: Environment,
  names: Map<string, Term>,
  span: Span,
  evaluate: Evaluate,
  codes: ParameterCodes = { type: 'argument/type', where: 'argument/range' },
): Term {
  const { reporter } = home.session;
  if (isPoison(value)) return POISON;
  const name = parameter.name.text;
  const fitted = parameter.type === undefined ? value : asType(value, parameter.type, home, evaluate);
  if (fitted === undefined) {
    const wanted = describeType(parameter.type);
    reporter.report(codes.type, span, `\`${name}\` is ${wanted}, not ${describe(value)}`, {
      repair: repairType(parameter.type, value),
    });
    return POISON;
  }
  if (parameter.type?.element.text === 'rate' && typeof fitted === 'number' && fitted < 0) {
    reporter.report(codes.where, span, `\`${name}\` is ${fitted}: weights would go up the gradient, and errors grow`, {
      repair: `\`${-fitted}\``,
    });
    return POISON;
  }
  if (parameter.where === undefined) return fitted;
  names.set(name, fitted);
  const holds = evaluate(parameter.where, home);
  if (holds !== false) return fitted;
  const condition = showExpression(parameter.where);
  reporter.report(codes.where, span, `\`${condition}\` must hold, and \`${name}\` is ${shown(fitted)}`);
  return POISON;
}

function shown(term: Term): string {
  return toValue(term) === undefined ? describe(term) : valueKey(term);
}

/** The value as the type wants it, or undefined. */
function asType(value: Term, type: TypeExpression, home: Environment, evaluate: Evaluate): Term | undefined {
  if (type.sizes.length > 0) {
    const [size] = type.sizes;
    const count = size && evaluate(size, home);
    if (!isKind(value, 'list') || value.items.length !== count) return undefined;
    const items = value.items.map((item) => asType(item, { ...type, sizes: [] }, home, evaluate));
    return items.some((item) => item === undefined) ? undefined : { kind: 'list', items: items as Term[] };
  }
  switch (type.element.text) {
    case 'int':
      return typeof value === 'number' && Number.isSafeInteger(value) ? value : undefined;
    case 'float':
      return typeof value === 'number' ? value : undefined;
    case 'bool':
      return typeof value === 'boolean' ? value : undefined;
    case 'text':
      return typeof value === 'string' ? value : undefined;
    case 'word':
      return isKind(value, 'symbol') ? value : undefined;
    case 'list':
      return isKind(value, 'list') ? value : undefined;
    case 'function':
      return isKind(value, 'function') ? value : undefined;
    case 'init':
      return toInitializer(value);
    case 'rate':
      return typeof value === 'number' || (isKind(value, 'call') && value.definition.what === 'rate')
        ? value
        : undefined;
    case 'optimizer':
      return isKind(value, 'call') && value.definition.what === 'optimizer' ? value : undefined;
    default:
      return undefined;
  }
}

/** The types that parameters may have; tensors are never arguments of them. */
export const PARAMETER_TYPES: Readonly<Record<string, string>> = {
  int: 'a whole number',
  float: 'a number',
  bool: '`true` or `false`',
  text: 'a text in quotes',
  word: 'one of a few words',
  list: 'a list',
  function: 'a function of one tensor, such as `tanh`',
  init: 'an initialiser, such as `zeros` or `normal(0.1)`',
  optimizer: 'an optimizer, such as `learn.adam()`',
  rate: 'a number or a rate, such as `learn.warmup_cosine(0.001)`',
};

function describeType(type: TypeExpression | undefined): string {
  if (type === undefined) return 'a value';
  const one = PARAMETER_TYPES[type.element.text] ?? type.element.text;
  return type.sizes.length === 0 ? one : `a list of ${type.sizes.map(showExpression).join(' x ')}, each ${one}`;
}

/** Values that have a name and stand without quotes. */
const NAMED: ReadonlySet<string> = new Set(['function', 'word', 'init', 'bool']);

function repairType(type: TypeExpression | undefined, value: Term): string | undefined {
  const [size] = type?.sizes ?? [];
  if (typeof value === 'string' && NAMED.has(type?.element.text ?? '') && BUILTIN_NAMES.has(value))
    return `\`${value}\`, without quotes`;
  if (size?.kind === 'number' && size.value <= 4 && typeof value === 'number')
    return `\`[${Array(size.value).fill(value).join(', ')}]\``;
  if (type?.element.text === 'int' && typeof value === 'number') {
    const [below, above] = [Math.floor(value), Math.ceil(value)];
    return `\`${below}\` or \`${above}\``;
  }
  if (type?.element.text === 'bool' && typeof value === 'number') return value === 0 ? '`false`' : '`true`';
  if (type?.element.text === 'function' && isKind(value, 'symbol'))
    return closest(value.name, ['tanh', 'relu', 'gelu', 'identity']);
  return undefined;
}
