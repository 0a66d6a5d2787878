/** The statements inside a definition: weights, names for sub-expressions, and the one formula that holds. */
import type { Definition, DefinitionStatement } from '../1-syntax/ast.ts';
import type { Environment } from './environment.ts';
import { inside } from './environment.ts';
import type { Evaluate } from './parameters.ts';
import { isPoison, POISON, type Term } from './term.ts';

type Formula = Extract<DefinitionStatement, { kind: 'predict' | 'energy' | 'value' }>;
type WeightRule = Extract<DefinitionStatement, { kind: 'weight' }>;

/** Called for each weight whose condition holds; its result is what the name means. */
export type MakeWeight = (rule: WeightRule, environment: Environment) => Term;

/**
 * Statements in order. Of several formulas the first whose `when` holds is taken, under the name of its kind
 * (`predict`, `energy`, `value`); a `when` that only data decide is not allowed here.
 */
export function evaluateRules(
  definition: Definition,
  environment: Environment,
  evaluate: Evaluate,
  makeWeight?: MakeWeight,
): Map<string, Term> {
  const names = new Map<string, Term>();
  const scope = inside(environment, names);
  const formulas = new Map<string, Term>();
  for (const rule of definition.rules ?? []) {
    if (rule.kind === 'weight' && makeWeight) {
      // A weight that does not exist is poison: only a formula of the other case may name it.
      names.set(rule.name.text, holds(rule.when, scope, evaluate) ? makeWeight(rule, scope) : POISON);
    } else if (rule.kind === 'let') names.set(rule.name.text, evaluate(rule.value, scope));
    else if (isFormula(rule) && !formulas.has(rule.kind) && holds(rule.when, scope, evaluate))
      formulas.set(rule.kind, evaluate(rule.value, scope));
  }
  return formulas;
}

function isFormula(rule: DefinitionStatement): rule is Formula {
  return rule.kind === 'predict' || rule.kind === 'energy' || rule.kind === 'value';
}

function holds(when: Formula['when'], scope: Environment, evaluate: Evaluate): boolean {
  if (when === undefined) return true;
  const value = evaluate(when, scope);
  if (typeof value === 'boolean') return value;
  if (!isPoison(value))
    scope.session.reporter.report('definition/when', when.span, 'this must be true or false whatever the data are');
  return true;
}
