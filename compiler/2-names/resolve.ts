/**
 * Stage 2: every name in every declaration points somewhere, also inside unused clusters, and nothing is
 * declared twice. What the names are worth is worked out in stage 3.
 */
import type {
  Declaration,
  Definition,
  Expression,
  Model,
  ModelStatement,
  Name,
  Parameter,
  Predict,
  Schedule,
  TaskStatement,
  Train,
} from '../1-syntax/ast.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { listNames, Reporter } from '../diagnostics/reporter.ts';
import { closest } from '../diagnostics/suggest.ts';
import type { Module, Program } from './program.ts';
import { checkParameterType, checkStatements, resolveRules } from './resolve-definition.ts';
import { meaningOfPlace, type Reference, type Resolver, resolveExpression } from './resolve-expression.ts';
import { type Meaning, moduleScope, type Scope, VALUE, within } from './scope.ts';

/** Diagnostics of all files; `references` collects what each name points to. */
export function resolve(program: Program, references: Reference[] = []): readonly Diagnostic[] {
  const resolver: Resolver = { program, reporter: new Reporter(), references, used: new Set() };
  for (const module of program.modules) resolveModule(module, resolver);
  for (const module of program.modules) if (!module.standard) reportUnused(module, resolver);
  return resolver.reporter.diagnostics;
}

function resolveModule(module: Module, resolver: Resolver): void {
  const scope = moduleScope(module);
  const { declarations } = module.source;
  checkDeclared(module, resolver);
  for (const declaration of declarations) resolveDeclaration(declaration, scope, module, resolver);
}

function resolveDeclaration(declaration: Declaration, scope: Scope, module: Module, resolver: Resolver): void {
  switch (declaration.kind) {
    case 'model':
      resolveBody(declaration.body, [], scope, resolver);
      return;
    case 'definition':
      resolveDefinition(declaration, scope, module, resolver);
      return;
    case 'train':
    case 'predict':
    case 'schedule':
      resolveTask(declaration, scope, module, resolver);
      return;
    case 'check': {
      const names = parametersOf(modelOfCheck(declaration.condition, module), module);
      for (const task of module.source.declarations)
        if (task.kind === 'predict') names.set(task.name.text, { kind: 'task', task });
      // Which metrics there are is said with the form of checks, in stage 3.
      const { condition } = declaration;
      if (condition.kind === 'binary' && condition.left.kind === 'call' && condition.left.callee.kind === 'name')
        names.set(condition.left.callee.name, VALUE);
      resolveExpression(declaration.condition, within(scope, names), resolver);
    }
  }
}

/** The model whose task a check reads: `accuracy(TASK.READ, …)`. */
function modelOfCheck(condition: Expression, { source: { declarations } }: Module): Model | undefined {
  const given = condition.kind === 'binary' && condition.left.kind === 'call' ? condition.left.arguments : [];
  // A number may stand before it: `top(5, TASK.READ, …)`.
  const [of] = given.flatMap(({ value }) => (value.kind === 'member' ? [value.of] : []));
  const task = declarations.find((d) => d.kind === 'predict' && of?.kind === 'name' && d.name.text === of.name);
  const name = task?.kind === 'predict' ? task.model.text : undefined;
  return declarations.find((d): d is Model => d.kind === 'model' && d.name.text === name);
}

// ---------------------------------------------------------------- names at the top of a file
/** Models, definitions and tasks of one file have different names; so have its imports. */
function checkDeclared(module: Module, resolver: Resolver): void {
  const seen = new Map<string, Name>();
  for (const line of module.source.imports) if (!seen.has(line.name.text)) seen.set(line.name.text, line.name);
  for (const declaration of module.source.declarations)
    if (declaration.kind !== 'check') declare(declaration.name, seen, resolver);
}

function declare(name: Name, seen: Map<string, Name>, resolver: Resolver): void {
  const before = seen.get(name.text);
  if (before === undefined) seen.set(name.text, name);
  else
    resolver.reporter.report('name/duplicate', name.span, `\`${name.text}\` is already the name of something else`, {
      repair: 'give one of them another name',
      labels: [{ span: before.span, text: 'first here' }],
    });
}

function reportUnused(module: Module, resolver: Resolver): void {
  for (const line of module.source.imports) {
    const name = line.name.text;
    if (module.imports.has(name) && !resolver.used.has(`${module.file} ${name}`))
      resolver.reporter.report('import/unused', line.span, `nothing here uses \`${name}\``, {
        repair: 'leave the line out',
      });
  }
}

// ---------------------------------------------------------------- models and clusters
/** The scope of a body: its parameters, nodes and clusters, in any order. */
function bodyScope(
  body: readonly ModelStatement[],
  parameters: readonly Parameter[],
  outer: Scope,
  resolver: Resolver,
): Scope {
  const names = new Map<string, Meaning>();
  for (const parameter of parameters) names.set(parameter.name.text, VALUE);
  for (const statement of body) {
    if (statement.kind === 'param') names.set(statement.name.text, { kind: 'value', span: statement.name.span });
    if (statement.kind === 'node' || statement.kind === 'cluster')
      names.set(statement.name.text, meaningOfPlace(statement, outer, resolver.program));
  }
  return within(outer, names);
}

