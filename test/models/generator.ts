/** Random models as texts: a description that shrinks towards a chain of small gaussian nodes, and its printer. */
import fc from 'fast-check';

export interface Description {
  readonly input: number;
  readonly output: number;
  readonly hidden: readonly HiddenNode[];
  readonly outputKind: string;
  readonly rule: string;
  readonly optimizer: string;
  readonly batch: number;
}

export interface HiddenNode {
  readonly width: number;
  readonly kind: string;
  readonly after: string;
  readonly bias: boolean;
}

const activations = ['identity', 'tanh', 'sigmoid', 'relu', 'gelu', 'silu'];

const hiddenNodes: fc.Arbitrary<HiddenNode> = fc.record({
  width: fc.integer({ min: 1, max: 6 }),
  kind: fc.constantFrom(...activations).map((act) => (act === 'identity' ? '' : `act = ${act}`)),
  after: fc.constantFrom(...activations),
  bias: fc.boolean(),
});

const rules: fc.Arbitrary<string> = fc
  .record({ steps: fc.integer({ min: 1, max: 5 }), rate: fc.constantFrom('0.05', '0.1', '0.2') })
  .map(({ steps, rate }) => `learn.il(steps = ${steps}, rate = ${rate})`);

export const descriptions: fc.Arbitrary<Description> = fc.record({
  input: fc.integer({ min: 1, max: 6 }),
  output: fc.integer({ min: 1, max: 5 }),
  hidden: fc.array(hiddenNodes, { maxLength: 4 }),
  outputKind: fc.constant(''),
  rule: rules,
  optimizer: fc.constantFrom('recorded(rate = 0.1)', 'learn.sgd(rate = 0.1)'),
  batch: fc.integer({ min: 1, max: 4 }),
});

/** Steepest descent that remembers its last gradient, so that a test can read it. */
const RECORDED = `optimizer recorded(rate: rate = 0.1) {
  state seen = 0
  next seen = gradient
  next weight = weight - rate * gradient
}`;

export function textOf(model: Description): string {
  const names = ['x', ...model.hidden.map((_, i) => `h${i}`), 'y'];
  const nodes = model.hidden.map((node, i) => `  node h${i}: f32[${node.width}] = nodes.gaussian(${node.kind})`);
  const links = names.slice(1).map((name, i) => {
    const { after = 'identity', bias = true } = model.hidden[i] ?? {};
    return `  link ${names[i]} -> ${name} = links.dense(after = ${after}, bias = ${bias})`;
  });
  return `pcn 1

import std/nodes
import std/links
import std/learn
import std/data
import std/topology

${RECORDED}

model m {
  sense x: f32[${model.input}]
${nodes.join('\n')}
  node y: f32[${model.output}] = nodes.gaussian(${model.outputKind})
${links.join('\n')}
}

train t of m on data.file("m.npz", x = f32[${model.input}], y = f32[${model.output}]) {
  clamp x = sample.x
  clamp y = sample.y
  method = ${model.rule}
  optimizer = ${model.optimizer}
  batch = ${model.batch}
  epochs = 1
}
`;
}
