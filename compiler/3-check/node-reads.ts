/**
 * Members of a node that a read may ask for besides its values: `prediction(x)`, `error(x)`, which is `x -
 * prediction(x)`, and `energy(x)`, one number a sample (semantics.md, section 16).
 */
import { nodeLeaf } from '../../spec/names.ts';
import type { Call } from '../1-syntax/ast.ts';
import type { NODE_READS } from '../2-names/builtins.ts';
import { apply, type Expr, leaf } from '../operators/expr.ts';
import type { NodeInstance } from './checked.ts';
import type { Environment, ReadableTask } from './environment.ts';
import type { Evaluate } from './parameters.ts';
import { missingIndex, stack } from './places.ts';
import { describe, isKind, isPoison, POISON, type Term, tensor } from './term.ts';

export type NodeRead = (typeof NODE_READS)[number];

export function callNodeRead(name: NodeRead, call: Call, environment: Environment, evaluate: Evaluate): Term {
  const { reporter } = environment.session;
  const { readable } = environment;
  const [argument] = call.arguments;
  if (readable === undefined) {
    reporter.report('call/arguments', call.span, `only a \`read\` of a predict task knows \`${name}\``);
    return POISON;
  }
  const term = argument && evaluate(argument.value, { ...environment, placesAreTensors: false });
  if (term !== undefined && isPoison(term)) return POISON;
  if (term === undefined || argument?.name || call.arguments.length > 1 || !isKind(term, 'places')) {
    const given = term === undefined || isKind(term, 'places') ? '' : `, not ${describe(term)}`;
    reporter.report('call/arguments', call.span, `\`${name}\` is of one node or array${given}: \`${name}(h)\``);
    return POISON;
  }
  if (term.whole !== undefined) return missingIndex(term.whole, call.span, environment);
  const parts: Expr[] = [];
  for (const place of term.places) {
    const problem =
      place.kind === 'node' ? whyNot(name, place.node, readable) : `\`${place.cluster.name}\` is a cluster`;
    if (place.kind !== 'node' || problem !== undefined) {
      reporter.report('read/value', call.span, problem ?? 'a cluster has no values');
      return POISON;
    }
    parts.push(readOf(name, place.node));
  }
  const [first] = parts;
  return first !== undefined && !term.plural ? tensor(first) : stack(parts, call.span, environment);
}

function readOf(name: NodeRead, node: NodeInstance): Expr {
  if (name === 'energy') return leaf(nodeLeaf('energy', node.name), []);
  const prediction = leaf(nodeLeaf('prediction', node.name), node.shape);
  return name === 'prediction' ? prediction : apply('sub', [leaf(nodeLeaf('node', node.name), node.shape), prediction]);
}

/** Why the node has no such number in this task, in words (semantics.md, section 2). */
function whyNot(name: NodeRead, node: NodeInstance, { model, clamps, complete }: ReadableTask): string | undefined {
  const clamp = clamps.find((c) => c.node === node.name);
  if (name === 'energy' && node.value) return `\`${node.name}\` is exact: its values are its prediction, at no energy`;
  const predicted = model.links.some((link) => link.target === node.name);
  if (!predicted && clamp !== undefined && clamp.when === undefined)
    return `\`${node.name}\` is clamped and no link predicts it, so it has no prediction and no energy`;
  if (!predicted && node.prior === 'none')
    return `no link predicts \`${node.name}\`, and with \`prior = none\` it has no prediction and no energy`;
  if (name === 'energy' && node.clampedOnly && clamp === undefined && complete)
    return `\`${node.name}\` is free here, and its ${node.energyKind} energy counts only where it is clamped`;
  return undefined;
}
