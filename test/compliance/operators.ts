/**
 * Inputs for every row of the operator table, seeded and rounded to f32, so that every device reads the same numbers:
 * scalars, odd sizes, broadcasting, ties, and numbers that a careless softmax overflows on.
 */
import type { Attributes, Shape } from '../../compiler/operators/expr.ts';
import { sizeOf } from '../../compiler/operators/expr.ts';
import { type OperatorName, operators } from '../../compiler/operators/table.ts';
import { type RandomStream, stream } from '../../spec/random.ts';

export interface OperatorArgument {
  readonly shape: Shape;
  readonly data: Float32Array;
}

export interface OperatorCase {
  readonly operator: OperatorName;
  /** `add [4, 1] [1, 3]` */
  readonly name: string;
  readonly args: readonly OperatorArgument[];
  readonly attributes: Attributes;
  /** The operator is smooth around these inputs, so differences of it mean something. */
  readonly smooth: boolean;
}

type Draw = (rng: RandomStream, i: number) => number;

const normal: Draw = (r, i) => r.normal(i);
const positive: Draw = (r, i) => 0.2 + 2 * r.uniform(i);
/** Away from 0, where some operators have a kink or a pole. */
const awayFromZero: Draw = (r, i) => (r.bits(i + 1e6) % 2 === 0 ? 1 : -1) * (0.1 + 2 * r.uniform(i));
const digit: Draw = (r, i) => Math.floor(r.uniform(i) * 4);
const huge: Draw = (r, i) => 500 * r.normal(i);
/** Multiples of 1/4: two draws are equal or well apart. */
const coarse: Draw = (r, i) => Math.round(4 * r.normal(i)) / 4;
/** Never a multiple of 1/4. */
const offCoarse: Draw = (r, i) => coarse(r, i) + 0.125;

const UNARY: Partial<Record<OperatorName, readonly Draw[]>> = {
  neg: [normal],
  abs: [awayFromZero],
  sign: [awayFromZero],
  exp: [normal],
  log: [positive],
  sqrt: [positive],
  square: [normal],
  cos: [normal],
  sin: [normal],
  tanh: [normal, huge],
  sigmoid: [normal, huge],
  relu: [awayFromZero],
  step: [awayFromZero],
  leaky_relu: [awayFromZero],
  gelu: [normal, huge],
  gelu_slope: [normal, huge],
  silu: [normal, huge],
};
const BINARY: Partial<Record<OperatorName, readonly [Draw, Draw]>> = {
  add: [normal, normal],
  sub: [normal, normal],
  mul: [normal, normal],
  div: [normal, awayFromZero],
  pow: [positive, normal],
  max: [coarse, offCoarse],
  min: [coarse, offCoarse],
  greater: [coarse, offCoarse],
  greater_equal: [coarse, offCoarse],
  less: [coarse, offCoarse],
  less_equal: [coarse, offCoarse],
  equal: [coarse, offCoarse],
  mod: [offCoarse, (r, i) => 0.5 + digit(r, i)],
};
const SHAPES: readonly Shape[] = [[], [1], [7], [3, 5], [2, 3, 4], [33, 17]];
const PAIRS: readonly (readonly [Shape, Shape])[] = [
  [[], []],
  [[5], []],
  [[], [5]],
  [[7], [7]],
  [[1], [5]],
  [[4, 3], [3]],
  [
    [4, 1],
    [1, 3],
  ],
  [
    [2, 3, 4],
    [3, 1],
  ],
  [
    [31, 9],
    [31, 9],
  ],
];

/** Every row's cases. Another seed gives other numbers for the same shapes. */
export function operatorCases(seed = 1): OperatorCase[] {
  return [
    ...elementwise(seed),
    ...reductions(seed),
    ...layouts(seed),
    ...products(seed),
    ...convolutions(seed),
    ...poolings(seed),
    ...indexings(seed),
    ...pages(seed),
    ...sparse(seed),
    ...draws(seed),
  ];
}

function make(
  seed: number,
  operator: OperatorName,
  args: readonly (readonly [Shape, Draw])[],
  attributes: Attributes = {},
  smooth = true,
): OperatorCase {
  const shown = Object.entries(attributes).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  const name = [
    operator,
    ...args.map(([shape, draw]) => `${JSON.stringify(shape)}${draw === huge ? ' huge' : ''}`),
    ...shown,
  ].join(' ');
  const made = args.map(([shape, draw], position) => {
    const rng = stream(seed, `${name}/${position}`);
    return { shape, data: Float32Array.from({ length: sizeOf(shape) }, (_, i) => draw(rng, i)) };
  });
  return { operator, name: smooth ? name : `${name} with ties`, args: made, attributes, smooth };
}

