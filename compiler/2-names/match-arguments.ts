/** Which argument of a call goes to which parameter: positional ones first, then by name. */
import type { Argument, Definition, Parameter } from '../1-syntax/ast.ts';

export interface MatchedArguments {
  readonly bound: ReadonlyMap<string, Argument>;
  /** Named like no parameter. */
  readonly unknown: readonly Argument[];
  /** Positional, beyond the last parameter. */
  readonly surplus: readonly Argument[];
  /** For a parameter that has one already. */
  readonly twice: readonly Argument[];
  /** Parameters without argument and without default. */
  readonly missing: readonly Parameter[];
}

const IMPLIED: Readonly<Record<string, readonly string[]>> = {
  link: ['delay', 'apart', 'learn', 'decay', 'tie'],
  node: ['learn', 'decay'],
};

/** Arguments that every definition of a kind takes besides its own. */
export function impliedParameters(definition: Definition): readonly string[] {
  const names = IMPLIED[definition.what] ?? [];
  return names.filter((name) => !definition.parameters.some((p) => p.name.text === name));
}

/** The fields of a data set that declares none (`data.file`) are named by the arguments. */
export function takesFields(definition: Definition): boolean {
  return definition.what === 'data' && !(definition.rules ?? []).some((rule) => rule.kind === 'field');
}

export function matchArguments(definition: Definition, passed: readonly Argument[]): MatchedArguments {
  const names = definition.parameters.map((p) => p.name.text);
  const known = new Set([...names, ...impliedParameters(definition)]);
  const bound = new Map<string, Argument>();
  const unknown: Argument[] = [];
  const surplus: Argument[] = [];
  const twice: Argument[] = [];
  let position = 0;
  for (const argument of passed) {
    const name = argument.name?.text ?? names[position];
    if (argument.name === undefined) position++;
    if (name === undefined) surplus.push(argument);
    else if (!known.has(name)) unknown.push(argument);
    else if (bound.has(name)) twice.push(argument);
    else bound.set(name, argument);
  }
  const missing = definition.parameters.filter((p) => p.default === undefined && !bound.has(p.name.text));
  return { bound, unknown, surplus, twice, missing };
}
