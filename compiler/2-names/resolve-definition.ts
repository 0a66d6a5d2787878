/** The inside of definitions: which statements belong there, and what their names point to. */
import type { Definition, DefinitionStatement, Name, Parameter } from '../1-syntax/ast.ts';
import { listNames } from '../diagnostics/reporter.ts';
import { closest } from '../diagnostics/suggest.ts';
import { FIELD_TYPES, LEAVES } from './builtins.ts';
import type { Module } from './program.ts';
import { type Resolver, resolveExpression } from './resolve-expression.ts';
import { type Meaning, type Scope, VALUE, within } from './scope.ts';

type StatementKind = DefinitionStatement['kind'];

/** Statements of each kind of definition. */
const STATEMENTS: Readonly<Record<Exclude<Definition['what'], 'cluster'>, readonly StatementKind[]>> = {
  link: ['predict', 'weight', 'let'],
  node: ['energy', 'value', 'weight', 'let'],
  optimizer: ['next', 'state', 'let'],
  rate: ['value', 'let'],
  function: ['value', 'let'],
  data: ['field', 'split'],
  method: [],
  topology: [],
};

/** Statements of which one must be there. */
const NEEDED: Readonly<Record<Exclude<Definition['what'], 'cluster'>, readonly StatementKind[]>> = {
  link: ['predict'],
  node: ['energy', 'value'],
  optimizer: ['next'],
  rate: ['value'],
  function: ['value'],
  data: [],
  method: [],
  topology: [],
};

const PARAMETER_TYPES = ['int', 'float', 'bool', 'text', 'word', 'list', 'function', 'init', 'rate', 'optimizer'];

export function checkParameterType(parameter: Parameter, resolver: Resolver): void {
  const { type } = parameter;
  if (type === undefined || PARAMETER_TYPES.includes(type.element.text)) return;
  const near = closest(type.element.text, PARAMETER_TYPES);
  resolver.reporter.report('type/unknown', type.element.span, `parameters are ${listNames(PARAMETER_TYPES, 'or')}`, {
    repair: near === undefined ? undefined : `did you mean \`${near}\`?`,
  });
}

export function checkStatements(definition: Definition, module: Module, resolver: Resolver): void {
  if (definition.what === 'cluster') return;
  const { rules, what } = definition;
  const allowed = STATEMENTS[what];
  const needed = NEEDED[what];
  if (rules === undefined) {
    // A definition without a body is built into the compiler, or is a data set whose arguments name its fields.
    if (!module.standard)
      resolver.reporter.report(
        'definition/body',
        definition.name.span,
        allowed.length === 0
          ? `a ${what} cannot be defined outside the standard library`
          : `a ${what} needs ${oneOf(needed.length === 0 ? allowed.slice(0, 1) : needed)} between braces`,
      );
    return;
  }
  for (const rule of rules)
    if (!allowed.includes(rule.kind))
      resolver.reporter.report(
        'definition/statement',
        rule.span,
        allowed.length === 0 ? `a ${what} has no statements` : `a ${what} has ${listNames(allowed)}`,
      );
  const there = rules.some(
    (rule) => needed.includes(rule.kind) && (rule.kind !== 'next' || rule.name.text === 'weight'),
  );
  if (needed.length > 0 && !there)
    resolver.reporter.report(
      'definition/body',
      definition.name.span,
      `it has no ${what === 'optimizer' ? '`next weight`' : listNames(needed, 'or')}`,
    );
}

function oneOf(kinds: readonly StatementKind[]): string {
  return kinds.length === 1 ? `a ${listNames(kinds)}` : listNames(kinds, 'or');
}

/** Names inside the braces. `declare` reports what is declared twice; `seen` holds the parameters. */
export function resolveRules(
  definition: Definition,
  outer: Scope,
  seen: ReadonlyMap<string, Name>,
  declare: (name: Name) => void,
  resolver: Resolver,
): void {
  const names = new Map<string, Meaning>();
  for (const name of [...(LEAVES[definition.what] ?? []), ...seen.keys()]) names.set(name, VALUE);
  const rules = definition.rules ?? [];
  const states = new Set<string>();
  for (const rule of rules) {
    if (rule.kind === 'weight' || rule.kind === 'state') names.set(rule.name.text, VALUE);
    if (rule.kind === 'state') states.add(rule.name.text);
  }
  const scope = within(outer, names);
  for (const rule of rules) {
    if (rule.kind === 'weight' || rule.kind === 'state' || rule.kind === 'let') declare(rule.name);
    resolveRule(rule, scope, states, resolver);
    if (rule.kind === 'let') names.set(rule.name.text, VALUE);
  }
}

function resolveRule(rule: DefinitionStatement, scope: Scope, states: ReadonlySet<string>, resolver: Resolver): void {
  const all = (...parts: (Parameters<typeof resolveExpression>[0] | undefined)[]): void => {
    for (const part of parts) if (part) resolveExpression(part, scope, resolver);
  };
  switch (rule.kind) {
    case 'weight':
      if (rule.type.element.text !== 'f32')
        resolver.reporter.report(
          'type/unknown',
          rule.type.element.span,
          `weights hold \`f32\`, not \`${rule.type.element.text}\``,
          { repair: '`f32`' },
        );
      all(...rule.type.sizes, rule.init, rule.when);
      return;
    case 'state':
      all(rule.init);
      return;
    case 'let':
      all(rule.value);
      return;
    case 'next':
      if (rule.name.text !== 'weight' && !states.has(rule.name.text)) {
        const near = closest(rule.name.text, ['weight', ...states]);
        resolver.reporter.report(
          'name/unknown',
          rule.name.span,
          `\`${rule.name.text}\` is not a state of this optimizer`,
          {
            repair: near === undefined ? `declare it: \`state ${rule.name.text} = 0\`` : `did you mean \`${near}\`?`,
          },
        );
      }
      all(rule.value);
      return;
    case 'predict':
    case 'energy':
    case 'value':
      all(rule.value, rule.when);
      return;
    case 'field':
      if (!FIELD_TYPES.includes(rule.type.element.text))
        resolver.reporter.report('type/unknown', rule.type.element.span, `fields are ${listNames(FIELD_TYPES, 'or')}`);
      all(...rule.type.sizes);
      return;
    case 'split':
      return;
  }
}
