/** Nodes and clusters named in expressions: members, and places read as tensors. */
import { nodeLeaf } from '../../spec/names.ts';
import type { Span } from '../diagnostics/diagnostic.ts';
import { apply, type Expr, leaf } from '../operators/expr.ts';
import { type Environment, shapeMistake } from './environment.ts';
import { isKind, type Place, type PlacesTerm, POISON, type Term, tensor } from './term.ts';

export function nodePlace(node: Extract<Place, { kind: 'node' }>['node']): PlacesTerm {
  return { kind: 'places', places: [{ kind: 'node', node }], plural: false };
}

/** `v1[*].high`: the exposed member of each cluster. Hidden and unknown members were reported with the names. */
export function memberOf(of: PlacesTerm, name: string, span: Span, environment: Environment): Term {
  if (of.whole !== undefined) return missingIndex(of.whole, span, environment, `.${name}`);
  const members: PlacesTerm[] = [];
  for (const place of of.places) {
    if (place.kind === 'node') return POISON; // reported with the names
    const member = place.cluster.exposed.has(name) ? place.cluster.member(name) : undefined;
    if (member === undefined || !isKind(member, 'places')) return POISON;
    members.push(member);
  }
  const arrays = members.flatMap((member) => member.whole?.arrays ?? []);
  if (arrays.length > 0) return { kind: 'places', places: [], plural: of.plural, whole: { name, arrays } };
  return { kind: 'places', places: members.flatMap((member) => member.places), plural: of.plural };
}

export function missingIndex(
  whole: { name: string; arrays: readonly (readonly unknown[])[] },
  span: Span,
  environment: Environment,
  rest = '',
): Term {
  const count = whole.arrays[0]?.length ?? 0;
  environment.session.reporter.report('index/missing', span, `\`${whole.name}\` is an array of ${count}`, {
    repair: `\`${whole.name}[*]${rest}\` for all of them, \`${whole.name}[0]${rest}\` for the first`,
  });
  return POISON;
}

/** The settled values of a node; of several, one above the other along a new first axis. */
export function placesAsTensor(term: PlacesTerm, span: Span, environment: Environment): Term {
  if (term.whole !== undefined) return missingIndex(term.whole, span, environment);
  const leaves: Expr[] = [];
  for (const place of term.places) {
    if (place.kind === 'cluster') {
      environment.session.reporter.report(
        'type/operand',
        span,
        `\`${place.cluster.name}\` is a cluster, and only nodes have values`,
        {
          repair: 'name one of its nodes',
        },
      );
      return POISON;
    }
    leaves.push(leaf(nodeLeaf('node', place.node.name), place.node.shape));
  }
  const [first] = leaves;
  if (first === undefined) return POISON;
  if (!term.plural) return tensor(first);
  return stack(leaves, span, environment);
}

/** Tensors of one shape along a new first axis. */
export function stack(parts: readonly Expr[], span: Span, environment: Environment): Term {
  const [first] = parts;
  if (first === undefined) return POISON;
  for (const part of parts)
    if (part.shape.length !== first.shape.length || part.shape.some((n, i) => n !== first.shape[i])) {
      shapeMistake(environment, span, 'these nodes have different shapes, so they cannot be read as one tensor');
      return POISON;
    }
  const pages = parts.map((part) => apply('reshape', [part], { shape: [1, ...part.shape] }));
  return tensor(apply('concatenate', pages, { axis: -first.shape.length - 1 }));
}
