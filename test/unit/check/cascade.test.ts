/**
 * A mistake in one block of a file is told there, and nowhere else: what other blocks say of it is not to be trusted.
 * Every block of every example is damaged in seeded ways.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findPackageRoot } from '../../../compiler/host.ts';
import { stream } from '../../../spec/random.ts';
import { checkSource } from '../../support/check-source.ts';

const folder = join(findPackageRoot(), 'dsl-examples');
const DAMAGES = Number(process.env.DAMAGES ?? 6);
const STRAY = ['qqq', '=', ')', '(', '"x"', '3', '->', '1e9', '[', 'node', 'clamp', '0.5', 'tanh'];

interface Block {
  readonly start: number;
  /** Just behind its `{`, and its `}`. */
  readonly inside: number;
  readonly end: number;
}

/** Declarations with a body, which begin a line. */
function blocksOf(text: string): Block[] {
  return [
    ...text.matchAll(/^(?:model|cluster|train|predict|schedule|link|node|function|optimizer|rate) [^{}]*\{/gm),
  ].map((match) => {
    const inside = match.index + match[0].length;
    return { start: match.index, inside, end: text.indexOf('\n}', inside) + 1 };
  });
}

/** Removes, replaces or inserts a word or sign within a block. */
function damaged(text: string, block: Block, seed: number): string {
  const rng = stream(seed, 'cascade');
  const body = text.slice(block.inside, block.end);
  const tokens = [...body.matchAll(/[A-Za-z_]\w*|\d+(?:\.\d+)?|"[^"]*"|->|\S/g)].filter(
    (m) => !/\/\/[^\n]*$/.test(body.slice(0, m.index)) && !m[0].startsWith('/'),
  );
  const at = tokens[Math.floor(rng.uniform(0) * tokens.length)];
  const word = STRAY[Math.floor(rng.uniform(1) * STRAY.length)] ?? '';
  if (!at) return text;
  const from = block.inside + at.index;
  const how = Math.floor(rng.uniform(2) * 4);
  const changed = [word, '', `${at[0]} ${word}`, `${at[0]}x`][how] ?? '';
  return `${text.slice(0, from)}${changed}${text.slice(from + at[0].length)}`;
}

const examples = readdirSync(folder).filter((name) => name.endsWith('.pcn'));

/** Without a check nothing but the train block says what the samples of a prediction hold. */
const withoutChecks = (text: string): string => text.replace(/^check .*\n/gm, '');

test.each(examples)('a mistake in one block of %s is reported in that block alone', (name) => {
  const text = readFileSync(join(folder, name), 'utf8');
  expect([...told(text), ...told(withoutChecks(text))]).toEqual([]);
});

/** Damages that are told outside of their block. */
function told(text: string): string[] {
  const wrong: string[] = [];
  for (const [index, block] of blocksOf(text).entries())
    for (let i = 0; i < DAMAGES; i++) {
      const broken = damaged(text, block, 1000 * index + i);
      const { diagnostics } = checkSource(broken, {});
      const end = block.end + broken.length - text.length;
      const errors = diagnostics.filter((d) => d.severity === 'error');
      const within = (start: number): boolean => start >= block.start && start <= end;
      const outside = errors.filter((d) => !within(d.span.start) || d.span.file !== 'main.pcn');
      if (outside.length === errors.length || outside.length === 0) continue;
      wrong.push(
        `block ${index}, damage ${i}: ${errors.map((d) => `${d.code} ${broken.slice(0, d.span.start).split('\n').length}: ${d.reason}`).join(' | ')}`,
      );
    }
  return wrong;
}
