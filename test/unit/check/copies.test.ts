/** The elements of an array of clusters are copies of the first: as if each had been worked out by itself. */
import { expect, test } from 'vitest';
import { checked } from '../../support/check-source.ts';

/** With `pairs`, each element draws its own pairs by name, so none is a copy. */
function model(pairs: boolean): ReturnType<typeof checked>['models'][number] {
  const { models } = checked(`pcn 1

import std/nodes
import std/links
import std/topology
import std/learn
import std/data

cluster inner(units: int) {
  node a: f32[units] = nodes.gaussian()
  node b: f32[12] = nodes.gaussian()
  link a -> b = links.sparse(density = 0.25)
  link a -> b = links.dense()
  expose a, b
}

cluster outer() {
  node top[3]: f32[4] = nodes.gaussian()
  cluster part[2] = inner(units = 8)
  node low[3]: f32[4] = nodes.gaussian()
  link top[*] -> part[*].a = links.dense()
  link part[0].b -> part[1].a = links.dense()
  link part[*].b -> low[0..1] = links.dense()
${pairs ? '   ' : '// '}link top[*] -> low[*] = links.dense() along topology.fixed_indegree(1)
  expose top, part, low
}

model copies {
  sense x: f32[6]
  cluster area[3] = outer()
  link x -> area[*].top[*] = links.dense()
  link area[0].part[1].b -> area[2].part[0].a = links.dense()
  link area[2].part[0].a -> area[2].part[0].b = links.dense()
}

train learn_it of copies on data.file("x.npz", x = f32[6]) {
  clamp x = sample.x
  method = learn.il(steps = 2, rate = 0.1)
}
`);
  const [only] = models;
  if (only === undefined) throw new Error('no model');
  return only;
}

test('copies have the nodes and links of elements that are worked out one by one', () => {
  const [copied, single] = [model(false), model(true)];
  expect(copied.nodes).toEqual(single.nodes);
  const drawn = /^area\[(\d)\]\.top\[\d\]->area\[\1\]\.low/;
  expect(single.links.filter((link) => drawn.test(link.name))).toHaveLength(9);
  expect(copied.links).toEqual(single.links.filter((link) => !drawn.test(link.name)));
});

test('names, and the streams that connections are drawn from, belong to the element', () => {
  const { nodes, links } = model(false);
  expect(new Set(nodes.map((node) => node.name)).size).toBe(1 + 3 * (3 + 2 * 2 + 3));
  expect(new Set(links.map((link) => link.name)).size).toBe(links.length);
  const streams = links.flatMap((link) => link.sparsity?.stream ?? []);
  expect(streams).toHaveLength(6);
  expect(new Set(streams).size).toBe(6);
  expect(streams.at(-1)).toBe('topology/area[2].part[1].a->b#area[2].part[1].b');
  expect(links.at(-1)?.name).toBe('area[2].part[0].a->area[2].part[0].b#3');
});
