/** One word for one thing, as the glossary of CONTRIBUTING.md has it, and no phrase that readers stumbled over. */
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

/** Phrases that no reader should have to take apart, in sources and pages alike. */
const RIDDLES: readonly OldWord[] = [
  {
    old: /(?<!')\b(nobody|whoever)\b(?!')/i,
    use: 'the subject itself: the user, the caller, the trainer, a client',
    finds: 'Told to whoever waits for it.',
    spares: "const owner = trainer ?? 'nobody';",
  },
  {
    old: /(?<!\b[Tt]here )\b(is|are|was|were) no (?!(longer|more|less|such|way|room|reason|place|larger|smaller|better|different|other|need|use)\b)[a-z`]/,
    use: 'is not a …',
    finds: 'ABC is no key',
    spares: 'there is no key, and it is no longer used',
  },
  {
    old: /\bbelongs? into\b/,
    use: 'belongs in',
    finds: 'the word belongs into another block',
    spares: 'the word belongs in another block',
  },
  {
    old: /(?<!\.)\bunasked(?! =)/,
    use: 'by default, without being asked',
    finds: 'it is never taken unasked.',
    spares: 'const unasked = -2;',
  },
  {
    old: /\b(cannot|can|may) be \w+ so\b(?! that|,)/,
    use: 'this way',
    finds: 'the model cannot be cut so',
    spares: 'it can be cut so that shards are even',
  },
  {
    old: /\b(block|task|pass|model|command|test) called \$\{/,
    use: 'named',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is what stands in a source
    finds: 'no train block called ${name}',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is what stands in a source
    spares: 'no train block named ${name}',
  },
  {
    old: /\bwhat asks for\b|\bis refused unseen\b|\bball of wool\b/i,
    use: 'the subject first',
    finds: 'what asks for one of them is refused',
    spares: 'a message that asks for one of them is refused',
  },
];

describe('sentences', () => {
  const texts = trackedFiles().filter(
    (file) =>
      /^(compiler|runtime|spec|docs|stdlib|dsl-examples)\/.*\.(ts|md|pcn)$|^(README|CONTRIBUTING)\.md$/.test(file) &&
      // WGSL functions are part of the kernels, whose bytes stay.
      file !== 'compiler/7-kernels/wgsl/functions.ts',
  );

  test.each(RIDDLES)('avoid the riddle, and use $use', ({ old, finds, spares }) => {
    const found = texts.flatMap((file) =>
      readText(file)
        .split('\n')
        .flatMap((line, i) => (old.test(line) ? [`${file}:${i + 1}: ${line.trim()}`] : [])),
    );
    expect(found).toEqual([]);
    expect([old.test(finds), old.test(spares)]).toEqual([true, false]);
  });
});

describe('names of tests', () => {
  const NAME = /\b(?:describe|it|test)(?:\.\w+)*(?:<.*?>)?\((?:\s*|.*\)\(\s*)(['"`])((?:(?!\1)[^\\]|\\.)+)\1/g;
  const TABLE = /^\s*\](?: as const)?\)\(\s*(['"`])((?:(?!\1)[^\\]|\\.)+)\1/gm;
  const names = trackedFiles()
    .filter((file) => /^test\/.*\.test\.ts$/.test(file) && file !== 'test/words.test.ts')
    .flatMap((file) =>
      [NAME, TABLE].flatMap((names) =>
        [...readText(file).matchAll(names)].map(([, , name = '']) => `${file}: ${name}`),
      ),
    );

  test('are found in every file of tests', () => {
    expect(names.length).toBeGreaterThan(1700);
  });

  test.each(RIDDLES)('say it plainly: $use', ({ old }) => {
    expect(names.filter((name) => old.test(name))).toEqual([]);
  });

  test('begin with a subject or a verb, not with a question word', () => {
    const questions = /^\S+: (what|who|whom|whatever|whoever|whichever)\b/i;
    expect(names.filter((name) => questions.test(name))).toEqual([]);
    expect(questions.test('a.test.ts: what is lost is named')).toBe(true);
  });
});

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

  test('the terms of the glossary are in alphabetical order, each once', () => {
    const [, glossary = ''] = readText('CONTRIBUTING.md').split('\n## Words\n');
    const terms = [...glossary.matchAll(/^\| \*\*([^*]+)\*\* \|/gm)].map(([, term = '']) => term);
    expect(terms.length).toBeGreaterThan(30);
    expect(terms).toEqual([...new Set(terms)].sort((a, b) => a.localeCompare(b, 'en')));
    for (const term of ['term', 'epoch', 'batch', 'call', 'shard', 'tile', 'frame', 'blob', 'resident', 'commitment'])
      expect(terms).toContain(term);
  });
});
