/** Models of one kind of link each, to time a tick of it. */

interface Sized {
  readonly batch: number;
  readonly ticks: number;
}

function around(nodes: string, shapes: { readonly x: string; readonly y: string }, { batch, ticks }: Sized): string {
  return `pcn 1

import std/nodes
import std/links
import std/learn
import std/data

model m {
${nodes}
}

train il of m on data.file("bench.npz", x = f32[${shapes.x}], y = f32[${shapes.y}]) {
  clamp x = sample.x
  clamp y = sample.y

  method    = learn.il(steps = ${ticks}, rate = 0.1)
  optimizer = learn.sgd()
  batch     = ${batch}
  epochs    = 1
}
`;
}

/** Pictures of 28 x 28 through 5 x 5 windows to 8 channels, and through 3 x 3 to 16. */
export function convolutionModel(sized: Sized): string {
  const nodes = `  sense x: f32[28, 28, 1]
  node edges: f32[14, 14, 8]
  node parts: f32[7, 7, 16]
  node y: f32[10]
  link x -> edges     = links.conv(kernel = [5, 5], stride = 2, padding = 2, after = tanh)
  link edges -> parts = links.conv(kernel = [3, 3], stride = 2, padding = 1, after = tanh)
  link parts -> y     = links.dense()`;
  return around(nodes, { x: '28, 28, 1', y: '10' }, sized);
}

/** Tokens, numbers of each, heads. */
export type AttentionSize = readonly [tokens: number, width: number, heads: number];

/** With the skip around it. */
export function attentionModel(sized: Sized, [tokens, width, heads]: AttentionSize): string {
  const shape = `${tokens}, ${width}`;
  const nodes = `  sense x: f32[${shape}]
  node a: f32[${shape}]
  node b: f32[${shape}]
  node y: f32[10]
  link x -> a = links.identity()
  link a -> b = links.attention(heads = ${heads}, causal = true)
  link a -> b = links.identity()
  link b -> y = links.dense()`;
  return around(nodes, { x: shape, y: '10' }, sized);
}
