/**
 * The elements of an array of clusters behind the first: they are alike, so the first one is worked out and the others
 * are its nodes, links and members under their own names.
 */
import type { Sparsity } from '../../spec/topologies.ts';
import type { Assembly } from './assembly.ts';
import type { LinkInstance, NodeInstance } from './checked.ts';
import { type ClusterInstance, isKind, type Place, type Term } from './term.ts';

/** The first element, with the links inside it. */
export interface Pattern {
  readonly cluster: ClusterInstance;
  readonly links: readonly LinkInstance[];
}

/** Adds the element `name` to the model. The members of a copy are made when they are asked for. */
export function copier({ cluster, links }: Pattern, assembly: Assembly): (name: string) => ClusterInstance {
  const order = new Map(cluster.nodes.map((node, i) => [node.name, i]));
  const from = cluster.name.length;
  return (name) => {
    const renamed = (old: string): string => name + old.slice(from);
    const nodes = cluster.nodes.map((node): NodeInstance => ({ ...node, name: renamed(node.name) }));
    for (const node of nodes) assembly.nodes.push(node);
    const nodeOf = (old: string): NodeInstance => nodes[order.get(old) as number] as NodeInstance;
    for (const link of links) assembly.addLink(copyLink(link, renamed, nodeOf));
    return copyOf(cluster, renamed, nodeOf);
  };
}

type Rename = (old: string) => string;
/** The copy of the node with this name. */
type NodeOf = (old: string) => NodeInstance;

function copyLink(link: LinkInstance, renamed: Rename, nodeOf: NodeOf): Omit<LinkInstance, 'name'> {
  const [source, target] = [nodeOf(link.source).name, nodeOf(link.target).name];
  const { name: _, sparsity, ...rest } = link;
  if (sparsity === undefined) return { ...rest, source, target };
  return { ...rest, source, target, sparsity: copySparsity(sparsity, link.target, target, renamed) };
}

const TOPOLOGY = 'topology/';

/** The stream that the connections are drawn from bears the cluster's name in front and the target's at its end. */
function copySparsity(sparsity: Sparsity, oldTarget: string, target: string, renamed: Rename): Sparsity {
  const between = sparsity.stream.slice(TOPOLOGY.length, -oldTarget.length);
  return { ...sparsity, stream: `${TOPOLOGY}${renamed(between)}${target}` };
}

function copyOf(old: ClusterInstance, renamed: Rename, nodeOf: NodeOf): ClusterInstance {
  const placeOf = (place: Place): Place =>
    place.kind === 'node'
      ? { kind: 'node', node: nodeOf(place.node.name) }
      : { kind: 'cluster', cluster: copyOf(place.cluster, renamed, nodeOf) };
  const termOf = (term: Term | undefined): Term | undefined => {
    if (term === undefined || !isKind(term, 'places')) return term;
    const { places, whole, ...rest } = term;
    if (whole === undefined) return { ...rest, places: places.map(placeOf) };
    const arrays = whole.arrays.map((array) => array.map(placeOf));
    return { ...rest, places: places.map(placeOf), whole: { ...whole, arrays } };
  };
  return {
    ...old,
    name: renamed(old.name),
    nodes: old.nodes.map((node) => nodeOf(node.name)),
    member: (name) => termOf(old.member(name)),
  };
}