function elementwise(seed: number): OperatorCase[] {
  const cases: OperatorCase[] = [];
  for (const [op, draws] of Object.entries(UNARY) as [OperatorName, readonly Draw[]][])
    for (const shape of SHAPES) for (const draw of draws) cases.push(make(seed, op, [[shape, draw]]));
  cases.push(make(seed, 'leaky_relu', [[[3, 5], awayFromZero]], { slope: 0.2 }));
  for (const [op, [left, right]] of Object.entries(BINARY) as [OperatorName, readonly [Draw, Draw]][])
    for (const [a, b] of PAIRS)
      cases.push(
        make(seed, op, [
          [a, left],
          [b, right],
        ]),
      );
  for (const op of ['max', 'min', 'greater', 'greater_equal', 'less', 'less_equal', 'equal'] as const)
    cases.push(
      make(
        seed,
        op,
        [
          [[9, 7], coarse],
          [[7], coarse],
        ],
        {},
        false,
      ),
    );
  for (const op of ['abs', 'sign', 'relu', 'step', 'leaky_relu'] as const)
    cases.push(make(seed, op, [[[9, 7], coarse]], {}, false));
  for (const [c, a, b] of [
    [[], [], []],
    [[4, 3], [3], []],
    [[4, 1], [4, 3], [3]],
    [[5], [2, 5], [2, 1]],
  ] as const)
    cases.push(
      make(seed, 'select', [
        [c, digit],
        [a, normal],
        [b, normal],
      ]),
    );
  return cases;
}

function reductions(seed: number): OperatorCase[] {
  const cases: OperatorCase[] = [];
  const axes: readonly (readonly [Shape, Attributes])[] = [
    [[], {}],
    [[5], {}],
    [[3, 4], {}],
    [[3, 4], { axes: [0] }],
    [[3, 4], { axes: [1], keep: true }],
    [[2, 3, 4], { axes: [0, 2] }],
    [[2, 3, 4], { axes: [2, 0], keep: true }],
    [[2, 3, 4], { axes: [-1] }],
    [[17, 31], { axes: [0] }],
    [[129, 3], { keep: true }],
  ];
  for (const op of ['sum', 'mean', 'amax'] as const)
    for (const [shape, attributes] of axes) cases.push(make(seed, op, [[shape, normal]], attributes));
  cases.push(make(seed, 'amax', [[[5, 9], digit]], { axes: [1] }, false));
  for (const op of ['softmax', 'log_softmax'] as const)
    for (const [shape, attributes] of [
      [[1], {}],
      [[10], {}],
      [[3, 7], {}],
      [[3, 7], { axis: 0 }],
      [[2, 3, 4], { axis: 1 }],
      [[2, 3, 4], { axis: -1 }],
      [[31, 33], {}],
    ] as const) {
      cases.push(make(seed, op, [[shape, normal]], attributes));
      cases.push(make(seed, op, [[shape, huge]], attributes, false));
    }
  for (const [shape, attributes] of [
    [[7], {}],
    [[3, 10], {}],
    [[3, 5], { axis: 0 }],
    [[2, 3, 4], { axis: 1 }],
  ] as const) {
    cases.push(make(seed, 'argmax', [[shape, normal]], attributes));
    cases.push(make(seed, 'argmax', [[shape, digit]], attributes, false));
  }
  for (const [shape, attributes] of [
    [[7], {}],
    [[3, 5], { epsilon: 0.01 }],
    [[2, 3, 33], {}],
    [[4, 1], {}],
  ] as const) {
    cases.push(make(seed, 'layer_norm', [[shape, normal]], attributes));
    cases.push(make(seed, 'layer_norm', [[shape, (r, i) => 30 + r.normal(i)]], attributes));
  }
  for (const shape of [[], [5], [3, 4]])
    cases.push(make(seed, 'one_hot', [[shape, (r, i) => Math.floor(r.uniform(i) * 6) - 1]], { depth: 4 }, false));
  return cases;
}

