/**
 * Who owns what: every operation and every state serves a node or a link, and goes where that goes. An owner is named
 * as operations name what they serve: `node h1`, `link h1->h2`.
 */
import {
  linkOfLevelNode,
  linkOrigin,
  nodeOrigin,
  type OpOrigin,
  type OriginKind,
  type Owner,
  parseBeside,
  parseMemory,
  parseOrigin,
  startName,
  tileName,
  weightName,
} from '../../../spec/names.ts';
import type { State } from '../../../spec/program.ts';
import { type Graph, ownWeights } from '../../4-graph/graph.ts';

/** The shard of every node and link. */
export type Assignment = ReadonlyMap<Owner, number>;

/** Looks up owners of operations and states of one model. */
export interface Owners {
  /** Of an operation; undefined where it has no particular owner. */
  ofOrigin(origin: OpOrigin | undefined): Owner | undefined;
  /** Of a state; undefined for statistics of the data, which every shard that needs them keeps. */
  ofState(state: State): Owner | undefined;
}

export function ownersOf(graph: Graph): Owners {
  const nodes = new Set(graph.nodes.map((n) => n.name));
  const links = new Map(graph.links.map((l) => [l.name, l]));
  const weights = new Map<string, Owner>();
  for (const link of graph.links)
    for (const w of ownWeights(link)) weights.set(weightName(link.name, w.name), linkOrigin(link.name));
  for (const node of graph.nodes)
    for (const w of node.weights) weights.set(weightName(node.name, w.name), nodeOrigin(node.name));
  /** Identity nodes that level a network go with the source of the link that they stand in. */
  const levelled = (name: string): Owner | undefined => {
    const link = links.get(linkOfLevelNode(name) ?? '');
    return link && nodeOrigin(link.source);
  };
  const ofName = (kind: OriginKind, name: string): Owner | undefined => {
    if (kind === 'weight') return weights.get(name);
    if (kind === 'node') return nodes.has(name) ? nodeOrigin(name) : levelled(name);
    if (links.has(name)) return linkOrigin(name);
    for (let at = name.indexOf('->'); at >= 0; at = name.indexOf('->', at + 2)) {
      const found = levelled(name.slice(at + 2));
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return {
    ofOrigin: (origin) => {
      if (origin === undefined) return undefined;
      const { kind, name, tile } = parseOrigin(origin);
      return ofName(kind, tile === undefined ? name : tileName(name, tile));
    },
    ofState: ({ id, role }) => {
      if (role === 'memory') return ofName('node', parseMemory(id)?.node ?? '');
      const beside = parseBeside(id);
      const weight = weights.get(id) ?? weights.get(beside?.whole ?? '');
      if (weight !== undefined || beside === undefined) return weight;
      const { whole } = beside;
      return id === startName(whole) && nodes.has(whole) ? nodeOrigin(whole) : undefined;
    },
  };
}
