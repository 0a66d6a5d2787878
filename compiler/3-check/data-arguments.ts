/** The arguments of a method that is called on data, by their names. */
import type { Call } from '../1-syntax/ast.ts';
import type { Environment } from './environment.ts';
import type { Evaluate } from './parameters.ts';
import { isPoison, type Term } from './term.ts';

/**
 * @param names in their order: arguments without a name come first
 * @returns nothing where there are others, or one comes twice
 */
export function matched(
  call: Call,
  names: readonly string[],
  environment: Environment,
  evaluate: Evaluate,
): ReadonlyMap<string, Term> | 'poison' | undefined {
  const found = new Map<string, Term>();
  for (const [i, argument] of call.arguments.entries()) {
    const term = evaluate(argument.value, environment);
    if (isPoison(term)) return 'poison';
    const name = argument.name?.text ?? names[i];
    if (name === undefined || !names.includes(name) || found.has(name)) return undefined;
    found.set(name, term);
  }
  return found;
}
