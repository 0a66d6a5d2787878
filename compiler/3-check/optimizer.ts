/** Optimisers and rates as expressions, element by element. */
import { constant, type Expr, leaf } from '../operators/expr.ts';
import { toExpr } from './arithmetic.ts';
import type { CallValue, OptimizerInstance, Value } from './checked.ts';
import { atHome, type Environment, inside } from './environment.ts';
import { evaluate } from './evaluate.ts';
import { evaluateRules } from './rules-of-definition.ts';
import { isPoison, type Term, tensor } from './term.ts';

const scalar = (name: string): Term => tensor(leaf(name, [], false));

/** Undefined after a report. */
export function elaborateOptimizer(call: CallValue, environment: Environment): OptimizerInstance | undefined {
  const { definition } = call;
  const { session } = environment;
  const module = session.program.homes.get(definition);
  const rate = rateExpr(call.arguments.rate, environment);
  if (module === undefined || rate === undefined) return undefined;
  const names = new Map<string, Term>(Object.entries(call.arguments));
  for (const name of ['weight', 'gradient', 'rate', 'step', 'update', 'updates']) names.set(name, scalar(name));
  const home = atHome(environment, module, names);
  const rules = definition.rules ?? [];
  const states: OptimizerInstance['states'][number][] = [];
  for (const rule of rules) {
    if (rule.kind !== 'state') continue;
    const init = evaluate(rule.init, home);
    if (isPoison(init)) return undefined;
    if (typeof init !== 'number') {
      session.reporter.report('definition/formula', rule.init.span, 'a state begins at a number');
      return undefined;
    }
    states.push({ name: rule.name.text, init });
    names.set(rule.name.text, scalar(rule.name.text));
  }
  const lets = new Map<string, Term>();
  const scope = inside(home, lets);
  const nextStates: OptimizerInstance['nextStates'][number][] = [];
  let nextWeight: Expr | undefined;
  for (const rule of rules) {
    if (rule.kind === 'let') lets.set(rule.name.text, evaluate(rule.value, scope));
    if (rule.kind !== 'next') continue;
    const value = toExpr(evaluate(rule.value, scope));
    if (value === undefined) return undefined;
    if (rule.name.text === 'weight') nextWeight = value;
    else nextStates.push({ name: rule.name.text, value });
  }
  if (nextWeight === undefined) return undefined;
  return { name: call.name, rate, states, nextStates, nextWeight };
}

/** A learning rate: a number, or the `value` of a rate definition over the leaves `update` and `updates`. */
export function rateExpr(rate: Value | undefined, environment: Environment): Expr | undefined {
  if (typeof rate === 'number') return constant(rate);
  if (rate === undefined) return constant(1);
  if (typeof rate !== 'object' || rate.kind !== 'call') return undefined;
  const module = environment.session.program.homes.get(rate.definition);
  if (module === undefined) return undefined;
  const names = new Map<string, Term>(Object.entries(rate.arguments));
  names.set('update', scalar('update')).set('updates', scalar('updates'));
  const value = evaluateRules(rate.definition, atHome(environment, module, names), evaluate).get('value');
  return value === undefined ? undefined : toExpr(value);
}
