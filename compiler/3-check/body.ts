/** The statements of a model or a cluster: parameters, then nodes and clusters, then the links between them. */
import type { ClusterStatement, ModelStatement, NodeStatement } from '../1-syntax/ast.ts';
import type { Span } from '../diagnostics/diagnostic.ts';
import { type Assembly, MAX_NODES } from './assembly.ts';
import type { CallValue, NodeInstance } from './checked.ts';
import { copier } from './copies.ts';
import { atHome, type Environment } from './environment.ts';
import { evaluate } from './evaluate.ts';
import { learningIn } from './learning-in.ts';
import { nodePart } from './node-part.ts';
import { isDone, typeShape } from './shapes.ts';
import { type ClusterInstance, describe, isKind, isPoison, type Place, POISON, type Term } from './term.ts';
import { wire } from './wiring.ts';

export interface BodyResult {
  readonly exposed: ReadonlySet<string>;
}

/** `names` holds the parameters; nodes and clusters are added to it. `prefix` is put before every name: `v1[3].`. */
export function elaborateBody(
  body: readonly ModelStatement[],
  names: Map<string, Term>,
  prefix: string,
  assembly: Assembly,
  environment: Environment,
): BodyResult {
  const exposed = new Set(body.flatMap((s) => (s.kind === 'expose' ? s.names.map((name) => name.text) : [])));
  const isInternal = (name: string): boolean => prefix !== '' && !exposed.has(name);
  for (const statement of body) {
    if (statement.kind === 'node') {
      const name = statement.name.text;
      names.set(name, addNodes(statement, prefix, isInternal(name), assembly, environment));
    }
    if (statement.kind === 'cluster')
      names.set(statement.name.text, addClusters(statement, prefix, assembly, environment));
  }
  for (const statement of body) if (statement.kind === 'link') wire(statement, prefix, assembly, environment);
  return { exposed };
}

/** One place, or an array of them that still needs its index. */
function asTerm(name: string, isArray: boolean, places: readonly Place[]): Term {
  if (isArray) return { kind: 'places', places: [], plural: false, whole: { name, arrays: [places] } };
  return { kind: 'places', places, plural: false };
}

/** Names of the elements of an array, or the name alone. */
function elementNames(name: string, count: number | undefined): string[] {
  return count === undefined ? [name] : Array.from({ length: count }, (_, i) => `${name}[${i}]`);
}

function addNodes(
  statement: NodeStatement,
  prefix: string,
  internal: boolean,
  assembly: Assembly,
  environment: Environment,
): Term {
  const shape = typeShape(statement.type, environment, evaluate);
  const count = countOf(statement, environment);
  const rate = rateOf(statement, environment);
  const call = energyOf(statement, environment);
  if (!isDone(shape) || count === 'bad' || rate === 'bad' || call === undefined) return drop(environment);
  if (!assembly.hasRoomForNodes(count ?? 1, statement.name.span)) return drop(environment);
  const part = nodePart(
    call,
    shape,
    call.span.file === statement.span.file ? call.span : statement.name.span,
    environment,
  );
  if (part === undefined) return drop(environment);
  const places = elementNames(`${prefix}${statement.name.text}`, count).map((name): Place => {
    const node: NodeInstance = {
      name,
      role: statement.role,
      shape,
      ...(rate === undefined ? {} : { rate }),
      ...(internal ? { internal } : {}),
      ...part,
      ...learningIn(call),
      span: statement.name.span,
    };
    assembly.nodes.push(node);
    return { kind: 'node', node };
  });
  return asTerm(statement.name.text, count !== undefined, places);
}

function drop(environment: Environment): Term {
  environment.session.dropped++;
  return POISON;
}

/** The number of elements of an array; undefined when it is none. */
function countOf(statement: NodeStatement | ClusterStatement, environment: Environment): number | undefined | 'bad' {
  if (statement.count === undefined) return undefined;
  const count = evaluate(statement.count, environment);
  if (isPoison(count)) return 'bad';
  if (typeof count === 'number' && Number.isSafeInteger(count) && count >= 1 && count <= MAX_NODES) return count;
  const shown = typeof count === 'number' ? String(count) : describe(count);
  environment.session.reporter.report(
    'shape/size',
    statement.count.span,
    `an array has a whole number of elements from 1 to ${MAX_NODES}, not ${shown}`,
  );
  return 'bad';
}

