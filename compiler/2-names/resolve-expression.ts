/** Follows every name in an expression; one that points nowhere is reported, with the nearest that would. */
import type { Call, Expression, Member } from '../1-syntax/ast.ts';
import { operandsOf } from '../1-syntax/ast-parts.ts';
import type { Span } from '../diagnostics/diagnostic.ts';
import { meant } from '../diagnostics/habits.ts';
import { listNames, type Reporter } from '../diagnostics/reporter.ts';
import { closest } from '../diagnostics/suggest.ts';
import { BUILTIN_NAMES, COUNTERS } from './builtins.ts';
import { matchArguments, takesFields } from './match-arguments.ts';
import type { Module, Program } from './program.ts';
import {
  declaredIn,
  exposedBy,
  find,
  type Meaning,
  moduleScope,
  type Scope,
  UNKNOWN,
  VALUE,
  visible,
} from './scope.ts';

/** A use of a name and what it points to: for editors. */
export interface Reference {
  readonly span: Span;
  readonly meaning: Meaning;
}

export interface Resolver {
  readonly program: Program;
  readonly reporter: Reporter;
  readonly references: Reference[];
  /** Imports that something used, by file and name. */
  readonly used: Set<string>;
}

export function resolveExpression(expression: Expression, scope: Scope, resolver: Resolver): Meaning {
  switch (expression.kind) {
    case 'name':
      return resolveName(expression.name, expression.span, scope, resolver);
    case 'member':
      return resolveMember(expression, scope, resolver);
    case 'call':
      return resolveCall(expression, scope, resolver);
    default: {
      const inner = operandsOf(expression).map((one) => resolveExpression(one, scope, resolver));
      return expression.kind === 'index' ? (inner[0] ?? UNKNOWN) : VALUE;
    }
  }
}

export function resolveName(name: string, span: Span, scope: Scope, resolver: Resolver): Meaning {
  const found = find(scope, name);
  if (found !== undefined) {
    resolver.references.push({ span, meaning: found });
    if (scope.module.imports.has(name)) resolver.used.add(`${scope.module.file} ${name}`);
    return found;
  }
  if (BUILTIN_NAMES.has(name)) return VALUE;
  unknownName(name, span, scope, resolver);
  return UNKNOWN;
}

/** Modules of the standard library, to suggest a forgotten import. */
const STANDARD_MODULES = ['nodes', 'links', 'topology', 'learn', 'data'];

function unknownName(name: string, span: Span, scope: Scope, resolver: Resolver): void {
  const { module } = scope;
  if (STANDARD_MODULES.includes(name)) {
    resolver.reporter.report(
      'name/unknown',
      span,
      `\`${name}\` is a module of the standard library that this file does not import`,
      {
        repair: `add \`import std/${name}\` at the top`,
      },
    );
    return;
  }
  const counter = COUNTERS.get(name);
  if (counter !== undefined) {
    resolver.reporter.report('name/unknown', span, counter);
    return;
  }
  const near = closest(name, [...visible(scope), ...BUILTIN_NAMES]);
  const holder = [...module.imports.values()].find((imported) => imported.definitions.has(name));
  const repair = near !== undefined ? `did you mean \`${near}\`?` : holder && `\`${holder.name}.${name}\``;
  resolver.reporter.report('name/unknown', span, `nothing here has the name \`${name}\``, { repair });
}

function resolveMember(expression: Member, scope: Scope, resolver: Resolver): Meaning {
  const of = resolveOwner(expression.of, scope, resolver);
  const found = memberOf(of, expression, resolver);
  resolver.references.push({ span: expression.name.span, meaning: found });
  return found;
}

/** Resolves the base of a member: `nodes` there is a forgotten import, even where `nodes` is a word elsewhere. */
function resolveOwner(of: Expression, scope: Scope, resolver: Resolver): Meaning {
  if (of.kind !== 'name' || !STANDARD_MODULES.includes(of.name) || find(scope, of.name) !== undefined)
    return resolveExpression(of, scope, resolver);
  unknownName(of.name, of.span, scope, resolver);
  return UNKNOWN;
}

function memberOf(of: Meaning, expression: Member, resolver: Resolver): Meaning {
  const name = expression.name.text;
  const { span } = expression.name;
  if (of.kind === 'module') {
    const definition = of.module.definitions.get(name);
    if (definition) return { kind: 'definition', definition, module: of.module };
    return unknownMember(`\`${of.module.name}\``, name, [...of.module.definitions.keys()], span, resolver);
  }
  if (of.kind === 'cluster') return memberOfCluster(of, name, span, resolver);
  if (of.kind === 'task') {
    const reads = of.task.body.flatMap((statement) => (statement.kind === 'read' ? [statement.name.text] : []));
    return reads.includes(name) ? VALUE : unknownMember(`\`${of.task.name.text}\``, name, reads, span, resolver);
  }
  if (of.kind === 'node') {
    resolver.reporter.report('name/member', expression.span, 'a node has no members');
    return UNKNOWN;
  }
  // Splits and fields of data, fields of samples: known when the arguments are.
  return of.kind === 'unknown' ? UNKNOWN : VALUE;
}

