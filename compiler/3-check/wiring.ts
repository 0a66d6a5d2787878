/**
 * From one `link` statement to link instances.
 *
 * - `a -> b -> c` is a -> b and b -> c, each with weights of its own.
 * - An end may be one node, an array (`v[*]`, `v[0..3]`) or a list (`[a, v[*]]`). Every node of the left end is joined
 *   with every node of the right end, and each pair has weights of its own; where both ends are the same array, no
 *   node is joined with itself.
 * - `along` between two ends that are both arrays or lists chooses which pairs are joined: the i-th of the left with
 *   the j-th of the right. Anywhere else it chooses which units are joined, of all the left end's nodes together: with
 *   `[a, b] -> c along topology.fixed_indegree(64)` each unit of c has 64 inputs in all.
 * - A link whose definition has a parameter `density` below 1 keeps that share of its connections, at random.
 */

import { sameShape } from '../../spec/program.ts';
import { stream } from '../../spec/random.ts';
import { densityOf, incomingOf, type Population, refusal, TOPOLOGY_NAMES } from '../../spec/topologies.ts';
import type { Expression, LinkStatement } from '../1-syntax/ast.ts';
import type { Span } from '../diagnostics/diagnostic.ts';
import { listNames } from '../diagnostics/reporter.ts';
import { sizeOf } from '../operators/expr.ts';
import type { Assembly } from './assembly.ts';
import type { CallValue, LinkInstance, NodeInstance, Sparsity } from './checked.ts';
import type { Environment } from './environment.ts';
import { evaluate } from './evaluate.ts';
import { learningIn } from './learning-in.ts';
import { linkPart } from './link-part.ts';
import { missingIndex } from './places.ts';
import { showExpression } from './show.ts';
import { describe, isKind, isPoison, type Term } from './term.ts';

interface End {
  readonly nodes: readonly NodeInstance[];
  readonly plural: boolean;
  readonly text: string;
  readonly span: Span;
}

/** Units that are drawn from together, before it is known which weight holds their connections. */
interface Drawing {
  readonly topology: string;
  readonly arguments: Readonly<Record<string, number>>;
  readonly span: Span;
}

export function wire(statement: LinkStatement, prefix: string, assembly: Assembly, environment: Environment): void {
  const { session } = environment;
  const ends = statement.path.map((end) => toEnd(end, environment));
  const call = linkOf(evaluate(statement.value, environment), statement.value.span, environment);
  const along =
    statement.along && topologyOf(evaluate(statement.along, environment), statement.along.span, environment);
  if (call === undefined || (statement.along !== undefined && along === undefined)) {
    session.dropped++;
    return;
  }
  for (let i = 0; i + 1 < ends.length; i++) {
    const [left, right] = [ends[i], ends[i + 1]];
    if (left === undefined || right === undefined) session.dropped++;
    else join(left, right, call, along, prefix, assembly, environment);
  }
}

function join(
  left: End,
  right: End,
  call: CallValue,
  along: CallValue | undefined,
  prefix: string,
  assembly: Assembly,
  environment: Environment,
): void {
  const { session } = environment;
  const span: Span = { file: left.span.file, start: left.span.start, end: right.span.end };
  const between = left.plural && right.plural;
  const name = `topology/${prefix}${left.text}->${right.text}`;
  const same =
    between && left.nodes.length === right.nodes.length && left.nodes.every((node, i) => node === right.nodes[i]);
  const population: Population = { sources: left.nodes.length, targets: right.nodes.length, same };
  const pairs = between && along ? along : undefined;
  const units = drawingOf(call, between ? undefined : along, environment);
  if (units === 'refused') return void session.dropped++;
  if (pairs && refused(pairs, population, [left, right], environment)) return void session.dropped++;
  if (pairs) assembly.draws++;
  const options = pairs ? numbers(pairs) : {};
  const incoming = incomingOf(pairs ? plainName(pairs) : 'all', options, population, stream(session.seed, name));
  if (!pairs && !assembly.hasRoomForLinks(left.nodes.length * right.nodes.length, span)) return;
  for (const [j, target] of right.nodes.entries()) {
    const sources = incoming(j).map((i) => left.nodes[i] as NodeInstance);
    if (pairs && !assembly.hasRoomForLinks(sources.length, span)) return;
    addLinks(sources, target, { call, units, span, stream: `${name}#${target.name}` }, assembly, environment);
  }
}

interface Joint {
  readonly call: CallValue;
  readonly units: Drawing | undefined;
  readonly span: Span;
  readonly stream: string;
}

/** The links into one target; their units are drawn from together. */
function addLinks(
  sources: readonly NodeInstance[],
  target: NodeInstance,
  joint: Joint,
  assembly: Assembly,
  environment: Environment,
): void {
  const { session } = environment;
  const { call, units, span } = joint;
  const total = sources.reduce((sum, node) => sum + sizeOf(node.shape), 0);
  const population: Population = { sources: total, targets: sizeOf(target.shape), same: false };
  const reason = units && refusal(units.topology, units.arguments, population);
  if (units && reason !== undefined) {
    session.reporter.report('topology/degree', units.span, `${reason}, into \`${target.name}\``);
    session.dropped++;
    return;
  }
  const density = units ? densityOf(units.topology, units.arguments, population) : 1;
  let offset = 0;
  for (const source of sources) {
    const size = sizeOf(source.shape);
    const fans = { in: units ? Math.max(1, density * total) : size, out: Math.max(1, density * sizeOf(target.shape)) };
    const part = linkPart(call, source, target, fans, span, environment);
    const sparsity =
      units && part && thin(part.weights, source, target, { ...joint, units }, { offset, total, density }, environment);
    offset += size;
    if (part === undefined || sparsity === null) {
      session.dropped++;
      session.doubted.add(source).add(target);
      continue;
    }
    const delay = call.arguments.delay;
    const link: Omit<LinkInstance, 'name'> = {
      source: source.name,
      target: target.name,
      delay: typeof delay === 'number' ? delay : 0,
      body: part.body,
      weights: part.weights,
      ...(sparsity === undefined ? {} : { sparsity }),
      ...(call.arguments.apart === true ? { apart: true } : {}),
      ...learningIn(call),
      ...(typeof call.arguments.tie === 'string' ? { tie: call.arguments.tie } : {}),
      span,
    };
    assembly.addLink(link);
  }
}

