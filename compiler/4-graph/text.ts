/**
 * A graph as text, one line per fact, and back: `parseGraph(printGraph(g))` equals `g`.
 *
 *   link pixels->h1 : pixels -> h1
 *     weight w : [128, 784] = {"kind":"uniform","bound":0.03}
 *     body = gelu(reshape(matmul(reshape(source, shape=[1, 784]), transpose(w)), shape=[128]))
 */
import { reasonOf } from '../../spec/reason-of.ts';
import type { Initializer, Learning, Sparsity, WeightInstance } from '../3-check/checked.ts';
import type { Shape } from '../operators/expr.ts';
import { parseExpression, printExpression } from './expression-text.ts';
import type { Graph, GraphLink, GraphNode } from './graph.ts';
import { linkLeaves, nodeLeaves } from './verify.ts';

const showShape = (shape: Shape): string => `[${shape.join(', ')}]`;

export function printGraph(graph: Graph): string {
  return `${[`graph ${graph.name}`, ...graph.nodes.flatMap(printNode), ...graph.links.flatMap(printLink)].join('\n')}\n`;
}

export function printNode(node: GraphNode): string[] {
  return [
    `node ${node.name} : ${showShape(node.shape)} ${node.role} ${node.energyKind}`,
    ...(node.rate === undefined ? [] : [`  rate ${node.rate}`]),
    ...(node.clampedOnly ? ['  clamped only'] : []),
    ...(node.prior === 'none' ? ['  prior none'] : []),
    ...(node.internal ? ['  internal'] : []),
    ...printLearning(node),
    `  start = ${JSON.stringify(node.start)}`,
    ...node.weights.map(printWeight),
    `  activation = ${printExpression(node.activation)}`,
    `  energy = ${printExpression(node.energy)}`,
    ...(node.value ? [`  value = ${printExpression(node.value)}`] : []),
    ...(node.overBatch ?? []).map((m) => `  mean ${m.weight} : ${m.share} = ${printExpression(m.of)}`),
  ];
}

export function printLink(link: GraphLink): string[] {
  return [
    `link ${link.name} : ${link.source} -> ${link.target}${link.delay === 0 ? '' : ` delay ${link.delay}`}${link.apart ? ' apart' : ''}`,
    ...printLearning(link),
    ...link.weights.map(printWeight),
    ...(link.sparsity ? [`  sparsity = ${JSON.stringify(link.sparsity)}`] : []),
    `  body = ${printExpression(link.body)}`,
  ];
}

function printLearning({ learn, decay }: Learning): string[] {
  return [...(learn === undefined ? [] : [`  learn ${learn}`]), ...(decay === undefined ? [] : [`  decay ${decay}`])];
}

function printWeight(weight: WeightInstance): string {
  const shared = weight.shared === undefined ? '' : ` shared ${weight.shared}`;
  return `  weight ${weight.name} : ${showShape(weight.shape)}${shared} = ${JSON.stringify(weight.init)}`;
}

/** A line of a graph text that cannot be read. */
export class GraphTextError extends Error {
  override readonly name = 'GraphTextError';
}

interface Line {
  readonly text: string;
  readonly number: number;
}
/** A `node` or `link` line with the facts behind it. */
interface Item {
  readonly head: Line;
  readonly facts: Line[];
}

export function parseGraph(text: string): Graph {
  let name: string | undefined;
  const items: Item[] = [];
  text.split('\n').forEach((raw, index) => {
    const line = { text: raw.trim(), number: index + 1 };
    if (line.text === '') return;
    if (line.text.startsWith('graph ')) name = line.text.slice('graph '.length);
    else if (/^(node|link) /.test(line.text)) items.push({ head: line, facts: [] });
    else if (items.length > 0) items.at(-1)?.facts.push(line);
    else reject(line, new Error('is outside a node or link'));
  });
  if (name === undefined) throw new GraphTextError('line 1: a graph text begins with `graph NAME`');
  const nodes = items.filter((i) => i.head.text.startsWith('node ')).map(parseNode);
  const shapes = new Map(nodes.map((n) => [n.name, n.shape]));
  const links = items.filter((i) => i.head.text.startsWith('link ')).map((item) => parseLink(item, shapes));
  return { name, nodes, links };
}

