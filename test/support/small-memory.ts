/** 49 pixels of each digit that predict each other: one node, one link to itself, more shards than is comfortable. */
export const SMALL_MEMORY = `pcn 1
import std/links
import std/learn
import std/data

model memory {
  sense pixels: f32[49]
  link pixels -> pixels = links.lateral()
}

train small of memory on data.glyphs.train[0..99] {
  clamp pixels = average_pool2d(reshape(sample.image / 255, [28, 28, 1]), window = 4)

  method    = learn.ipc(steps = 20)
  optimizer = learn.adam(rate = 0.001)
  batch     = 100
}
`;
