/** A small network with a train block for each rule that can be asked for. */

const TASK = (name: string, method: string, settings: string): string => `
train ${name} of deep on data.file("points.npz", x = f32[4], y = f32[2]) {
  clamp x = sample.x
  clamp y = sample.y

  method    = learn.${method}
  optimizer = learn.sgd(rate = 0.1)
  batch     = 4
  epochs    = 1
${settings}}
`;

/** Rules by the names of their train blocks. */
export const RULES: Readonly<Record<string, string>> = {
  il: 'il(steps = 12, rate = 0.1)',
  nudged: 'nudged(steps = 12, rate = 0.1, beta = 0.5)',
  pc_alm: 'pc_alm(steps = 12, rate = 0.1)',
  fixed_prediction: 'fixed_prediction(steps = 12)',
  ipc: 'ipc(steps = 12, rate = 0.1)',
  z_il: 'z_il()',
  fa_z_il: 'fa_z_il()',
  bp: 'bp()',
};

/** A chain from `x` to `y`. @param settings more lines of every train block */
export function freeModel(settings = ''): string {
  return `pcn 1

import std/nodes
import std/links
import std/learn
import std/data

model deep {
  sense x: f32[4]
  node  a: f32[3] = nodes.gaussian()
  node  b: f32[3] = nodes.gaussian()
  node  c: f32[3] = nodes.gaussian()
  node  y: f32[2] = nodes.gaussian()

  link x -> a -> b -> c = links.dense(after = tanh)
  link c -> y           = links.dense()
}
${Object.entries(RULES)
  .map(([name, method]) => TASK(name, method, settings))
  .join('')}
predict answer of deep {
  clamp x = input.x
  read y = y
}
`;
}
