/**
 * Reverse mode over the operations of one block: the gradient of a sum of energies with respect to any values. The
 * graph's energies touch each other only through the nodes' values, so this one sweep gives exactly the local rules:
 * each node's own error, and what its links send back (semantics.md, equation 4).
 */
import type { Value } from '../operators/operator.ts';
import { isOperator, operators } from '../operators/table.ts';
import type { BlockBuilder } from './builder.ts';

/**
 * Targets count as independent: nothing is sent through one to what it was computed from.
 *
 * @param seeds values to differentiate, each with the gradient of the total with respect to it
 * @param targets values whose gradients are wanted
 * @returns gradients by the id of the target; a target that nothing depends on is missing
 */
export function gradients(
  builder: BlockBuilder,
  seeds: readonly { value: Value; gradient: Value }[],
  targets: readonly Value[],
): Map<string, Value> {
  const ops = [...builder.ops];
  const stops = new Set(targets.map((t) => t.id));
  const active = dependents(ops, stops);
  const found = new Map<string, Value>();
  const accumulate = (id: string, gradient: Value): void => {
    const sum = found.get(id);
    found.set(id, sum ? builder.op('add', [sum, gradient]) : gradient);
  };
  for (const seed of seeds) if (active.has(seed.value.id)) accumulate(seed.value.id, seed.gradient);
  const kept = builder.origin;
  for (let i = ops.length - 1; i >= 0; i--) {
    const op = ops[i];
    const gradient = op && found.get(op.id);
    if (!op || !gradient || stops.has(op.id) || !isOperator(op.op) || !op.args.some((a) => active.has(a))) continue;
    builder.origin = op.origin;
    const args = op.args.map((id) => ({ id, shape: builder.shapeOf(id) }));
    const wanted = op.args.map((id) => active.has(id));
    const result = { id: op.id, shape: op.shape };
    const parts = operators[op.op].derivative(args, result, gradient, builder, op.attributes, wanted);
    parts.forEach((part, j) => {
      const id = op.args[j];
      if (part && id !== undefined && wanted[j]) accumulate(id, part);
    });
  }
  builder.origin = kept;
  return found;
}

/** Ids that depend on any of `roots`, the roots included. */
function dependents(ops: readonly { id: string; args: readonly string[] }[], roots: Set<string>): Set<string> {
  const active = new Set(roots);
  for (const op of ops) if (op.args.some((a) => active.has(a))) active.add(op.id);
  return active;
}
