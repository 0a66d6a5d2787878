/** Which weights learn, and how beside the others: `learn` and `decay` of the links and nodes that they belong to. */
import { weightName } from '../../spec/names.ts';
import type { Learning, LinkInstance, NodeInstance, WeightInstance } from '../3-check/checked.ts';
import { weightOfLink } from '../4-graph/graph.ts';

type Links = readonly (Pick<LinkInstance, 'name' | 'weights'> & Learning)[];
type Nodes = readonly (Pick<NodeInstance, 'name' | 'weights' | 'overBatch'> & Learning)[];
interface Model {
  readonly links: Links;
  readonly nodes: Nodes;
}
type Found = ReadonlyMap<string, Learning>;

/** Of every model that was asked for. */
const known = new WeakMap<Links, WeakMap<Nodes, Found>>();

/** Of the weights that learn otherwise than the optimizer says. */
export function learningOf(model: Model): Found {
  const { links, nodes } = model;
  const ofLinks = known.get(links) ?? new WeakMap<Nodes, Found>();
  known.set(links, ofLinks);
  const found = ofLinks.get(nodes) ?? made(model);
  ofLinks.set(nodes, found);
  return found;
}

function made({ links, nodes }: Model): Found {
  const entry = (name: string, { learn, decay }: Learning): [string, Learning][] =>
    learn === undefined && decay === undefined ? [] : [[name, { learn, decay } as Learning]];
  return new Map([
    ...links.flatMap((link) => link.weights.flatMap((w) => entry(weightOfLink(link, w), link))),
    ...nodes.flatMap((node) => node.weights.flatMap((w) => entry(weightName(node.name, w.name), ofNode(node, w)))),
  ]);
}

/** No gradient moves what is a running mean. */
function ofNode(node: Nodes[number], weight: WeightInstance): Learning {
  return node.overBatch?.some((mean) => mean.weight === weight.name) ? { learn: 0 } : node;
}

/** Whether the weight is moved by the optimizer at all. */
export function learns(weight: string, model: Model): boolean {
  return learningOf(model).get(weight)?.learn !== 0;
}
