/** Models of any length, for speed and for tests that need something large. */

/** A model of about `lines` lines: layers of alternating kinds in a chain, with skips, a task and comments. */
export function generateModel(lines: number): string {
  const layers = Math.max(2, Math.floor((lines - 30) / 3));
  const nodes: string[] = [];
  const links: string[] = [];
  for (let i = 0; i < layers; i++) {
    const width = 16 + 8 * (i % 5);
    const kind = ['nodes.gaussian()', 'nodes.gaussian(act = tanh)', 'nodes.gaussian(precision = learned)'][i % 3];
    nodes.push(`  node layer_${i}: f32[${width}] = ${kind}`);
    const from = i === 0 ? 'pixels' : `layer_${i - 1}`;
    links.push(`  link ${from} -> layer_${i} = links.dense(after = ${['gelu', 'relu', 'identity'][i % 3]})`);
    if (i % 5 === 4) links.push(`  link layer_${i - 4} -> layer_${i} = links.sparse(density = 0.${1 + (i % 9)})`);
    else links.push(`  // layer ${i} is ${width} wide`);
  }
  return `pcn 1

import std/nodes
import std/links
import std/learn
import std/data

/// Generated: ${layers} layers in a chain.
model generated {
  sense pixels: f32[784]
${nodes.join('\n')}
  node label: f32[10]
${links.join('\n')}
  link layer_${layers - 1} -> label = links.dense()
}

train learn_it of generated on data.glyphs.train {
  clamp pixels = (sample.image / 255 - 0.5) / 0.5
  clamp label = one_hot(sample.digit, 10)
  method = learn.pc_alm(rate = 0.05)
  optimizer = learn.adamw(rate = learn.warmup_cosine(0.0003))
}

predict classify of generated {
  clamp pixels = (input.image / 255 - 0.5) / 0.5
  read digit = argmax(label)
}

check accuracy(classify.digit, data.glyphs.test.digit) >= 0.9
`;
}
