/** A model with its parameters fixed and its clusters expanded. */
import type { Model, ParamStatement } from '../1-syntax/ast.ts';
import { Assembly } from './assembly.ts';
import { elaborateBody } from './body.ts';
import type { ModelInstance, Value } from './checked.ts';
import { type Environment, inside } from './environment.ts';
import { evaluate } from './evaluate.ts';
import { settleParameter } from './parameters.ts';
import { baseRate } from './rules/rates.ts';
import { isKind, isPoison, POISON, type Term, toValue } from './term.ts';
import { withTies } from './ties.ts';

export interface ElaboratedModel {
  readonly instance: ModelInstance;
  /** Everything that tasks of the model can name. */
  readonly names: ReadonlyMap<string, Term>;
}

/** @param set values given from outside, by parameter name */
export function elaborateModel(
  model: Model,
  set: ReadonlyMap<string, Term>,
  environment: Environment,
): ElaboratedModel {
  const { session } = environment;
  const names = new Map<string, Term>();
  const scope = inside(environment, names);
  const parameters: Record<string, Value> = {};
  for (const statement of model.body) {
    if (statement.kind !== 'param') continue;
    const term = parameterValue(statement, model, set, names, scope);
    names.set(statement.name.text, term);
    const value = toValue(term);
    if (value !== undefined) parameters[statement.name.text] = value;
  }
  const assembly = new Assembly(session.reporter);
  elaborateBody(model.body, names, '', assembly, scope);
  const rate = baseRate(assembly.nodes, session.reporter);
  const instance: ModelInstance = {
    name: model.name.text,
    parameters,
    nodes: assembly.nodes,
    links: withTies(assembly.links, session.reporter),
    ...(rate === undefined ? {} : { baseRate: rate }),
    span: model.name.span,
  };
  return { instance, names };
}

/** Where data are named, the model's parameters are known and its nodes are not; imports keep their names. */
export function withParameters(environment: Environment, model: ElaboratedModel | undefined): Environment {
  const { imports } = environment.module;
  const names = [...(model?.names ?? [])].filter(([name, term]) => !isKind(term, 'places') && !imports.has(name));
  return inside(environment, new Map(names));
}

function parameterValue(
  statement: ParamStatement,
  model: Model,
  set: ReadonlyMap<string, Term>,
  names: Map<string, Term>,
  scope: Environment,
): Term {
  const name = statement.name.text;
  const given = set.get(name);
  const span = given === undefined ? (statement.default?.span ?? statement.name.span) : statement.name.span;
  if (given === undefined && statement.default === undefined) {
    scope.session.reporter.report(
      'param/missing',
      statement.name.span,
      `\`${name}\` of \`${model.name.text}\` has no default`,
      {
        repair: `give it one (\`= …\`), or a value from outside: --set ${name}=…`,
      },
    );
    return POISON;
  }
  const value = given ?? (statement.default === undefined ? POISON : evaluate(statement.default, scope));
  const term = settleParameter(statement, value, scope, names, span, evaluate, {
    type: 'param/type',
    where: 'param/where',
  });
  if (!isPoison(term) && toValue(term) === undefined) return POISON;
  return term;
}