function layouts(seed: number): OperatorCase[] {
  const one = (op: OperatorName, shape: Shape, attributes: Attributes): OperatorCase =>
    make(seed, op, [[shape, normal]], attributes);
  return [
    one('transpose', [3, 5], {}),
    one('transpose', [1, 7], {}),
    one('transpose', [2, 3, 4], {}),
    one('transpose', [2, 3, 4], { order: [2, 0, 1] }),
    one('transpose', [2, 3, 4], { order: [1, 0] }),
    one('transpose', [2, 3, 4, 5], { order: [1, 0, 2] }),
    one('transpose', [33, 17], { order: [0, 1] }),
    one('reshape', [], { shape: [1, 1] }),
    one('reshape', [1, 1], { shape: [] }),
    one('reshape', [3, 4], { shape: [12] }),
    one('reshape', [3, 4], { shape: [4, 3], oneWay: true }),
    one('reshape', [3, 4], { shape: [2, 1, 6] }),
    one('broadcast', [], { shape: [] }),
    one('broadcast', [], { shape: [3, 2] }),
    one('broadcast', [3], { shape: [2, 3] }),
    one('broadcast', [2, 1], { shape: [2, 5] }),
    one('broadcast', [1, 3, 1], { shape: [2, 3, 4] }),
    one('slice', [7], { axis: 0, from: 2, size: 3 }),
    one('slice', [3, 5], { axis: 1, from: 0, size: 1 }),
    one('slice', [3, 5], { axis: -2, from: 1, size: 2 }),
    one('slice', [2, 3, 4], { axis: 1, from: 2, size: 1 }),
    one('pad', [5], { axis: 0, before: 2, after: 0 }),
    one('pad', [3, 4], { axis: -1, before: 1, after: 3 }),
    one('pad', [2, 3, 4], { axis: 1, before: 0, after: 2 }),
    make(seed, 'concatenate', [[[4], normal]], { axis: 0 }),
    make(
      seed,
      'concatenate',
      [
        [[2, 3], normal],
        [[5, 3], normal],
      ],
      { axis: 0 },
    ),
    make(
      seed,
      'concatenate',
      [
        [[2, 1, 4], normal],
        [[2, 3, 4], normal],
        [[2, 2, 4], normal],
      ],
      { axis: -2 },
    ),
  ];
}

function products(seed: number): OperatorCase[] {
  const cases: OperatorCase[] = [];
  const turned = (shape: Shape, turn: boolean): Shape =>
    turn ? [...shape.slice(0, -2), ...shape.slice(-2).reverse()] : shape;
  for (const [a, b] of [
    [
      [1, 1],
      [1, 1],
    ],
    [
      [3, 5],
      [5, 4],
    ],
    [
      [1, 7],
      [7, 13],
    ],
    [
      [33, 17],
      [17, 9],
    ],
    [
      [2, 3, 4],
      [4, 5],
    ],
    [
      [3, 4],
      [2, 4, 5],
    ],
    [
      [2, 1, 3, 4],
      [3, 4, 2],
    ],
    [
      [2, 16, 3],
      [2, 3, 2],
    ],
  ] as const)
    for (const ta of [false, true])
      for (const tb of [false, true])
        cases.push(
          make(
            seed,
            'matmul',
            [
              [turned(a, ta), normal],
              [turned(b, tb), normal],
            ],
            { ...(ta ? { ta } : {}), ...(tb ? { tb } : {}) },
          ),
        );
  return cases;
}

/** Pictures, kernels and windows: odd sizes, every stride and padding, places that no window reaches, many channels. */
const CONVOLUTIONS: readonly (readonly [Shape, Shape, Attributes])[] = [
  [[5, 7, 1], [3, 3, 1, 1], {}],
  [[5, 7, 2], [3, 2, 2, 3], { padding: 1 }],
  [[1, 1, 3], [1, 1, 3, 2], {}],
  [[4, 6, 5, 2], [3, 3, 2, 4], { stride: 2, padding: 1 }],
  [[2, 3, 9, 8, 3], [5, 4, 3, 2], { stride: [3, 1], padding: [2, 0] }],
  [[3, 8, 8, 2], [2, 2, 2, 3], { stride: 3 }],
  [[2, 6, 5, 17], [3, 3, 17, 19], { padding: 1 }],
  [[2, 3, 3, 4], [3, 3, 4, 40], { stride: 2, padding: 2 }],
  // Whole blocks of channels, which a processor may lay out in its own way.
  [[2, 5, 6, 16], [3, 3, 16, 32], { stride: [1, 2], padding: 1 }],
  [[2, 4, 3, 32], [2, 3, 32, 16], { padding: [0, 1] }],
];

function convolutions(seed: number): OperatorCase[] {
  const cases: OperatorCase[] = [];
  for (const [x, w, attributes] of CONVOLUTIONS) {
    const y = operators.conv2d.shape([x, w], attributes);
    const two = (op: OperatorName, a: Shape, b: Shape, more: Attributes): OperatorCase =>
      make(
        seed,
        op,
        [
          [a, normal],
          [b, normal],
        ],
        { ...attributes, ...more },
      );
    cases.push(two('conv2d', x, w, {}));
    cases.push(two('conv_transpose2d', y, w, {}), two('conv_transpose2d', y, w, { size: x.slice(-3, -1) }));
    cases.push(two('conv2d_weight_gradient', x, y, { kernel: w.slice(0, 2) }));
  }
  return cases;
}

