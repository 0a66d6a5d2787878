/** Random models: descriptions, which shrink towards a chain of small gaussian nodes. `print-model.ts` writes them. */
import fc from 'fast-check';

export interface Description {
  readonly input: number;
  readonly output: number;
  readonly outputNode: OutputNode;
  /** From the input to the output, each predicting the next. */
  readonly stages: readonly Stage[];
  readonly further: readonly FurtherLink[];
  /** A node that nothing predicts, which predicts one of the stages. */
  readonly cause?: Cause | undefined;
  readonly rule: Rule;
  readonly optimizer: string;
  readonly batch: number;
  /** Steps of a sequence. */
  readonly sequence?: number | undefined;
  readonly begin?: Begin | undefined;
  /** The last part of an epoch, that fills no batch, is trained as well. */
  readonly keepLast: boolean;
  /** Samples that a batch divides into, as a pipelined schedule has them; with predicted weights (7a). */
  readonly microbatches: number;
  readonly ahead: boolean;
  readonly values: 'all' | 'clusters' | 'borders';
}

export interface Stage {
  /**
   * One node; an array that is predicted as one; one whose elements predict each other in turn; an array of clusters; and
   * of clusters with arrays in them.
   */
  readonly form: 'node' | 'row' | 'chain' | 'clusters' | 'nested';
  /** Of arrays. */
  readonly count: number;
  readonly width: number;
  readonly node: string;
  /** Of the link into it. */
  readonly link: string;
  readonly along: string;
  /** The links within a chain share their weights, where there are several and the rule allows it. */
  readonly tied: boolean;
}

export interface OutputNode {
  readonly node: string;
  readonly clamp: 'always' | 'known samples' | 'first elements';
}

export interface FurtherLink {
  readonly from: number;
  readonly to: number;
  readonly kind: string;
  /** 0 where it closes no cycle, or the rule allows one. */
  readonly delay: number;
  /** Where the rule allows it. */
  readonly apart: boolean;
  /** `true`, `false` or what multiplies the rate. */
  readonly learn: string;
}

/** Where a node begins. */
export interface Begin {
  readonly at: number;
  readonly value: 'a number' | 'a field';
  readonly when: 'always' | 'known samples' | 'first elements' | 'first steps';
}

export interface Cause {
  readonly width: number;
  readonly node: string;
  readonly into: number;
}

export interface Rule {
  readonly text: string;
  /** Whether a cycle can be settled. */
  readonly settles: boolean;
}

const functions = fc.constantFrom('identity', 'tanh', 'sigmoid', 'relu', 'gelu', 'silu');

/** Arguments of a call, each given or not. */
const options = (...all: readonly fc.Arbitrary<string>[]): fc.Arbitrary<string> =>
  fc.tuple(...all).map((given) => given.filter((option) => option !== '').join(', '));
const activation = functions.map((f) => (f === 'identity' ? '' : `act = ${f}`));
const start = fc.constantFrom('', 'start = constant(0.2)');
const precision = fc.constantFrom('', 'precision = 2', 'precision = learned');

const settlingNodes: fc.Arbitrary<string> = fc.oneof(
  { weight: 5, arbitrary: options(activation, precision, start).map((o) => `gaussian(${o})`) },
  options(activation, start).map((o) => `correlated(${o})`),
  fc.constantFrom('categorical()', 'categorical(act = tanh)'),
  fc.constantFrom('firmer()', 'firmer(act = tanh)', 'langevin()', 'langevin(act = sigmoid)'),
  fc.constantFrom('nearer()', 'nearer(act = tanh)', 'spiking()', 'spiking(act = sigmoid)'),
);

const freeNodes: fc.Arbitrary<string> = fc.oneof(
  { weight: 5, arbitrary: settlingNodes },
  fc.constantFrom('exact()', 'exact(act = tanh)', 'scaling()', 'scaling(act = tanh)'),
  // Narrow ones are steep without a large epsilon.
  fc.constantFrom(
    'normalized(epsilon = 0.5)',
    'rms_normalized(epsilon = 0.5)',
    'rms_normalized(epsilon = 0.5, act = tanh)',
  ),
);

const denseLinks: fc.Arbitrary<string> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.tuple(functions, fc.boolean()).map(([after, bias]) => `dense(after = ${after}, bias = ${bias})`),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(functions, fc.constantFrom('0.2', '0.6'))
      .map(([after, density]) => `sparse(after = ${after}, density = ${density})`),
  },
  { weight: 3, arbitrary: functions.map((act) => `scaled(act = ${act})`) },
  fc.constantFrom('drifting()', 'drifting(after = tanh)'),
);

const stages: fc.Arbitrary<Stage> = fc
  .record({
    form: fc.constantFrom('node', 'row', 'chain', 'clusters', 'nested'),
    // Four equal elements or more become pages.
    count: fc.constantFrom(2, 2, 3, 4, 4, 5),
    width: fc.oneof({ weight: 15, arbitrary: fc.integer({ min: 1, max: 4 }) }, fc.constant(16)),
    node: freeNodes,
    link: denseLinks,
    along: fc.constantFrom('one_to_one()', 'all()', 'ring()', 'fixed_indegree(1)', 'random(density = 0.5)'),
    tied: fc.constantFrom(false, true),
  })
  // Two clusters of two are four equal elements already.
  .map((stage) => (stage.form === 'nested' ? { ...stage, count: 2 } : stage));

