/** Habits from other languages: one message each, with what to write instead, and none behind it. */
import { expect, test } from 'vitest';
import { checkSource } from '../../support/check-source.ts';

interface Written {
  readonly model?: string;
  readonly link?: string;
  readonly method?: string;
  readonly optimizer?: string;
  readonly setting?: string;
}

function source(written: Written): string {
  return `pcn 1

import std/links
import std/learn
import std/data

model m {
  sense x: f32[784]
  node  h: f32[16]
  node  y: f32[10]
  ${written.model ?? ''}
  link x -> h = ${written.link ?? 'links.dense()'}
  link h -> y = links.dense()
}

train il of m on data.glyphs.train {
  clamp x = sample.image / 255
  clamp y = one_hot(sample.digit, 10)
  method    = learn.il(${written.method ?? ''})
  optimizer = learn.adamw(${written.optimizer ?? ''})
  ${written.setting ?? ''}
}

predict p of m {
  clamp x = input.image / 255
  read digit = argmax(y)
}
`;
}

test.each<[string, Written, string, string]>([
  ['lr of a method', { method: 'lr = 0.1' }, 'argument/unknown', 'did you mean `rate`?'],
  ['lr of an optimizer', { optimizer: 'learning_rate = 0.1' }, 'argument/unknown', 'did you mean `rate`?'],
  ['weight_decay', { optimizer: 'weight_decay = 0.1' }, 'argument/unknown', 'did you mean `decay`?'],
  ['an activation', { link: 'links.dense(activation = tanh)' }, 'argument/unknown', 'did you mean `after`?'],
  ['batch_size', { setting: 'batch_size = 64' }, 'setting/unknown', 'did you mean `batch`?'],
  ['lr of a task', { setting: 'lr = 0.1' }, 'setting/unknown', '`optimizer = learn.adam(rate = …)`'],
  [
    'weight_decay of a task',
    { setting: 'weight_decay = 0.1' },
    'setting/unknown',
    '`optimizer = learn.adamw(decay = …)`',
  ],
  ['a function in quotes', { link: 'links.dense(after = "relu")' }, 'argument/type', '`relu`, without quotes'],
  ['an initialiser in quotes', { link: 'links.dense(init = "xavier")' }, 'argument/type', '`xavier`, without quotes'],
  ['y <- h', { model: 'y <- h' }, 'syntax/unknown-word', '`link … -> y = links.dense()`'],
  ['h -> y', { model: 'h -> y' }, 'syntax/unknown-word', '`link h -> … = links.dense()`'],
  ['link y <- h', { model: 'link y <- h = links.dense()' }, 'syntax/expected', '`link … -> y = links.dense()`'],
  [
    'a loop',
    { model: 'for i in range(3) {\n    link x -> h = links.dense()\n    link h -> y = links.dense()\n  }' },
    'syntax/unknown-word',
    '`node h[3]: f32[16]`',
  ],
  ['attention on a vector', { link: 'links.attention()' }, 'link/shape', '`f32[1, 784]`'],
])('the repair of %s says what to write', (_, written, code, repair) => {
  const { diagnostics } = checkSource(source(written));
  expect(diagnostics.map((d) => d.code)).toEqual([code]);
  expect(diagnostics[0]?.repair).toContain(repair);
});

test('a model that is missing leaves no import unused', () => {
  const { diagnostics } = checkSource(source({}).replace('model m', 'model other'));
  expect(new Set(diagnostics.map((d) => d.code))).toEqual(new Set(['name/unknown']));
});