function memberOfCluster(
  of: Extract<Meaning, { kind: 'cluster' }>,
  name: string,
  span: Span,
  resolver: Resolver,
): Meaning {
  const { definition, module } = of;
  if (definition === undefined || module === undefined) return UNKNOWN;
  const declared = declaredIn(definition.body, name);
  const exposed = exposedBy(definition.body).map((n) => n.text);
  if (declared === undefined) return unknownMember(`\`${definition.name.text}\``, name, exposed, span, resolver);
  if (!exposed.includes(name)) {
    const all = exposed.length === 0 ? 'nothing' : listNames(exposed);
    resolver.reporter.report('expose/hidden', span, `\`${definition.name.text}\` exposes ${all}`, {
      repair: `\`expose ${[...exposed, name].join(', ')}\` in the cluster`,
      labels: [{ span: declared.name.span, text: 'declared here' }],
    });
    return UNKNOWN;
  }
  return meaningOfPlace(declared, moduleScope(module), resolver.program);
}

/** A node or cluster statement as a meaning; what kind of cluster it is, if that can be seen. */
export function meaningOfPlace(
  statement: NonNullable<ReturnType<typeof declaredIn>>,
  scope: Scope,
  program: Program,
): Meaning {
  const { span } = statement.name;
  if (statement.kind === 'node') return { kind: 'node', span };
  const callee = statement.value.kind === 'call' ? statement.value.callee : statement.value;
  const definition = quietDefinition(callee, scope);
  const module = definition && program.homes.get(definition);
  if (definition?.what !== 'cluster' || module === undefined) return { kind: 'cluster', span };
  return { kind: 'cluster', definition, module, span };
}

/** The definition that `name` or `module.name` points to, without a report. */
function quietDefinition(callee: Expression, scope: Scope) {
  if (callee.kind === 'name') {
    const found = find(scope, callee.name);
    return found?.kind === 'definition' ? found.definition : undefined;
  }
  if (callee.kind !== 'member' || callee.of.kind !== 'name') return undefined;
  const of = find(scope, callee.of.name);
  return of?.kind === 'module' ? of.module.definitions.get(callee.name.text) : undefined;
}

function unknownMember(owner: string, name: string, known: readonly string[], span: Span, resolver: Resolver): Meaning {
  const near = closest(name, known);
  const all = known.length === 0 ? 'nothing to name' : listNames([...known].sort());
  const rest = near === undefined ? `; it has ${all}` : '';
  resolver.reporter.report('name/unknown', span, `${owner} has no \`${name}\`${rest}`, {
    repair: near === undefined ? undefined : `did you mean \`${near}\`?`,
  });
  return UNKNOWN;
}

function resolveCall(call: Call, scope: Scope, resolver: Resolver): Meaning {
  const { callee } = call;
  const target = resolveExpression(callee, scope, resolver);
  for (const argument of call.arguments) resolveExpression(argument.value, scope, resolver);
  if (target.kind !== 'definition') return target.kind === 'unknown' ? UNKNOWN : VALUE;
  checkArguments(call, target.definition, target.module, resolver);
  return target.definition.what === 'data' ? target : VALUE;
}

/** The names of arguments against those of parameters; their values come later. */
function checkArguments(
  call: Call,
  definition: Extract<Meaning, { kind: 'definition' }>['definition'],
  module: Module,
  resolver: Resolver,
): void {
  const { reporter } = resolver;
  const name = definition.name.text;
  const label = [{ span: definition.name.span, text: `${name} is defined here` }];
  const labels = module.standard ? undefined : label;
  const { unknown, surplus, twice, missing } = matchArguments(definition, call.arguments);
  const known = definition.parameters.map((p) => p.name.text);
  for (const argument of takesFields(definition) ? [] : unknown) {
    const near = argument.name && meant(argument.name.text, known);
    reporter.report(
      'argument/unknown',
      argument.name?.span ?? argument.span,
      known.length === 0 ? `${name} has no arguments` : `${name} has ${listNames(known)}`,
      {
        repair: near === undefined ? undefined : `did you mean \`${near}\`?`,
        labels,
      },
    );
  }
  for (const argument of surplus)
    reporter.report(
      'argument/surplus',
      argument.span,
      `${name} takes ${known.length === 0 ? 'no arguments' : `at most ${known.length}: ${listNames(known)}`}`,
      { labels },
    );
  for (const argument of twice)
    reporter.report('argument/twice', argument.span, `\`${argument.name?.text ?? ''}\` is given twice`, {
      repair: 'leave one of them out',
    });
  // A function without its first argument is a function: `after = swish(beta = 2)`.
  const lacking = definition.what === 'function' ? missing.filter((p) => p !== definition.parameters[0]) : missing;
  if (lacking.length > 0)
    reporter.report('argument/missing', call.span, `${name} needs ${listNames(lacking.map((p) => p.name.text))}`, {
      repair: `\`${name}(${lacking.map((p) => `${p.name.text} = …`).join(', ')})\``,
      labels,
    });
}
