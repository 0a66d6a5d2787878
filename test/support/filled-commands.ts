/** Commands that texts and pages print with placeholders, and real values in place of these. */
import { readText, trackedFiles } from './repository.ts';

/** What stands for a value: `FILE`, `NAME.json`, `records/RUN/0-1-0.rec`, and paths of examples. */
const PLACEHOLDER = /^(\S*\b[A-Z][A-Z]+\b\S*|[A-Z]|runs\/\w+|my\.png|\S+\.csv|events\.jsonl)$/;

/** In templates of the sources, and on the pages of errors, of diagnostics and for readers. */
export function printedCommands(): string[] {
  const files = trackedFiles();
  const found = (pattern: RegExp, of: RegExp): string[] =>
    files
      .filter((file) => of.test(file))
      .flatMap((file) => [...readText(file).matchAll(pattern)].map(([, w = '']) => w));
  const words = [
    ...found(/(?<=[^.\w`]nmc)`([^`\n]+)`/g, /^runtime\/.*\.ts$/),
    ...found(/`nmc ([^`]+)`/g, /^(README\.md|docs\/.*\.md|spec\/(errors|diagnostics)\/.*\.md)$/),
  ];
  return [...new Set(words.map((text) => text.replace(/\s+/g, ' ').trim()))];
}

/** Of alternatives the first one is taken, and optional words are there. */
export function wordsOf(command: string): string[] {
  return command
    .split(' ')
    .map((word) =>
      word
        .replace(/\\?\|.*$/, '')
        .replace(/^\[|\]$/g, '')
        .replace(/…$/, ''),
    )
    .filter(Boolean);
}

export const isFilledIn = (command: string): boolean =>
  !command.includes('${') && wordsOf(command).some((word) => PLACEHOLDER.test(word));

/**
 * @param values by `COMMAND --option PLACEHOLDER`, `COMMAND PLACEHOLDER` or `PLACEHOLDER`, the longest that is there
 * @throws Error where a placeholder has no value
 */
export function filledIn(command: string, values: Readonly<Record<string, string>>): string[] {
  const words = wordsOf(command);
  return words.map((word, i) => {
    if (i === 0 || !PLACEHOLDER.test(word)) return word;
    const keys = [`${words[0]} ${words[i - 1]} ${word}`, `${words[0]} ${word}`, word];
    const key = keys.find((name) => name in values);
    if (key === undefined) throw new Error(`no value for ${word} in \`nmc ${command}\``);
    return values[key] ?? '';
  });
}
