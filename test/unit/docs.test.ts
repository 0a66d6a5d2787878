/** The pages for readers: their links lead somewhere, their commands exist, their models are valid. */
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { codesOf } from '../support/check-source.ts';
import { nmcInProcess } from '../support/nmc-in-process.ts';
import { removeFolder } from '../support/remove-folder.ts';
import { ROOT, readText, trackedFiles } from '../support/repository.ts';

const PAGES = ['README.md', ...trackedFiles().filter((file) => /^docs\/.*\.md$/.test(file))];

interface Block {
  readonly page: string;
  readonly language: string;
  readonly text: string;
}

const blocks: readonly Block[] = PAGES.flatMap((page) =>
  [...readText(page).matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, language = '', text = '']) => ({
    page,
    language,
    text,
  })),
);

describe('the README', () => {
  it('has at most 150 lines and 1,200 words', () => {
    const text = readText('README.md');
    expect(text.split('\n').length).toBeLessThanOrEqual(151);
    expect(text.split(/\s+/).length).toBeLessThanOrEqual(1200);
  });
});

describe("the README's picture", () => {
  it('is what nmc draws of the plan that the pages compile', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'nmc-docs-'));
    try {
      const plan = join(folder, 'digits.plan');
      const picture = join(folder, 'cut.svg');
      await nmcInProcess('compile', join(ROOT, 'dsl-examples/digits.pcn'), '--partition', '2', '-o', plan);
      await nmcInProcess('show', plan, '--svg', picture);
      expect(readFileSync(picture, 'utf8')).toBe(readText('docs/cut.svg'));
    } finally {
      removeFolder(folder);
    }
  });
});

describe('every page', () => {
  it.each(PAGES)('%s has links that lead somewhere', (page) => {
    const broken = [...readText(page).matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, target = '']) => target)
      .filter((target) => !/^https?:/.test(target) && !leadsSomewhere(page, target));
    expect(broken).toEqual([]);
  });

  it('has models that are valid', () => {
    const models = blocks.filter(({ language }) => language === 'pcn');
    expect(models.length).toBeGreaterThanOrEqual(2);
    for (const { page, text } of models) expect(codesOf(text), `${page}:\n${text}`).toEqual([]);
  });

  it('has commands that exist, with options that exist', async () => {
    const commands = commandsOf(blocks);
    expect(commands.length).toBeGreaterThan(15);
    const helps = new Map<string, string>();
    for (const { page, name, flags } of commands) {
      const help = helps.get(name) ?? (await helpOf(name));
      helps.set(name, help);
      expect(help, `${page}: nmc ${name}`).toContain(`nmc ${name}`);
      for (const flag of flags) expect(help, `${page}: nmc ${name} ${flag}`).toMatch(new RegExp(`${flag}\\b`));
    }
  });

  it('has no command in a block that asks a registry for a name or has a placeholder', () => {
    const lines = blocks.filter(({ language }) => language === 'sh').flatMap(({ text }) => text.trimEnd().split('\n'));
    expect(lines.filter((line) => /\bnmc\b/.test(line) && !/(^|&& )npx --no nmc /.test(line))).toEqual([]);
    const words = lines.flatMap((line) => line.split('#')[0]?.match(/(?<= )[A-Z]{2,}\b/g) ?? []);
    expect(words.filter((word) => word !== 'ADDRESS')).toEqual([]);
  });

  it('is linked from the README, in at most one step', () => {
    for (const page of PAGES.slice(1)) expect(readText('README.md'), page).toContain(`(${page})`);
  });
});

describe('the page of commands', () => {
  it('lists every command', async () => {
    const stdout = await helpOf();
    const names = [...stdout.matchAll(/^ {2}nmc (\w+)/gm)].map(([, name = '']) => name);
    expect(names.length).toBeGreaterThan(20);
    const page = readText('docs/commands.md');
    expect([...new Set(names)].filter((name) => !page.includes(`\`nmc ${name}`))).toEqual([]);
  });
});

/** A file of the repository, and where one is named, a heading in it. */
function leadsSomewhere(page: string, target: string): boolean {
  const [path = '', heading] = target.split('#');
  const file = path === '' ? page : join(dirname(page), path);
  if (!existsSync(join(ROOT, file))) return false;
  const anchors = (): string[] =>
    [...readText(file).matchAll(/^#+ (.*)$/gm)].map(([, text = '']) => text.toLowerCase().replaceAll(' ', '-'));
  return heading === undefined || anchors().includes(heading);
}

function commandsOf(all: readonly Block[]): { page: string; name: string; flags: string[] }[] {
  return all.flatMap(({ page, language, text }) =>
    language === 'sh'
      ? [...text.matchAll(/^(?:.*&& )?npx --no nmc (\w+)([^#&\n]*)/gm)].map(([, name = '', rest = '']) => ({
          page,
          name,
          flags: rest.match(/--[a-z-]+/g) ?? [],
        }))
      : [],
  );
}

async function helpOf(...command: string[]): Promise<string> {
  return (await nmcInProcess(...command, '--help')).stdout;
}
