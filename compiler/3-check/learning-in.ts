/** `learn` and `decay` of a link or node: how its weights learn beside those of others. */
import type { CallValue, Learning, ModelInstance, Value } from './checked.ts';

/** Only what differs from what the optimizer does. A definition may have a parameter of that name for itself. */
export function learningIn({ definition, arguments: given }: CallValue): Learning {
  const own = new Set(definition.parameters.map((p) => p.name.text));
  const share = (name: 'learn' | 'decay'): Learning => {
    const value = own.has(name) ? undefined : numberOf(given[name]);
    return value === undefined || value === 1 ? {} : { [name]: value };
  };
  return { ...share('learn'), ...share('decay') };
}

function numberOf(value: Value | undefined): number | undefined {
  if (value === false) return 0;
  return typeof value === 'number' ? value : undefined;
}

/** The first link or node with a share of its own in the optimizer's `decay`. */
export function decayingApart({ links, nodes }: ModelInstance): string | undefined {
  return [...links, ...nodes].find((owner) => owner.decay !== undefined)?.name;
}

/** Whether an optimizer, or one inside it, has a number `decay`. */
export function decays(optimizer: CallValue): boolean {
  const given = Object.values(optimizer.arguments);
  if (typeof optimizer.arguments.decay === 'number') return true;
  return given.some((value) => typeof value === 'object' && value.kind === 'call' && decays(value));
}
