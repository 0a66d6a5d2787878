/** Clusters, arrays, ends of links, and what names come out of them. */
import { describe, expect, test } from 'vitest';
import { checked, codesOf, modelOf } from '../../support/check-source.ts';

const names = (body: string, before = ''): string[] => modelOf(body, {}, before).links.map((l) => l.name);

describe('links between', () => {
  test('nodes make a chain, and may join the same two nodes twice', () => {
    const nodes = 'node a: f32[2]\nnode b: f32[2]\nnode c: f32[2]\n';
    expect(names(`${nodes}link a -> b -> c = links.dense()`)).toEqual(['a->b', 'b->c']);
    expect(
      names(`${nodes}link a -> b = links.dense()\nlink a -> b = links.identity()\nlink a -> b = links.dense()`),
    ).toEqual(['a->b', 'a->b#2', 'a->b#3']);
  });

  test('arrays and single nodes join them pair by pair', () => {
    const nodes = 'node a[3]: f32[2]\nnode b[2]: f32[2]\nnode c: f32[2]\n';
    expect(names(`${nodes}link a[*] -> c = links.dense()`)).toEqual(['a[0]->c', 'a[1]->c', 'a[2]->c']);
    expect(names(`${nodes}link c -> a[1..2] = links.dense()`)).toEqual(['c->a[1]', 'c->a[2]']);
    expect(names(`${nodes}link a[0..1] -> b[*] = links.dense()`)).toEqual([
      'a[0]->b[0]',
      'a[1]->b[0]',
      'a[0]->b[1]',
      'a[1]->b[1]',
    ]);
    expect(names(`${nodes}link [a[2], c] -> b[0] = links.dense()`)).toEqual(['a[2]->b[0]', 'c->b[0]']);
  });

  test('an array and itself join no element with itself, unlike a node and itself', () => {
    expect(names('node a[2]: f32[2]\nlink a[*] -> a[*] = links.dense()')).toEqual(['a[1]->a[0]', 'a[0]->a[1]']);
    expect(names('node a: f32[2]\nlink a -> a = links.dense(delay = 1)')).toEqual(['a->a']);
  });

  test('arrays along topology.one_to_one join the first with the first', () => {
    expect(
      names('node a[2]: f32[2]\nnode b[2]: f32[2]\nlink a[*] -> b[*] = links.dense() along topology.one_to_one()'),
    ).toEqual(['a[0]->b[0]', 'a[1]->b[1]']);
  });
});

describe('a cluster', () => {
  const column = `cluster column(n: int = 3) {
    node low[2]: f32[n]
    node high: f32[n]
    link high -> low[*] = links.dense()
    expose low, high
  }
  cluster area() {
    cluster inner[2] = column(4)
    node top: f32[1]
    link top -> inner[*].high = links.dense()
    expose inner, top
  }`;

  test('may lie inside arrays, and names reach inside it', () => {
    const model = modelOf(
      'cluster v[2] = area()\nnode x: f32[5]\nlink v[*].inner[0].low[1] -> x = links.dense()',
      {},
      column,
    );
    expect(model.nodes.map((n) => n.name).slice(0, 7)).toEqual([
      'v[0].inner[0].low[0]',
      'v[0].inner[0].low[1]',
      'v[0].inner[0].high',
      'v[0].inner[1].low[0]',
      'v[0].inner[1].low[1]',
      'v[0].inner[1].high',
      'v[0].top',
    ]);
    expect(model.links.map((l) => l.name).filter((name) => name.endsWith('->x'))).toEqual([
      'v[0].inner[0].low[1]->x',
      'v[1].inner[0].low[1]->x',
    ]);
  });

  test('shares its expressions with equal clusters', () => {
    const model = modelOf('cluster v[3] = column()', {}, column);
    const bodies = new Set(model.links.map((l) => l.body));
    expect(model.links).toHaveLength(6);
    expect(bodies.size).toBe(1);
  });

  test('has its names looked up even where it is not used', () => {
    expect(
      codesOf(
        'pcn 1\nimport std/links\ncluster c() {\n node a: f32[n]\n link a -> b = links.dens(q = 1)\n expose d\n}',
      ),
    ).toEqual(['name/unknown', 'name/unknown', 'name/unknown', 'name/unknown']);
  });
});

describe('numbers', () => {
  const shape = (size: string, param = 'param n: int = 6'): readonly number[] | undefined =>
    modelOf(`${param}\nnode a: f32[${size}]`).nodes[0]?.shape;

  test.each([
    ['n / 2', [3]],
    ['2 ^ 3 ^ 0 * n', [12]],
    ['n % 4', [2]],
    ['floor(n / 4)', [1]],
    ['max(n, 10), ceil(0.2)', [10, 1]],
    ['select(n > 3 and not (n == 7), 5, 9)', [5]],
    ['[n, 2] + [3]', [6, 2, 3]],
    ['[n, 2, 4][1]', [2]],
    ['size([1, 2, 3])', [3]],
    ['round(sqrt(n))', [2]],
    ['(20ms + 5ms) / 5ms', [5]],
    ['2KiB / 1kB * 125', [256]],
  ])('are evaluated in f32[%s]', (size, expected) => {
    expect(shape(size)).toEqual(expected);
  });

  test('of a parameter may depend on the parameters before it', () => {
    expect(shape('m', 'param n: int = 3\nparam m: int = n * 2 where m > n')).toEqual([6]);
  });
});

describe('a definition in the file', () => {
  test('gives a link, a function or a node of the user’s own', () => {
    const { models } = checked(`pcn 1
function swish(x, beta: float = 1) {
  let s = sigmoid(beta * x)
  value x * s
}
link gated(rank: int where rank >= 1, after: function = identity) {
  weight u: f32[rank, size(source)] = kaiming
  weight v: f32[size(target), rank] = xavier
  let inner = swish(matmul(u, flatten(source)), beta = 2)
  predict after(matmul(v, inner))
}
node laplace(act: function = identity) {
  energy abs(z - mu)
}
model m {
  node a: f32[4] = laplace(act = swish)
  node b: f32[6] = laplace(act = swish(beta = 3))
  link a -> b = gated(rank = 2, after = swish(beta = 0.5))
}`);
    const [model] = models;
    expect(model?.links[0]?.weights).toEqual([
      { name: 'u', shape: [2, 4], init: { kind: 'normal', std: Math.SQRT2 / 2 } },
      { name: 'v', shape: [6, 2], init: { kind: 'uniform', bound: Math.sqrt(6 / 10) } },
    ]);
    expect(model?.links[0]?.body.shape).toEqual([6]);
    expect(model?.nodes.map((n) => [n.energyKind, n.clampedOnly])).toEqual([
      ['laplace', false],
      ['laplace', false],
    ]);
    expect(model?.nodes[0]?.activation).not.toEqual(model?.nodes[1]?.activation);
  });
});
