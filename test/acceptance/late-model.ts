/** A residual network of eight layers for shards whose values come late, as text, with one train block. */

/** Rules, as their train blocks have them. Of iPC the weights move in every tick: by as much less. */
export const LATE_RULES: Readonly<Record<string, { readonly method: string; readonly rate?: string }>> = {
  il: { method: 'il(steps = ticks, rate = 0.2)' },
  nudged: { method: 'nudged(steps = ticks, rate = 0.2, beta = 0.5)' },
  pc_alm: { method: 'pc_alm(steps = ticks, rate = 0.2)' },
  fixed_prediction: { method: 'fixed_prediction(steps = ticks)' },
  ipc: { method: 'ipc(steps = ticks, rate = 0.2)', rate: '0.008 / ticks' },
  bp: { method: 'bp()' },
};

/** Links on the way from the first node with values to the output. */
export const LATE_LINKS = 8;

/** @param rule of `LATE_RULES` @param borders whether nodes have values at the borders of shards alone */
export function lateModel(rule: string, borders: boolean): string {
  const { method = '', rate = '0.004' } = LATE_RULES[rule] ?? {};
  return `pcn 1

import std/nodes
import std/links
import std/topology
import std/learn
import std/data

model late {
  param depth: int = ${LATE_LINKS} where depth >= 4
  param width: int = 64 where width >= 10
  param ticks: int = 10 where ticks >= 1

  sense image:        f32[784]
  node  h[depth - 1]: f32[width] = nodes.gaussian()
  node  label:        f32[10]    = nodes.gaussian()

  link image -> h[0]                      = links.scaled()
  link h[0..depth - 3] -> h[1..depth - 2] = links.residual(depth = depth, act = relu) along topology.one_to_one()
  link h[depth - 2] -> label              = links.scaled(power = 1, act = relu)
}

train rule of late on data.mnist.train {
  clamp image = (sample.image / 255 - 0.1307) / 0.3081
  clamp label = one_hot(sample.digit, 10)

  method    = learn.${method}
  values    = ${borders ? 'borders' : 'all'}
  optimizer = learn.adam(rate = ${rate})
  batch     = 64
  epochs    = 1
}

schedule line of late {
  cut_at = nodes
}

predict classify of late {
  clamp image = (input.image / 255 - 0.1307) / 0.3081
  read digit = argmax(label)
}

check accuracy(classify.digit, data.mnist.test.digit) >= 0.5
`;
}
