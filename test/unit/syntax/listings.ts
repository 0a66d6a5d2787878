/** The listings of the language's design, which every stage must accept. */

export const DIGITS = `pcn 1

import std/nodes
import std/links
import std/learn
import std/data

/// Handwritten digits. \`a -> b\` reads "a predicts b"; errors flow back along the same link.
model mnist {
  param hidden: int = 128 where hidden >= 10

  sense pixels: f32[784]
  node  h1:     f32[hidden] = nodes.gaussian()
  node  h2:     f32[hidden] = nodes.gaussian()
  node  h3:     f32[hidden] = nodes.gaussian()
  node  label:  f32[10]     = nodes.gaussian()

  link pixels -> h1 -> h2 -> h3 = links.dense(after = gelu)
  link h3 -> label              = links.dense()
}

train il of mnist on data.mnist.train {
  clamp pixels = (sample.image / 255 - 0.5) / 0.5
  clamp label  = one_hot(sample.digit, 10)

  method    = learn.il(steps = 8, rate = 0.0105, momentum = 0.65)
  optimizer = learn.adamw(rate = learn.warmup_cosine(3.0e-4), decay = 3.6e-4)
  batch     = 128
  epochs    = 25
}

predict classify of mnist {
  clamp pixels = (input.image / 255 - 0.5) / 0.5
  read digit = argmax(label)
}

check accuracy(classify.digit, data.mnist.test.digit) >= 0.98
`;

export const BRAIN = `pcn 1

import std/links
import std/topology
import ./column

/// Three senses fan in to an association area; a loop runs through motor and back.
model small_brain {
  param width: int = 512 where width % 8 == 0

  sense retina:  f32[64, 64, 3] at 30Hz
  sense cochlea: f32[128]       at 100Hz
  sense touch:   f32[96]        at 50Hz

  cluster v1[16] = column.visual()             // sixteen columns, v1[0] .. v1[15]
  cluster a1     = column.cortical(width)
  cluster s1     = column.cortical(width / 2)
  cluster assoc  = column.cortical(width * 2)
  cluster motor  = column.cortical(width)

  link v1[*].low -> retina = links.conv_transpose(kernel = [8, 8], stride = [4, 4], padding = 2)
  link a1.low -> cochlea   = links.dense()
  link s1.low -> touch     = links.dense()

  // \`along\` between elements of an array chooses which pairs are joined, elsewhere which units
  link v1[*].high -> v1[*].low = links.sparse(density = 0.05) along topology.small_world(degree = 4, rewire = 0.1)
  link [v1[*].high, a1.high, s1.high] -> assoc.low = links.sparse() along topology.fixed_indegree(64)

  // A cycle without delay: every node reads the values of the tick before.
  link assoc.high -> motor.high = links.dense()
  link motor.high -> assoc.high = links.dense(init = zeros)
}

/// Where to run. Never changes what is computed.
schedule home of small_brain {
  keep_together = [v1[0], retina]
  cut_at  = clusters
  memory  = 2GiB
  uplink  = 5Mbit/s
}
`;

export const COLUMN = `pcn 1

import std/nodes
import std/links

/// A patch of cortex: \`high\` predicts \`low\`, and itself one time step later.
cluster cortical(width: int) {
  node low:  f32[width]     = nodes.gaussian(act = tanh)
  node high: f32[width / 2] = nodes.gaussian(act = tanh, precision = learned)
  link high -> low  = links.dense()
  link high -> high = links.dense(delay = 1)
  expose low, high
}

/// The same with a low node laid out as a picture: 16 x 16 places of two units.
cluster visual() {
  node low:  f32[16, 16, 2] = nodes.gaussian(act = tanh)
  node high: f32[256]       = nodes.gaussian(act = tanh)
  link high -> low  = links.dense()
  expose low, high
}
`;

/** Definitions as in the standard library. */
export const LIBRARY = `pcn 1

/// A weight matrix and a bias.
link dense(after: function = identity, init: initializer = uniform_fan_in, bias: bool = true) {
  weight w: f32[size(target), size(source)] = init
  weight c: f32[size(target)] = init when bias
  let u = matmul(flatten(source), transpose(w)) + c
  predict reshape(after(u), shape(target))
}

node gaussian(act: function = identity, precision = 1, start = zeros) {
  energy 0.5 * precision * square(z - mu) when precision != learned
  energy 0.5 * (square(z - mu) * exp(p) - p) when precision == learned
}

optimizer adam(rate: rate, beta1: float = 0.9 where beta1 >= 0 and beta1 < 1) {
  state m = 0
  next m = beta1 * m + (1 - beta1) * gradient
  next weight = weight - rate * m
}

rate warmup_cosine(peak: float, warmup: float = 0.1) {
  value peak * progress / warmup when progress < warmup
  value peak * 0.5 * (1 + cos(pi * (progress - warmup) / (1 - warmup)))
}

method il(steps: int where steps >= 1, rate: float, momentum: float = 0)
topology ring(degree: int = 2)

data mnist {
  split train, test
  field image: u8[28, 28]
  field digit: int
}

function swish(x) {
  value x * sigmoid(x)
}
`;

export const LISTINGS: Readonly<Record<string, string>> = { DIGITS, BRAIN, COLUMN, LIBRARY };