function rateOf(statement: NodeStatement, environment: Environment): number | undefined | 'bad' {
  if (statement.rate === undefined) return undefined;
  const { reporter } = environment.session;
  const rate = evaluate(statement.rate, environment);
  if (isPoison(rate)) return 'bad';
  const value = isKind(rate, 'quantity') && rate.dimension === 'rate' ? rate.value : rate;
  if (typeof value !== 'number' || !(value > 0)) {
    reporter.report('rate/value', statement.rate.span, `a rate is a positive number of hertz, not ${describe(rate)}`, {
      repair: '`30Hz`',
    });
    return 'bad';
  }
  if (statement.role === 'sense') return value;
  reporter.report('rate/value', statement.rate.span, 'only a sense has a rate; a node is updated in every tick', {
    repair: `\`sense ${statement.name.text}\``,
  });
  return 'bad';
}

/** The node's definition as written; `nodes.gaussian()` when nothing is said. */
function energyOf(statement: NodeStatement, environment: Environment): CallValue | undefined {
  const { session } = environment;
  if (statement.value === undefined) return session.plainNode;
  const term = evaluate(statement.value, environment);
  if (isKind(term, 'call') && term.definition.what === 'node') return term;
  if (!isPoison(term))
    session.reporter.report('node/kind', statement.value.span, `this is ${describe(term)}, not a node`, {
      repair: '`nodes.gaussian()`, or another node of std/nodes',
    });
  return undefined;
}

function addClusters(statement: ClusterStatement, prefix: string, assembly: Assembly, environment: Environment): Term {
  const { session } = environment;
  const count = countOf(statement, environment);
  const call = evaluate(statement.value, environment);
  if (count === 'bad' || isPoison(call)) return drop(environment);
  if (!isKind(call, 'call') || call.definition.what !== 'cluster') {
    session.reporter.report('cluster/kind', statement.value.span, `this is ${describe(call)}, not a cluster`);
    return drop(environment);
  }
  // Bodies know no conditions, so a cluster inside itself has no end.
  if (session.openClusters.has(call.definition)) {
    session.reporter.report('cluster/endless', statement.value.span, `\`${call.name}\` contains itself`);
    return drop(environment);
  }
  session.openClusters.add(call.definition);
  const names = elementNames(`${prefix}${statement.name.text}`, count);
  const places = makeClusters(names, call, statement.name.span, assembly, environment);
  session.openClusters.delete(call.definition);
  return asTerm(statement.name.text, count !== undefined, places);
}

function makeClusters(
  [first = '', ...others]: readonly string[],
  call: CallValue,
  span: Span,
  assembly: Assembly,
  environment: Environment,
): Place[] {
  const { session } = environment;
  const before = { nodes: assembly.nodes.length, links: assembly.links.length };
  const { dropped } = session;
  const { draws } = assembly;
  const cluster = makeCluster(first, call, assembly, environment);
  const places: Place[] = [{ kind: 'cluster', cluster }];
  // After a mistake the others would repeat it.
  if (others.length === 0 || session.dropped !== dropped) return places;
  const links = assembly.links.slice(before.links);
  const made = assembly.nodes.length - before.nodes;
  const copy = assembly.draws === draws ? copier({ cluster, links }, assembly) : undefined;
  const room =
    assembly.hasRoomForNodes(made * others.length, span) &&
    assembly.hasRoomForLinks(links.length * others.length, span);
  if (!room) {
    session.dropped++;
    return places;
  }
  for (const name of others)
    places.push({ kind: 'cluster', cluster: copy?.(name) ?? makeCluster(name, call, assembly, environment) });
  return places;
}

function makeCluster(name: string, call: CallValue, assembly: Assembly, environment: Environment): ClusterInstance {
  const { definition } = call;
  const module = environment.session.program.homes.get(definition) ?? environment.module;
  const members = new Map<string, Term>(Object.entries(call.arguments));
  const first = assembly.nodes.length;
  const home = atHome(environment, module, members);
  const { exposed } = elaborateBody(definition.body, members, `${name}.`, assembly, home);
  return { name, definition, member: (of) => members.get(of), exposed, nodes: assembly.nodes.slice(first) };
}
