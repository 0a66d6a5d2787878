/** Small models by a seed: chains with a skip, of several activations, rules and optimisers. */
import { stream } from '../../spec/random.ts';

export function randomChain(seed: number): string {
  const rng = stream(seed, 'random chain');
  const pick = <T>(i: number, of: readonly T[]): T => of[rng.bits(i) % of.length] as T;
  const layers = 2 + (rng.bits(0) % 2);
  const names = Array.from({ length: layers }, (_, i) => `h${i}`);
  const nodes = names.map((name, i) => `  node ${name}: f32[${pick(10 + i, [3, 5, 8])}] = nodes.gaussian()`);
  const after = pick(1, ['tanh', 'relu', 'sigmoid', 'gelu']);
  const skip = layers > 2 ? [`  link h0 -> h2 = links.dense(after = tanh)`] : [];
  const method = pick(2, ['il(steps = 4, rate = 0.1)', 'il(steps = 8, rate = 0.05)', 'ipc(steps = 4)']);
  const optimizer = pick(3, ['adam(rate = 0.01)', 'sgd(rate = 0.02)', 'momentum(rate = 0.01)']);
  return `pcn 1

import std/nodes
import std/links
import std/learn
import std/data

model chain {
  sense x: f32[6]
${nodes.join('\n')}
  node y: f32[3] = nodes.gaussian()
  link x -> ${names.join(' -> ')} = links.dense(after = ${after})
${skip.join('\n')}
  link ${names.at(-1)} -> y = links.dense()
}

train il of chain on data.file("points.npz", x = f32[6], y = f32[3]) {
  clamp x = sample.x
  clamp y = sample.y

  method    = learn.${method}
  optimizer = learn.${optimizer}
  batch     = ${pick(4, [8, 16])}
  epochs    = 1
}
`;
}
