/**
 * Eight links of 4096 x 4096, for the simulator: a narrow sense in front, so that every link's prediction and feedback
 * are worked out in every tick, and a small label at every layer, so that no tick is without errors to begin with. At
 * 215 GFLOP/s a tick of a microbatch of 64 is 20 ms of work for each of eight shards.
 */
const LAYERS = [0, 1, 2, 3, 4, 5, 6, 7];
export const GFLOPS = 215;

export function wideModel(ticks: number, batch: number): string {
  const inner = LAYERS.slice(1);
  const lines = (make: (i: number) => string): string => inner.map(make).join('\n');
  return `pcn 1

import std/nodes
import std/links
import std/learn
import std/data

model wide {
  sense x: f32[16]
${LAYERS.map((i) => `  node h${i}: f32[4096] = nodes.gaussian(act = tanh)`).join('\n')}
  node y: f32[4096] = nodes.gaussian()
${lines((i) => `  node t${i}: f32[16] = nodes.gaussian()`)}

  link x -> ${LAYERS.map((i) => `h${i}`).join(' -> ')} -> y = links.dense(bias = false)
${lines((i) => `  link h${i} -> t${i} = links.dense(bias = false)`)}
}

train il of wide on data.file("wide.npz", x = f32[16], y = f32[4096]) {
  clamp x = sample.x
  clamp y = sample.y
${lines((i) => `  clamp t${i} = sample.x`)}

  method    = learn.il(steps = ${ticks}, rate = 0.1)
  optimizer = learn.sgd(rate = 0.1)
  batch     = ${batch}
  epochs    = 1
}
`;
}
