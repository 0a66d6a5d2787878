/** A small network whose rates are predicted. */

export const SMALL = `pcn 1
import std/nodes
import std/links
import std/learn
import std/data
model small {
  sense x: f32[4]
  node h: f32[3] = nodes.gaussian()
  node y: f32[2] = nodes.gaussian()
  link x -> h -> y = links.dense()
}
train il of small on data.file("small.npz", x = f32[4], y = f32[2]) {
  clamp x = sample.x
  clamp y = sample.y
  method    = learn.il(steps = 5, rate = 0.1)
  optimizer = learn.adam(rate = 0.1)
  batch     = 8
  epochs    = 1
}
predict answer of small {
  clamp x = input.x
  read y = y
}
`;

/** With an optimizer that keeps nothing, and without the prediction. */
export const SMALL_SGD = SMALL.replace('adam', 'sgd').replace(/^predict[\s\S]*/m, '');
