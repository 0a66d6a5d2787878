/** Several mistakes in one file: one message each, at its place, and what is sound is still understood. */
import { describe, expect, test } from 'vitest';
import { parse } from '../../../compiler/1-syntax/parse.ts';
import { LineTable } from '../../../compiler/diagnostics/lines.ts';

function mistakes(text: string): string[] {
  const { diagnostics } = parse(text, 'x.pcn');
  const table = new LineTable(text);
  return diagnostics.map((one) => {
    const { line, column } = table.position(one.span.start);
    return `${line}:${column} ${one.code.replace('syntax/', '')}`;
  });
}

/** Name, text, what must be reported and nothing else. */
const CASES: readonly [string, string, readonly string[]][] = [
  [
    'a mistake in every statement of a model',
    `pcn 1
model m {
  sense pixels f32[784]
  node h1: f32(128) = nodes.gaussian()
  nod label: f32[10]
  link pixels -> h1 = links.dense(after = gelu
  link h1 -> label links.dense()
  expose a b
  node last: f32[1]
}
`,
    ['3:16 expected', '4:15 unexpected', '5:3 unknown-word', '6:34 unclosed', '7:20 expected', '8:12 unexpected'],
  ],
  [
    'a task',
    `pcn 1
train il of m on data.mnist.train {
  clamp pixels = sample.image /
  batch = 128;
  epochs 25
  clamp label == 3
  memory = 2 GiB
  uplink = 5Mbits/s
  validate data.mnist.test
  method = learn.il(steps = 8 rate = 2)
}
`,
    [
      '3:32 expected',
      '4:14 foreign',
      '5:3 unknown-word',
      '6:15 expected',
      '7:14 spaced-unit',
      '8:13 unknown-unit',
      '9:3 expected',
      '10:31 expected',
    ],
  ],
  [
    'an unclosed model before other declarations',
    `pcn 1
model m {
  param h: int = 128 where h = 3
  link a -> = links.dense()
  link b = links.dense()
  link a -> b

train il of m {
  batch = 3
}
check accuracy(a, b) = 0.98
`,
    ['2:9 unclosed', '3:30 assignment', '4:13 expected', '5:10 expected', '6:14 expected', '11:22 assignment'],
  ],
  [
    'brackets of all kinds',
    `pcn 1
model m {
  node a: f32[3] = f(a]
  node b: f32[3)
  node c: f32[3] = f(a))
  node d: f32[3
  node e: f32[3] = [1, 2
  node f: f32[3]
}
}
check f(a
check g(b)
`,
    [
      '3:23 unexpected',
      '4:16 unexpected',
      '5:24 unexpected',
      '6:14 unclosed',
      '7:20 unclosed',
      '10:1 unexpected',
      '11:8 unclosed',
    ],
  ],
  [
    'a header, imports and heads',
    `model m {
}
import std/nodes
traim il of m {
  batch = 3
}
train of m {
}
model {
}
predict p m {
}
import
`,
    [
      '1:1 version',
      '3:1 import-order',
      '4:1 unknown-word',
      '7:10 expected',
      '9:6 expected',
      '11:11 expected',
      '13:7 expected',
    ],
  ],
  [
    'characters and literals',
    `pcn 2
model m {
  node a: f32[1e999]
  # comment
  node b: f32[3] && 2
  node \u00e4: f32[.5]
  node c: f32[3] = "abc
  node d: f32[3] @ 30Hz
  node e: f32[3] = 'x'
  node f: f32[0x10] = 1_000 + 5. + 3e
}
`,
    [
      '1:5 version',
      '3:15 number',
      '4:3 foreign',
      '5:18 foreign',
      '6:8 unexpected-character',
      '6:15 number',
      '7:20 unclosed',
      '8:18 unexpected-character',
      '9:20 string',
      '10:15 number',
      '10:23 number',
      '10:31 number',
      '10:36 number',
    ],
  ],
  [
    'definitions',
    `pcn 1
link d(a: int = 3 {
  weight w f32[3] = init
  let = 3
  predict
  value a < b < c
  wieght v: f32[1] = zeros
}
node g(act function) {
  energy square(z - mu) when precision = learned
}
optimizer adam(rate: ) {
  next m
}
`,
    [
      '2:7 unclosed',
      '3:12 expected',
      '4:7 expected',
      '5:10 expected',
      '6:15 chained-comparison',
      '7:3 unknown-word',
      '9:12 expected',
      '10:40 assignment',
      '12:22 expected',
      '13:9 expected',
    ],
  ],
  [
    'a body without its brace',
    `pcn 1
train il of m on d
  batch = 3
  epochs = 4
}
model n
  node a: f32[3]
  node b f32[3]
}
`,
    ['2:19 expected', '6:8 expected', '8:10 expected'],
  ],
  [
    'statements in the wrong block',
    `pcn 1
model m {
  clamp a = 2
  hidden = 3
  layer x: f32[3]
  weight w: f32[3] = zeros
}
predict p of m {
  node a: f32[3]
  read x = a
  link a -> b = c
}
`,
    [
      '3:3 unknown-word',
      '4:3 unknown-word',
      '5:3 unknown-word',
      '6:3 unknown-word',
      '9:3 unknown-word',
      '11:3 unknown-word',
    ],
  ],
  [
    'several statements on a line',
    'pcn 1 model m { node a f32[3] } train t of m { batch 3 }',
    ['1:24 expected', '1:48 unknown-word'],
  ],
  [
    'blocks inside blocks, words outside of them',
    `pcn 1
hello world
model m {
  node a: f32[3] { x = 2 }
  node b f32[2]
}
{ node c: f32[3] }
check
`,
    ['2:1 unknown-word', '4:18 unexpected', '5:10 expected', '7:1 unexpected', '8:6 expected'],
  ],
  [
    'every operator of another language',
    `pcn 1
model m {
  param a: int = 2 ** 3 where a <> 3 || !(a > 2)
  link a => b = f(x) /* why */
  link a \u2192 b = f(x);
  node c f32[1]
}
`,
    [
      '3:20 foreign',
      '3:33 foreign',
      '3:38 foreign',
      '3:41 foreign',
      '4:10 foreign',
      '4:22 foreign',
      '5:10 foreign',
      '5:20 foreign',
      '6:10 expected',
    ],
  ],
  [
    'missing ends of lines continue on the next',
    `pcn 1
model m {
  node a: f32[3] =
  node b: f32[3] = x +
  link a ->
  link a -> b = links.dense() along
  cluster c =
  param p: int = 3 where
}
`,
    ['3:19 expected', '4:23 expected', '5:12 expected', '6:36 expected', '7:14 expected', '8:25 expected'],
  ],
];