function parseNode({ head, facts }: Item): GraphNode {
  return read(head, () => {
    const match = /^node (\S+) : (\[.*\]) (node|sense) (\S+)$/.exec(head.text);
    if (!match) throw new Error('is not a node');
    const [, name = '', sizes = '', role, energyKind = ''] = match;
    const shape = JSON.parse(sizes) as number[];
    const weights = parseWeights(facts);
    const leaves = nodeLeaves({ shape, weights });
    const rate = fact(facts, 'rate ', Number);
    const value = fact(facts, 'value = ', (text) => parseExpression(text, leaves));
    return {
      name,
      role: role === 'sense' ? 'sense' : 'node',
      shape,
      ...(rate === undefined ? {} : { rate }),
      activation: required(
        head,
        fact(facts, 'activation = ', (text) => parseExpression(text, leaves)),
      ),
      energy: required(
        head,
        fact(facts, 'energy = ', (text) => parseExpression(text, leaves)),
      ),
      energyKind,
      ...(value === undefined ? {} : { value }),
      ...parseMeans(facts, leaves),
      clampedOnly: fact(facts, 'clamped only', () => true) ?? false,
      weights,
      start: required(
        head,
        fact(facts, 'start = ', (text) => JSON.parse(text) as Initializer),
      ),
      prior: fact(facts, 'prior none', () => 'none') ?? 'zero',
      ...(fact(facts, 'internal', () => true) ? { internal: true } : {}),
      ...parseLearning(facts),
    };
  });
}

function parseLink({ head, facts }: Item, shapes: ReadonlyMap<string, Shape>): GraphLink {
  return read(head, () => {
    const match = /^link (\S+) : (\S+) -> (\S+)(?: delay (\d+))?( apart)?$/.exec(head.text);
    if (!match) throw new Error('is not a link');
    const [, name = '', source = '', target = '', delay = '0', apart] = match;
    const shape = shapes.get(source);
    if (!shape) throw new Error(`begins at ${source}, which is not a node`);
    const weights = parseWeights(facts);
    const leaves = linkLeaves({ weights }, shape, shapes.get(target) ?? []);
    const sparsity = fact(facts, 'sparsity = ', (text) => JSON.parse(text) as Sparsity);
    return {
      name,
      source,
      target,
      delay: Number(delay),
      ...(apart === undefined ? {} : { apart: true }),
      ...parseLearning(facts),
      body: required(
        head,
        fact(facts, 'body = ', (text) => parseExpression(text, leaves)),
      ),
      weights,
      ...(sparsity === undefined ? {} : { sparsity }),
    };
  });
}

function parseMeans(facts: readonly Line[], leaves: ReturnType<typeof nodeLeaves>): Pick<GraphNode, 'overBatch'> {
  const overBatch = facts
    .filter((f) => f.text.startsWith('mean '))
    .map((line) =>
      read(line, () => {
        const match = /^mean (\S+) : (\S+) = (.+)$/.exec(line.text);
        if (!match) throw new Error('is not a mean');
        const [, weight = '', share = '', of = ''] = match;
        return { weight, share: Number(share), of: parseExpression(of, leaves) };
      }),
    );
  return overBatch.length === 0 ? {} : { overBatch };
}

function parseLearning(facts: readonly Line[]): Learning {
  const learn = fact(facts, 'learn ', Number);
  const decay = fact(facts, 'decay ', Number);
  return { ...(learn === undefined ? {} : { learn }), ...(decay === undefined ? {} : { decay }) };
}

function parseWeights(facts: readonly Line[]): WeightInstance[] {
  const lines = facts.filter((f) => f.text.startsWith('weight '));
  return lines.map((line) =>
    read(line, () => {
      const match = /^weight (\S+) : (\[.*?\])(?: shared (\S+))? = (.+)$/.exec(line.text);
      if (!match) throw new Error('is not a weight');
      const [, name = '', sizes = '', shared, init = ''] = match;
      const weight = { name, shape: JSON.parse(sizes) as number[], init: JSON.parse(init) as Initializer };
      return shared === undefined ? weight : { ...weight, shared };
    }),
  );
}

/** The fact that begins with `prefix`, where there is one. */
function fact<T>(facts: readonly Line[], prefix: string, parse: (text: string) => T): T | undefined {
  const line = facts.find((f) => f.text.startsWith(prefix));
  return line && read(line, () => parse(line.text.slice(prefix.length)));
}

function required<T>(head: Line, value: T | undefined): T {
  return value ?? reject(head, new Error('lacks a fact'));
}

function read<T>(line: Line, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    return reject(line, error);
  }
}

function reject(line: Line, error: unknown): never {
  if (error instanceof GraphTextError) throw error;
  const reason = reasonOf(error);
  throw new GraphTextError(`line ${line.number}: ${reason}: ${line.text}`);
}