function resolveBody(
  body: readonly ModelStatement[],
  parameters: readonly Parameter[],
  outer: Scope,
  resolver: Resolver,
): void {
  const scope = bodyScope(body, parameters, outer, resolver);
  const seen = new Map<string, Name>();
  for (const parameter of parameters) declare(parameter.name, seen, resolver);
  for (const statement of body) {
    switch (statement.kind) {
      case 'param':
        declare(statement.name, seen, resolver);
        resolveParameter(statement, scope, resolver);
        break;
      case 'node':
        declare(statement.name, seen, resolver);
        checkTensorType(statement.type.element, resolver);
        for (const part of [statement.count, ...statement.type.sizes, statement.rate, statement.value])
          if (part) resolveExpression(part, scope, resolver);
        break;
      case 'cluster':
        declare(statement.name, seen, resolver);
        for (const part of [statement.count, statement.value]) if (part) resolveExpression(part, scope, resolver);
        break;
      case 'link':
        for (const part of [...statement.path, statement.value, statement.along])
          if (part) resolveExpression(part, scope, resolver);
        break;
      case 'expose':
        for (const name of statement.names) checkExposed(name, scope, resolver);
    }
  }
}

function checkExposed(name: Name, scope: Scope, resolver: Resolver): void {
  const meaning = scope.names.get(name.text);
  if (meaning?.kind === 'node' || meaning?.kind === 'cluster') return;
  const places = [...scope.names].flatMap(([key, one]) => (one.kind === 'value' ? [] : [key]));
  const near = closest(name.text, places);
  const reason = meaning
    ? `\`${name.text}\` is neither a node nor a cluster`
    : `nothing here has the name \`${name.text}\``;
  resolver.reporter.report('name/unknown', name.span, reason, {
    repair: near === undefined ? undefined : `did you mean \`${near}\`?`,
  });
}

export function checkTensorType(element: Name, resolver: Resolver): void {
  if (element.text !== 'f32')
    resolver.reporter.report('type/unknown', element.span, `nodes and weights hold \`f32\`, not \`${element.text}\``, {
      repair: '`f32`',
    });
}

function resolveParameter(parameter: Parameter, scope: Scope, resolver: Resolver): void {
  checkParameterType(parameter, resolver);
  for (const part of [parameter.default, parameter.where]) if (part) resolveExpression(part, scope, resolver);
}

// ---------------------------------------------------------------- definitions
function resolveDefinition(definition: Definition, scope: Scope, module: Module, resolver: Resolver): void {
  if (definition.what === 'cluster') {
    for (const parameter of definition.parameters)
      resolveParameter(parameter, within(scope, parameterNames(definition)), resolver);
    resolveBody(definition.body, definition.parameters, scope, resolver);
    return;
  }
  const seen = new Map<string, Name>();
  for (const parameter of definition.parameters) {
    declare(parameter.name, seen, resolver);
    resolveParameter(parameter, within(scope, parameterNames(definition)), resolver);
  }
  checkStatements(definition, module, resolver);
  resolveRules(definition, scope, seen, (name) => declare(name, seen, resolver), resolver);
}

function parameterNames(definition: Definition): Map<string, Meaning> {
  return new Map(definition.parameters.map((p): [string, Meaning] => [p.name.text, VALUE]));
}

// ---------------------------------------------------------------- tasks
function resolveTask(task: Train | Predict | Schedule, scope: Scope, module: Module, resolver: Resolver): void {
  const model = modelOf(task, module, resolver);
  const ofData = within(scope, parametersOf(model, module));
  if (task.kind !== 'schedule' && task.on) resolveExpression(task.on, ofData, resolver);
  const inModel = model && bodyScope(model.body, [], scope, resolver);
  const seen = new Map<string, Name>();
  for (const statement of task.body) {
    if (statement.kind === 'read') declare(statement.name, seen, resolver);
    if (statement.kind === 'validate') resolveExpression(statement.on, ofData, resolver);
    else if (inModel) resolveTaskStatement(statement, task, inModel, resolver);
    // Of a model that is not there only the imports are looked for: they are used, whatever the model is.
    else resolveTaskStatement(statement, task, scope, { ...resolver, reporter: new Reporter(), references: [] });
  }
}

/**
 * Parameters of a model where data are named: `data.mnist.train[0..samples]`. Imports keep their names there.
 */
function parametersOf(model: Model | undefined, module: Module): Map<string, Meaning> {
  const names = (model?.body ?? []).flatMap((s) => (s.kind === 'param' ? [s.name] : []));
  return new Map(
    names
      .filter((name) => !module.imports.has(name.text))
      .map((name): [string, Meaning] => [name.text, { kind: 'value', span: name.span }]),
  );
}

function modelOf(task: Train | Predict | Schedule, module: Module, resolver: Resolver) {
  const models = module.source.declarations.flatMap((d) => (d.kind === 'model' ? [d] : []));
  const found = models.find((m) => m.name.text === task.model.text);
  if (found) return found;
  const names = models.map((m) => m.name.text);
  const near = closest(task.model.text, names);
  const reason = names.length === 0 ? 'this file has no model' : `the models here are ${listNames(names)}`;
  resolver.reporter.report('name/unknown', task.model.span, reason, {
    repair: near === undefined ? undefined : `did you mean \`${near}\`?`,
  });
  return undefined;
}

function resolveTaskStatement(
  statement: Exclude<TaskStatement, { kind: 'validate' }>,
  task: Train | Predict | Schedule,
  scope: Scope,
  resolver: Resolver,
): void {
  const sample = new Map<string, Meaning>(task.kind === 'schedule' ? [] : [['sample', VALUE]]);
  if (task.kind === 'predict') sample.set('input', VALUE);
  const inSample = within(scope, sample);
  switch (statement.kind) {
    case 'clamp':
    case 'start':
      resolveExpression(statement.target, scope, resolver);
      for (const part of [statement.value, statement.when]) if (part) resolveExpression(part, inSample, resolver);
      return;
    case 'read':
      resolveExpression(statement.value, inSample, resolver);
      return;
    case 'setting':
      resolveExpression(statement.value, scope, resolver);
  }
}