const settling = fc
  .record({
    name: fc.constantFrom('il', 'ipc', 'nudged', 'pc_alm'),
    steps: fc.constantFrom(1, 2, 2, 2, 3, 4),
    rate: fc.constantFrom('0.05', '0.1', '0.2'),
    momentum: fc.constantFrom('0', '0.5'),
    alpha: fc.constantFrom('0', '0.5', '1'),
    nudge: fc.constantFrom('beta = 0.5', 'beta = 1, sign = negative', 'beta = 0.25, sign = centred'),
  })
  .map(({ name, steps, rate, momentum, alpha, nudge }): Rule => {
    if (name === 'pc_alm')
      return { text: `learn.pc_alm(steps = ${steps}, rate = ${rate}, alpha = ${alpha})`, settles: true };
    const further = name === 'nudged' ? `, ${nudge}` : '';
    return { text: `learn.${name}(steps = ${steps}, rate = ${rate}, momentum = ${momentum}${further})`, settles: true };
  });
const rules: fc.Arbitrary<Rule> = fc.oneof(
  { weight: 3, arbitrary: settling },
  fc
    .constantFrom('z_il()', 'fa_z_il()', 'bp()', 'fixed_prediction()', 'fixed_prediction(steps = 2, rate = 0.5)')
    .map((call): Rule => ({ text: `learn.${call}`, settles: false })),
);

const optimizers = fc.constantFrom(
  'recorded(rate = 0.1)',
  'learn.sgd(rate = 0.1)',
  'learn.momentum(rate = 0.05)',
  'learn.adam(rate = 0.01, epsilon = 0.01)',
  'learn.adamw(rate = learn.warmup_cosine(0.01), epsilon = 0.01)',
  'clipped(rate = 0.2)',
  'by_norm(rate = 0.1)',
);

const outputs: fc.Arbitrary<OutputNode> = fc.record({
  node: fc.oneof(settlingNodes, fc.constantFrom('bernoulli()', 'cross_entropy()')),
  clamp: fc.constantFrom('always', 'known samples', 'first elements'),
});

export const descriptions: fc.Arbitrary<Description> = fc.record({
  input: fc.integer({ min: 1, max: 6 }),
  output: fc.integer({ min: 1, max: 5 }),
  outputNode: outputs,
  stages: fc.array(stages, { maxLength: 3 }),
  further: fc.array(
    fc.record({
      from: fc.nat({ max: 6 }),
      to: fc.nat({ max: 6 }),
      kind: fc.oneof(
        denseLinks,
        fc.constantFrom('one_to_one()', 'identity(scale = 0.5)', 'lateral(feedback = false)', 'lateral()'),
      ),
      delay: fc.constantFrom(0, 0, 1, 2),
      apart: fc.constantFrom(false, false, true),
      learn: fc.constantFrom('true', 'true', 'false', '0.5'),
    }),
    { maxLength: 3 },
  ),
  cause: fc.option(
    fc.record({
      width: fc.integer({ min: 1, max: 4 }),
      node: fc.constantFrom('gaussian()', 'gaussian(act = tanh, start = constant(0.3))', 'gaussian(prior = none)'),
      into: fc.nat({ max: 5 }),
    }),
    { nil: undefined, freq: 4 },
  ),
  rule: rules,
  optimizer: optimizers,
  batch: fc.constantFrom(1, 2, 2, 3, 4),
  sequence: fc.option(fc.integer({ min: 2, max: 3 }), { nil: undefined, freq: 4 }),
  begin: fc.option(
    fc.record({
      at: fc.nat({ max: 6 }),
      value: fc.constantFrom('a number', 'a field'),
      when: fc.constantFrom('always', 'known samples', 'first elements', 'first steps'),
    }),
    { nil: undefined, freq: 4 },
  ),
  keepLast: fc.constantFrom(false, false, false, true),
  microbatches: fc.constantFrom(1, 2, 3),
  values: fc.constantFrom('all', 'all', 'clusters', 'borders'),
  ahead: fc.boolean(),
});

/** For devices that take long over each operation. */
export const short: fc.Arbitrary<Description> = descriptions.map(({ stages, further, ...model }) => ({
  ...model,
  stages: stages.slice(0, 2),
  further: further.slice(0, 1),
}));

/** Small ones of batches that two lanes can divide. */
export const divisible: fc.Arbitrary<Description> = descriptions.map(({ stages, ...model }) => ({
  ...model,
  stages: stages.slice(0, 1).map((stage) => ({ ...stage, width: Math.min(stage.width, 4) })),
  further: [],
  sequence: undefined,
  batch: 32,
  microbatches: 1,
}));
