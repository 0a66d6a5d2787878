/**
 * A batch through a thinned link of 2048 x 2048 units, beside the dense one: a few steps in turns, each against the
 * dense ones before it.
 */

import { openTraining, timeSteps } from '../../../runtime/cli/measuring/training-steps.ts';
import { cpuDevice } from '../../../runtime/device/cpu/cpu.ts';
import { type Figure, told } from '../figure.ts';
import { median } from '../statistics.ts';

const [UNITS, BLOCK] = [2048, 64];
const [WARM, ROUNDS] = [2, 9];
/** A step is answered before its weights have moved: the first of each turn pays for the other's, and is not counted. */
const [FIRST, COUNTED] = [1, 2];
/** Block-sparse at a tenth must take at most this share of the dense link's time. */
const BLOCK_SHARE = 0.3;

/** The same program in two sessions, which density 1 is, differs by as much. */
const ALIKE = 0.02;

interface Kind {
  readonly name: string;
  readonly text: string;
  /** Of the dense link's time. */
  readonly most: number | undefined;
}

const KINDS: readonly Kind[] = [
  { name: 'sparse link, density 1', text: between('links.sparse(density = 1, bias = false)'), most: undefined },
  { name: 'sparse link, density 0.5', text: between('links.sparse(density = 0.5, bias = false)'), most: 1 + ALIKE },
  { name: 'sparse link, density 0.1', text: between('links.sparse(density = 0.1, bias = false)'), most: 1 },
  { name: 'sparse link, density 0.01', text: between('links.sparse(density = 0.01, bias = false)'), most: 1 },
  { name: 'clusters of 64, a tenth of them joined', text: blocks(0.1), most: BLOCK_SHARE },
  { name: 'clusters of 64, a hundredth of them joined', text: blocks(0.01), most: BLOCK_SHARE },
];

export async function sparseFigures(): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  const dense = await openTraining(between('links.dense(bias = false)'), cpuDevice);
  figures.push(told('dense link 2048 x 2048, IL, B=128, T=8', median(await timeSteps(dense, WARM, ROUNDS)), 'ms'));
  for (const { name, text, most } of KINDS) {
    const thinned = await openTraining(text, cpuDevice);
    await timeSteps(thinned, WARM, 0);
    const shares: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const whole = Math.min(...(await timeSteps(dense, FIRST, COUNTED)));
      shares.push(Math.min(...(await timeSteps(thinned, FIRST, COUNTED))) / whole);
    }
    await thinned.close();
    const value = median(shares);
    const target = most ?? null;
    figures.push({
      name: `${name}: time of the dense`,
      value,
      unit: 'of dense',
      ceiling: null,
      target,
      holds: value <= (most ?? value),
    });
  }
  await dense.close();
  return figures;
}

function around(nodes: string, links: string, clamps: string): string {
  return `pcn 1
import std/nodes
import std/links
import std/topology
import std/learn
import std/data

model m {
${nodes}
${links}
}

train t of m on data.file("x.npz", x = f32[${UNITS}], y = f32[${UNITS}]) {
${clamps}
  method    = learn.il(steps = 8, rate = 0.1)
  optimizer = learn.sgd()
  batch     = 128
  epochs    = 1
}
`;
}

function between(link: string): string {
  const nodes = ['sense x', 'node h', 'node y'].map((n) => `  ${n}: f32[${UNITS}]`).join('\n');
  return around(
    nodes,
    `  link x -> h = links.identity()\n  link h -> y = ${link}`,
    '  clamp x = sample.x\n  clamp y = sample.y',
  );
}

function blocks(density: number): string {
  const count = UNITS / BLOCK;
  const nodes = ['sense x', 'node h', 'node y'].map((n) => `  ${n}[${count}]: f32[${BLOCK}]`).join('\n');
  const links = `  link x[*] -> h[*] = links.identity() along topology.one_to_one()
  link h[*] -> y[*] = links.dense(bias = false) along topology.random(${density})`;
  const clamps = Array.from({ length: count }, (_, i) => {
    const range = `${i * BLOCK}..${(i + 1) * BLOCK - 1}`;
    return `  clamp x[${i}] = sample.x[${range}]\n  clamp y[${i}] = sample.y[${range}]`;
  });
  return around(nodes, links, clamps.join('\n'));
}
