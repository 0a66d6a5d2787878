/** The two networks on which predictive coding libraries are compared, as model files, and their useful work. */

/** Where incremental predictive coding is meant, SGD lets the input layer be worked out from the batch's Gram matrix. */
export const RULES = ['il', 'ipc', 'bp'] as const;
export type Rule = (typeof RULES)[number];
export const isRule = (text: string): text is Rule => (RULES as readonly string[]).includes(text);

export interface ReferenceNetwork {
  readonly widths: readonly number[];
  readonly batch: number;
  readonly ticks: number;
}

export const NETWORKS = {
  small: { widths: [784, 128, 128, 128, 10], batch: 128, ticks: 8 },
  large: { widths: [784, 512, 512, 10], batch: 256, ticks: 20 },
} as const satisfies Record<string, ReferenceNetwork>;
/** So small that a launch costs more than what it does. */
export const XOR: ReferenceNetwork = { widths: [2, 8, 1], batch: 4, ticks: 20 };
export type NetworkName = keyof typeof NETWORKS;
export const NETWORK_NAMES = Object.keys(NETWORKS) as NetworkName[];
export const isNetworkName = (text: string): text is NetworkName => Object.hasOwn(NETWORKS, text);

/** Of the gradient summed over a batch; ours is its mean. */
const SUMMED_RATE = 1e-3;

/** `tanh` of the values before they enter a link, no bias, value rate 0.1, SGD. */
export function referenceModel({ widths, batch, ticks }: ReferenceNetwork, rule: Rule): string {
  const hidden = widths.slice(1, -1).map((width, i) => ({ name: `h${i + 1}`, width }));
  const method = rule === 'bp' ? 'learn.bp()' : `learn.${rule}(steps = ${ticks}, rate = 0.1)`;
  return `pcn 1

import std/nodes
import std/links
import std/learn
import std/data

model reference {
  sense x: f32[${widths[0]}]
${hidden.map(({ name, width }) => `  node ${name}: f32[${width}] = nodes.gaussian(act = tanh)`).join('\n')}
  node y: f32[${widths.at(-1)}] = nodes.gaussian()

  link ${['x', ...hidden.map((h) => h.name), 'y'].join(' -> ')} = links.dense(bias = false)
}

train ${rule} of reference on data.file("reference.npz", x = f32[${widths[0]}], y = f32[${widths.at(-1)}]) {
  clamp x = sample.x
  clamp y = sample.y

  method    = ${method}
  optimizer = learn.sgd(rate = ${SUMMED_RATE * batch})
  batch     = ${batch}
  epochs    = 1
}
`;
}

/**
 * Floating-point operations of the products that one batch needs, whatever else a program does: the forward sweep, in
 * each tick predictions and feedback of all but the first link (whose prediction a clamped input never changes), and the
 * weight step with errors computed again. For iPC with SGD in the form of the Gram matrix: the first link costs
 * B² instead of B times its inputs a tick, and one weight step at the end. Nothing is taken off for errors that are
 * still zero in the first ticks.
 */
export function usefulWork({ widths, batch, ticks }: ReferenceNetwork, rule: Rule): number {
  const [first = 0, ...rest] = widths.slice(1).map((n, i) => 2 * batch * n * (widths[i] as number));
  const others = rest.reduce((sum, flop) => sum + flop, 0);
  const all = first + others;
  switch (rule) {
    case 'il':
      return all + ticks * 2 * others + others + all;
    case 'ipc': {
      const gram = 2 * batch * batch * (widths[0] as number);
      const firstLink = 2 * batch * batch * (widths[1] as number);
      return all + gram + ticks * (3 * others + firstLink) + first;
    }
    case 'bp':
      return all + others + all;
  }
}