describe('each mistake gives one message', () => {
  test.each(CASES)('%s', (_, text, expected) => expect(mistakes(text)).toEqual(expected));
});

test('every message has a reason, and nearly every one a repair', () => {
  const found = CASES.flatMap(([, text]) => parse(text, 'x.pcn').diagnostics);
  expect(found.filter((one) => one.reason === '' || /token|EOF|undefined|NaN/.test(one.reason))).toEqual([]);
  expect(found.filter((one) => one.repair === undefined).map((one) => one.reason)).toEqual([
    'the largest number is about 1.8e+308',
  ]);
  expect(found.every((one) => one.span.start >= 0 && one.span.end >= one.span.start)).toBe(true);
});

test('declarations beside a mistake are read', () => {
  const { value } = parse('pcn 1\nimport a\nmodel m {\n  node a f32\n  node b: f32\n}\ncheck b > 1\n', 'x.pcn');
  expect(value?.version).toBe(1);
  expect(value?.imports.map((one) => one.path)).toEqual(['a']);
  expect(value?.declarations.map((one) => one.kind)).toEqual(['model', 'check']);
  const [model] = value?.declarations ?? [];
  expect(model?.kind === 'model' && model.body.map((one) => ('name' in one ? one.name.text : ''))).toEqual(['b']);
});

test('a misspelt word is read as the word that was meant', () => {
  const { value } = parse('pcn 1\nmodle m {\n  nod b: f32\n}\n', 'x.pcn');
  const [model] = value?.declarations ?? [];
  expect(model?.kind === 'model' && model.body.length).toBe(1);
});
