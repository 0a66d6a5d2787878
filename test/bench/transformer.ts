/** A small transformer over the digits that the program draws itself: what people predict with, one sample at a time. */
export const TRANSFORMER = `pcn 1

import std/nodes
import std/links
import std/learn
import std/data

/// Reads a digit row by row, in two blocks.
model rows {
  sense pixels: f32[28, 28]
  node x:     f32[28, 64]  = nodes.gaussian()
  node a1:    f32[28, 64]  = nodes.gaussian()
  node m1:    f32[28, 128] = nodes.gaussian()
  node b1:    f32[28, 64]  = nodes.gaussian()
  node a2:    f32[28, 64]  = nodes.gaussian()
  node m2:    f32[28, 128] = nodes.gaussian()
  node b2:    f32[28, 64]  = nodes.gaussian()
  node label: f32[10]

  link pixels -> x  = links.tokenwise()
  link x -> a1      = links.attention(heads = 4)
  link x -> a1      = links.identity()
  link a1 -> m1     = links.tokenwise(normalize = true, after = gelu)
  link m1 -> b1     = links.tokenwise()
  link a1 -> b1     = links.identity()
  link b1 -> a2     = links.attention(heads = 4)
  link b1 -> a2     = links.identity()
  link a2 -> m2     = links.tokenwise(normalize = true, after = gelu)
  link m2 -> b2     = links.tokenwise()
  link a2 -> b2     = links.identity()
  link b2 -> label  = links.dense()
}

train learn_it of rows on data.glyphs.train[0..255] {
  clamp pixels = reshape(sample.image, [28, 28]) / 255
  clamp label  = one_hot(sample.digit, 10)
  method    = learn.bp()
  optimizer = learn.sgd(rate = 0.01)
  batch     = 64
  epochs    = 1
}

predict classify of rows {
  clamp pixels = reshape(input.image, [28, 28]) / 255
  read digit = argmax(label)
}
`;
