/** One word for one thing, as the glossary of CONTRIBUTING.md has it: words that stood for the same before are not used again. */
import { describe, expect, test } from 'vitest';
import { readText, trackedFiles } from './support/repository.ts';

interface OldWord {
  readonly old: RegExp;
  readonly use: string;
  /** A line that has the old word, and one that must not be taken for it. */
  readonly finds: string;
  readonly spares: string;
}

const OLD_WORDS: readonly OldWord[] = [
  {
    old: /\b(ownership|owner) epoch\b|\bownerEpoch\b/i,
    use: 'term',
    finds: 'readonly ownerEpoch: number;',
    spares: 'readonly epoch: number;',
  },
  {
    old: /\bdice\b|\brandom: (Rng|\(\) => number)|(?<!Math\.)\brandom\(\)/,
    use: 'rng',
    finds: 'function cut(random: Rng)',
    spares: 'const x = Math.random();',
  },
  {
    old: /\b(MOST|LEAST|GREATEST|BIGGEST|FEWEST)_[A-Z]/,
    use: 'MAX_… and MIN_…',
    finds: 'const MOST_BYTES = 5;',
    spares: 'const MAX_BYTES = 5;',
  },
  {
    old: /^\s*(private|public) (?!constructor\b)\w/,
    use: '#name',
    finds: '  private readonly names: Names;',
    spares: '// private to this file',
  },
  {
    old: /\bwish(es)?\b|\bWish(es)?\b/,
    use: 'constraints',
    finds: 'readonly wishes: Wishes;',
    spares: 'readonly constraints: Constraints;',
  },
  {
    old: /\bKept(Samples|Weights|Kernels)\b|\bkeep(Samples|\?\.\()|\bKEPT_KERNELS\b/,
    use: 'resident, where a device holds it between runs',
    finds: 'const kept = await session.keep?.(name, n);',
    spares: 'what is kept of a run',
  },
  {
    old: /['"]again['"]|\bkind: 'again'/,
    use: 'nack',
    finds: "if (kind === 'again') return;",
    spares: '// again and again',
  },
  {
    old: /\b(BorderFrame|SavedState|ShardPlan)\b/,
    use: 'Frame, SavedStates, ShardSource',
    finds: 'send(frame: BorderFrame)',
    spares: 'openShardPlan(device)',
  },
  {
    old: /\b(callNumber|nthCall|callNr)\b|\bsequence: call\b/,
    use: 'callIndex',
    finds: 'session.start({ sequence: call })',
    spares: 'callIndex: number',
  },
];

describe('words', () => {
  const sources = trackedFiles().filter((file) => /^(compiler|runtime|spec)\/.*\.ts$/.test(file));

  test.each(OLD_WORDS)('$use is the only word for it', ({ old, finds, spares }) => {
    const found = sources.flatMap((file) =>
      readText(file)
        .split('\n')
        .flatMap((line, i) => (old.test(line) ? [`${file}:${i + 1}: ${line.trim()}`] : [])),
    );
    expect(found).toEqual([]);
    expect([old.test(finds), old.test(spares)]).toEqual([true, false]);
  });

  test('of the glossary stand in the order of the alphabet, each once', () => {
    const [, glossary = ''] = readText('CONTRIBUTING.md').split('\n## Words\n');
    const terms = [...glossary.matchAll(/^\| \*\*([^*]+)\*\* \|/gm)].map(([, term = '']) => term);
    expect(terms.length).toBeGreaterThan(30);
    expect(terms).toEqual([...new Set(terms)].sort((a, b) => a.localeCompare(b, 'en')));
    for (const term of ['term', 'epoch', 'batch', 'call', 'shard', 'tile', 'frame', 'blob', 'resident', 'commitment'])
      expect(terms).toContain(term);
  });
});