function poolings(seed: number): OperatorCase[] {
  const cases: OperatorCase[] = [];
  for (const [shape, attributes] of [
    [[4, 6, 1], { window: 2 }],
    [[2, 5, 7, 3], { window: 2 }],
    [[2, 3, 6, 4, 5], { window: [3, 2] }],
    [[3, 7, 6, 2], { window: 3, stride: 2, padding: 1 }],
    [[2, 8, 9, 17], { window: [2, 3], stride: [3, 2], padding: [0, 1] }],
    [[2, 5, 5, 1], { window: 3, stride: 1, padding: [2, 1] }],
  ] as const) {
    const pooled = operators.max_pool2d.shape([shape], attributes);
    cases.push(make(seed, 'max_pool2d', [[shape, normal]], attributes));
    cases.push(make(seed, 'max_pool2d', [[shape, digit]], attributes, false));
    cases.push(make(seed, 'average_pool2d', [[shape, normal]], attributes));
    for (const draw of [normal, digit])
      cases.push(
        make(
          seed,
          'max_pool2d_gradient',
          [
            [shape, draw],
            [pooled, normal],
          ],
          attributes,
          false,
        ),
      );
    const size = shape.slice(-3, -1);
    cases.push(make(seed, 'average_pool2d_gradient', [[pooled, normal]], { ...attributes, size }));
  }
  return cases;
}

function indexings(seed: number): OperatorCase[] {
  /** Ids of a table of five rows, some of them outside. */
  const id: Draw = (r, i) => Math.floor(r.uniform(i) * 8) - 1;
  const cases = [1, 5, 33].map((size) => make(seed, 'range', [], { size }));
  for (const shape of [[], [7], [3, 11], [2, 3, 4]] as const) {
    const table: readonly [Shape, Draw] = [[5, 3], normal];
    const ids: readonly [Shape, Draw] = [shape, id];
    cases.push(make(seed, 'embed', [table, ids], {}, false));
    cases.push(make(seed, 'embed_gradient', [ids, [[...shape, 3], normal]], { rows: 5 }, false));
  }
  // So many rows that a table of who goes where is too large.
  const seven: [Shape, Draw][] = [
    [[7], id],
    [[7, 3], normal],
  ];
  cases.push(make(seed, 'embed_gradient', seven, { rows: 40_000 }, false));
  return cases;
}

/** Counters up to the largest that f32 holds exactly. */
function draws(seed: number): OperatorCase[] {
  const count: Draw = (r, i) => Math.floor(r.uniform(i) * 2 ** 24);
  const drawn = (shapes: readonly Shape[]): OperatorCase[] =>
    (['noise', 'chance'] as const).map((name) =>
      make(
        seed,
        name,
        shapes.map((shape) => [shape, count] as const),
        {},
        false,
      ),
    );
  return [
    ...[1, 33, 256].map((n) => make(seed, 'rows', [], { shape: [n] })),
    ...drawn([[], [], []]),
    ...drawn([[1, 400], [9, 1], []]),
    ...drawn([
      [2, 3, 4],
      [2, 1, 1],
      [3, 4],
    ]),
  ];
}

function pages(seed: number): OperatorCase[] {
  const cases: OperatorCase[] = [];
  const many = Array.from({ length: 300 }, (_, i) => (i * 7919) % 257);
  for (const [shape, index] of [
    [[3], [2, 0]],
    [
      [4, 3],
      [1, 2, 3],
    ],
    [
      [4, 1, 5],
      [3, 3, 0, 1, 2, 0, 3],
    ],
    [
      [5, 2, 3],
      [4, 3, 2, 1, 0],
    ],
    [[257, 2], many],
  ] as const) {
    cases.push(make(seed, 'pages', [[shape, normal]], { index }));
    const back = [index.length, ...shape.slice(1)];
    cases.push(make(seed, 'pages_sum', [[back, normal]], { index, pages: shape[0] }));
  }
  for (const index of [
    [0, 0, 0, 0, 0, 0],
    [0, 0, 1, 1, 2, 2],
    [0, 1, 1, 1, 1, 3],
  ])
    cases.push(make(seed, 'pages_sum', [[[6, 2, 3], normal]], { index, pages: Math.max(...index) + 1 }));
  return cases;
}

/** Every entry at most once, in order, and one that does not exist. */
function sparse(seed: number): OperatorCase[] {
  const cases: OperatorCase[] = [];
  for (const [front, rows, columns, n] of [
    [[], 3, 4, 5],
    [[], 1, 1, 2],
    [[2], 3, 5, 4],
    [[], 40, 30, 200],
  ] as const) {
    const place: Draw = (_, i) => {
      const [which, entry] = [Math.floor(i / n) % 2, i % n];
      const at = Math.floor((entry * rows * columns) / n);
      if (entry === n - 1) return -1;
      return which === 0 ? Math.floor(at / columns) : at % columns;
    };
    const connections = [[...front, 2, n], place] as const;
    cases.push(make(seed, 'scatter_matrix', [[[...front, n], normal], connections], { matrix: [rows, columns] }));
    cases.push(make(seed, 'gather_matrix', [[[...front, rows, columns], normal], connections]));
  }
  return cases;
}
