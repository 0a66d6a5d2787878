/** Any damage to a right text gives diagnostics, never an exception, and never a silent loss. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { findPackageRoot } from '../../../compiler/host.ts';
import { checkSource } from '../../support/check-source.ts';

const TEXT = `pcn 1
import std/nodes
import std/links
import std/topology
import std/learn
import std/data
function swish(x, beta: float = 1 where beta > 0) { value x * sigmoid(beta * x) }
cluster column(n: int = 4) {
  node low[2]: f32[n, 2] = nodes.gaussian(act = tanh)
  node high: f32[n * 2] = nodes.gaussian(precision = learned, start = normal(0.1))
  link high -> low[*] = links.dense(after = swish(beta = 2))
  link high -> high = links.one_to_one(delay = 1)
  expose low, high
}
model m {
  param w: int = 8 where w % 2 == 0
  sense eye[2]: f32[784] at 30Hz
  node out: f32[10] = nodes.cross_entropy()
  cluster v[4] = column(w)
  link v[*].high -> eye[*] = links.sparse(density = 0.5)
  link v[*].high -> v[*].low[0] = links.dense(init = zeros) along topology.small_world(degree = 2, rewire = 0.5)
  link [v[0].high, v[1].high] -> out = links.sparse(bias = false) along topology.fixed_indegree(3)
}
train t of m on data.mnist.train[0..999] {
  clamp eye[*] = standardize(sample.image) when sample.digit < 5
  clamp out = one_hot(3, 10)
  method = learn.nudged(steps = 4, rate = 0.1, sign = centred)
  optimizer = learn.adamw(rate = learn.warmup_cosine(0.001), decay = 0.1)
  batch = 64
  validate on data.mnist.train[1000..1999]
}
predict p of m {
  clamp eye[*] = standardize(input.image)
  read digit = argmax(out)
  read first = slice(flatten(v[0].high), 0, 0, 2)
  settle = learn.settle(steps = 5)
}
check accuracy(p.digit, data.mnist.test.digit) >= 0.5
schedule s of m { keep_together = [v[0], eye] memory = 2GiB uplink = 5Mbit/s }
`;
const TOKENS = TEXT.match(/\s+|[A-Za-z_]\w*|\d+(?:\.\d+)?(?:[A-Za-z]\w*)?|"[^"]*"|->|\.\.|[<>=!]=|\S/g) ?? [];
const WORDS = [...new Set(TOKENS.filter((token) => token.trim() !== ''))];

const damage = fc.array(
  fc.record({
    at: fc.nat({ max: TOKENS.length - 1 }),
    how: fc.constantFrom('remove', 'replace', 'insert', 'swap'),
    word: fc.constantFrom(...WORDS, '0', '-1', '1e30', '0.5', '"x"', '[]', 'true', 'f32', '99999999'),
  }),
  { minLength: 1, maxLength: 3 },
);

function apply(changes: readonly { at: number; how: string; word: string }[]): string {
  const tokens = [...TOKENS];
  for (const { at, how, word } of changes) {
    if (how === 'remove') tokens[at] = '';
    else if (how === 'replace') tokens[at] = word;
    else if (how === 'insert') tokens[at] = `${tokens[at] ?? ''} ${word} `;
    else [tokens[at], tokens[at + 2]] = [tokens[at + 2] ?? '', tokens[at] ?? ''];
  }
  return tokens.join('');
}

test('the undamaged text has no diagnostics', () => {
  expect(checkSource(TEXT).diagnostics.filter((d) => d.severity === 'error')).toEqual([]);
});

test('damaged texts give diagnostics with places inside their files', { timeout: 600_000 }, () => {
  fc.assert(
    fc.property(damage, (changes) => {
      const { value, diagnostics, texts } = checkSource(apply(changes));
      for (const { span, reason } of diagnostics) {
        expect(span.start).toBeGreaterThanOrEqual(0);
        expect(span.end).toBeLessThanOrEqual((texts.get(span.file)?.length ?? -2) + 1); // one beyond: something is missing at the end
        expect(reason).not.toMatch(/undefined|\[object|NaN/);
      }
      if (value === undefined) expect(diagnostics.some((d) => d.severity === 'error')).toBe(true);
    }),
    { numRuns: Number(process.env.DAMAGE_RUNS ?? 200), seed: Number(process.env.DAMAGE_SEED ?? 1) },
  );
});

test('damaged files of the standard library give such diagnostics, too', () => {
  const folder = join(findPackageRoot(), 'stdlib');
  for (const file of readdirSync(folder)) {
    const text = readFileSync(join(folder, file), 'utf8');
    for (let at = 7; at < text.length; at += Math.ceil(text.length / 12)) {
      const cut = `${text.slice(0, at)}${text.slice(at + 9)}`;
      expect(() => checkSource(TEXT, {}, { [`std:${file}`]: cut })).not.toThrow();
    }
  }
});
