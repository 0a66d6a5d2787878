/** Graphs worth looking at: a chain, a brain of clusters with cycles and delays, and one of hundreds of nodes. */
import type { Graph, GraphLink, GraphNode } from '../../compiler/4-graph/graph.ts';
import { denseLink, gaussianNode } from './networks.ts';

function sense(name: string, shape: readonly number[], rate?: number): GraphNode {
  return { ...gaussianNode(name, shape), role: 'sense', ...(rate === undefined ? {} : { rate }) };
}

function link(source: string, target: string, delay = 0, number = 1): GraphLink {
  const name = `${source}->${target}${number === 1 ? '' : `#${number}`}`;
  return { ...denseLink(source, target, 1, 1), name, delay };
}

/** pixels -> h1 -> h2 -> h3 -> label. */
export function digits(): Graph {
  const nodes = [
    sense('pixels', [784]),
    gaussianNode('h1', [128]),
    gaussianNode('h2', [128]),
    gaussianNode('h3', [128]),
    { ...gaussianNode('label', [10]), energyKind: 'categorical' },
  ];
  return { name: 'digits', nodes, links: nodes.slice(1).map((n, i) => link(nodes[i]?.name ?? '', n.name)) };
}

/** Three senses, an array of columns, areas of a low and a high node, and a loop through motor. */
export function brain(columns: number, nested = ''): Graph {
  const nodes = [sense('retina', [64, 64, 3], 30), sense('cochlea', [128], 100), sense('touch', [96], 50)];
  const links: GraphLink[] = [];
  const area = (name: string, width: number, delayed: boolean): void => {
    nodes.push(gaussianNode(`${nested}${name}.low`, [width]), gaussianNode(`${nested}${name}.high`, [width / 2]));
    links.push(link(`${nested}${name}.high`, `${nested}${name}.low`));
    if (delayed) links.push(link(`${nested}${name}.high`, `${nested}${name}.high`, 1));
  };
  for (let i = 0; i < columns; i++) {
    area(`v1[${i}]`, 512, false);
    links.push(link(`${nested}v1[${i}].low`, 'retina'));
  }
  for (const [name, width] of [
    ['a1', 512],
    ['s1', 256],
    ['assoc', 1024],
    ['motor', 512],
  ] as const)
    area(name, width, true);
  links.push(link(`${nested}a1.low`, 'cochlea'), link(`${nested}s1.low`, 'touch'));
  const sparsity = {
    weight: 'w',
    topology: 'fixed_indegree',
    arguments: { n: 64 },
    stream: 's',
    seed: 0,
    offset: 0,
    total: 9,
    density: 0.05,
  };
  for (let i = 0; i < columns; i++) {
    links.push(link(`${nested}v1[${i}].high`, `${nested}v1[${(i + 1) % columns}].low`));
    links.push({ ...link(`${nested}v1[${i}].high`, `${nested}assoc.low`), sparsity });
  }
  links.push(link(`${nested}a1.high`, `${nested}assoc.low`), link(`${nested}s1.high`, `${nested}assoc.low`));
  links.push(link(`${nested}assoc.high`, `${nested}motor.high`), link(`${nested}motor.high`, `${nested}assoc.high`));
  return { name: 'small_brain', nodes, links };
}

/** So many areas, each a cluster of ten nodes in a ring, none of them an array. */
export function areas(count: number): Graph {
  const nodes: GraphNode[] = [];
  const links: GraphLink[] = [];
  for (let a = 0; a < count; a++) {
    const region = `lobe${a % 5}.area${a}`;
    for (let i = 0; i < 10; i++) {
      nodes.push(gaussianNode(`${region}.n${i}`, [32]));
      links.push(link(`${region}.n${i}`, `${region}.n${(i + 1) % 10}`));
    }
    if (a > 0) links.push(link(`lobe${(a - 1) % 5}.area${a - 1}.n0`, `${region}.n0`));
  }
  return { name: 'areas', nodes, links };
}
