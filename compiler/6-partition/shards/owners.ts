/**
 * Who owns what: every operation and every state serves a node or a link, and goes where that goes. An owner is named
 * as operations name what they serve: `node h1`, `link h1->h2`.
 */
import type { State } from '../../../spec/program.ts';
import { type Graph, weightName } from '../../4-graph/graph.ts';

export type Owner = string;

/** The shard of every node and link. */
export type Assignment = ReadonlyMap<Owner, number>;

export const nodeOwner = (name: string): Owner => `node ${name}`;
export const linkOwner = (name: string): Owner => `link ${name}`;

/** Looks up owners of operations and states of one model. */
export interface Owners {
  /** Of what stands behind an operation; undefined where it serves nobody in particular. */
  ofOrigin(origin: string | undefined): Owner | undefined;
  /** Of a state; undefined for statistics of the data, which every shard has that needs them. */
  ofState(state: State): Owner | undefined;
}

export function ownersOf(graph: Graph): Owners {
  const nodes = new Set(graph.nodes.map((n) => n.name));
  const links = new Map(graph.links.map((l) => [l.name, l]));
  const weights = new Map<string, Owner>();
  for (const link of graph.links)
    for (const w of link.weights) weights.set(weightName(link.name, w.name), linkOwner(link.name));
  for (const node of graph.nodes)
    for (const w of node.weights) weights.set(weightName(node.name, w.name), nodeOwner(node.name));
  /** Identity nodes that level a network go with the source of the link that they stand in. */
  const levelled = (name: string): Owner | undefined => {
    const link = links.get(/^(.*)~\d+$/.exec(name)?.[1] ?? '');
    return link && nodeOwner(link.source);
  };
  const ofName = (kind: string, name: string): Owner | undefined => {
    if (kind === 'weight') return weights.get(name);
    if (kind === 'node') return nodes.has(name) ? nodeOwner(name) : levelled(name);
    if (links.has(name)) return linkOwner(name);
    for (let at = name.indexOf('->'); at >= 0; at = name.indexOf('->', at + 2)) {
      const found = levelled(name.slice(at + 2));
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return {
    ofOrigin: (origin) => {
      const match = /^(node|link|weight) (.+)$/.exec(origin ?? '');
      return match ? ofName(match[1] ?? '', match[2] ?? '') : undefined;
    },
    ofState: ({ id, role }) => {
      if (role === 'memory') return ofName('node', /^memory:[^:]+:(.+)#\d+$/.exec(id)?.[1] ?? '');
      const weight = weights.get(id) ?? weights.get(id.slice(0, Math.max(0, id.lastIndexOf(':'))));
      if (weight !== undefined) return weight;
      const start = /^(.+):start$/.exec(id)?.[1];
      return start !== undefined && nodes.has(start) ? nodeOwner(start) : undefined;
    },
  };
}