/** Names the weight whose entries are the connections; null after a report when there is none. */
function thin(
  weights: LinkInstance['weights'],
  source: NodeInstance,
  target: NodeInstance,
  joint: Joint & { readonly units: Drawing },
  slice: Pick<Sparsity, 'offset' | 'total' | 'density'>,
  environment: Environment,
): Sparsity | null {
  const { session } = environment;
  const shape = [sizeOf(target.shape), sizeOf(source.shape)];
  const weight = weights.find((w) => sameShape(w.shape, shape));
  const { units } = joint;
  if (weight === undefined) {
    session.reporter.report(
      'along/weight',
      units.span,
      `${joint.call.definition.name.text} has no weight of [size(target), size(source)] from which entries could be left out`,
      {
        repair: '`links.sparse()` or `links.dense()`',
      },
    );
    return null;
  }
  return {
    weight: weight.name,
    topology: units.topology,
    arguments: units.arguments,
    stream: joint.stream,
    seed: session.seed,
    ...slice,
  };
}

/** Which units are joined: by `along` between single nodes, or by the link's `density`. */
function drawingOf(
  call: CallValue,
  along: CallValue | undefined,
  environment: Environment,
): Drawing | undefined | 'refused' {
  const density = call.arguments.density;
  const thinned = typeof density === 'number' && density < 1;
  if (along && thinned) {
    environment.session.reporter.report('along/twice', along.span, 'the link already has a `density` below 1', {
      repair: 'keep one of the two',
      labels: [{ span: call.span, text: 'first here' }],
    });
    return 'refused';
  }
  if (along)
    return plainName(along) === 'all'
      ? undefined
      : { topology: plainName(along), arguments: numbers(along), span: along.span };
  return thinned ? { topology: 'random', arguments: { density }, span: call.span } : undefined;
}

function refused(
  along: CallValue,
  population: Population,
  ends: readonly [End, End],
  environment: Environment,
): boolean {
  const reason = refusal(plainName(along), numbers(along), population);
  const { reporter } = environment.session;
  if (reason !== undefined) reporter.report('topology/degree', along.span, reason, { repair: equalEnds(...ends) });
  return reason !== undefined;
}

/** Of a pair with different numbers of nodes, the longer one cut to the other's length. */
function equalEnds(left: End, right: End): string | undefined {
  const [longer, shorter] = left.nodes.length > right.nodes.length ? [left, right] : [right, left];
  const count = shorter.nodes.length;
  if (longer.nodes.length === count || longer.text.split('[*]').length !== 2) return undefined;
  return `\`${longer.text.replace('[*]', `[0..${count - 1}]`)}\``;
}

function plainName(call: CallValue): string {
  return call.definition.name.text;
}

function numbers(call: CallValue): Record<string, number> {
  const found: Record<string, number> = {};
  for (const [name, value] of Object.entries(call.arguments)) if (typeof value === 'number') found[name] = value;
  return found;
}

function linkOf(term: Term, span: Span, environment: Environment): CallValue | undefined {
  if (isKind(term, 'call') && term.definition.what === 'link') return term;
  if (isPoison(term)) return undefined;
  environment.session.reporter.report('link/kind', span, `this is ${describe(term)}, not a link`, {
    repair: '`links.dense()`, or another link of std/links',
  });
  return undefined;
}

function topologyOf(term: Term, span: Span, environment: Environment): CallValue | undefined {
  if (isKind(term, 'call') && term.definition.what === 'topology' && TOPOLOGY_NAMES.includes(plainName(term)))
    return term;
  if (isPoison(term)) return undefined;
  environment.session.reporter.report('along/kind', span, `this is ${describe(term)}, not a topology`, {
    repair: '`topology.random(density = 0.1)`, or another topology of std/topology',
  });
  return undefined;
}

function toEnd(expression: Expression, environment: Environment): End | undefined {
  const { session } = environment;
  const terms = expression.kind === 'list' ? expression.items : [expression];
  const nodes: NodeInstance[] = [];
  let plural = expression.kind === 'list';
  for (const item of terms) {
    const term = evaluate(item, environment);
    if (isPoison(term)) return undefined;
    if (!isKind(term, 'places')) {
      session.reporter.report('link/end', item.span, `a link joins nodes, and this is ${describe(term)}`);
      return undefined;
    }
    if (term.whole) {
      missingIndex(term.whole, item.span, environment);
      return undefined;
    }
    plural ||= term.plural;
    for (const place of term.places) {
      if (place.kind === 'cluster') {
        const exposed = [...place.cluster.exposed].map((name) => `${showExpression(item)}.${name}`);
        session.reporter.report('link/end', item.span, `\`${place.cluster.name}\` is a cluster; a link joins nodes`, {
          repair: exposed.length === 0 ? undefined : listNames(exposed, 'or'),
        });
        return undefined;
      }
      nodes.push(place.node);
    }
  }
  return { nodes, plural, text: showExpression(expression), span: expression.span };
}
