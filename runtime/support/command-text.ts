/**
 * Commands of this program within texts for people: `to see it: ${nmc`keys show`}`. A text holds each between backticks,
 * in words of a POSIX shell, and stays like that where it is stored or sent; what writes for people (`printed`,
 * `printableLines`, a failure in JSON, help, pages) puts in how this process was started, since a command that fails
 * where it is pasted, or asks a package registry for a name, is of no help.
 */
import { UNSEEN } from './unseen.ts';

/** Words of one value, or of several; an empty list leaves nothing behind. */
type Words = string | number | readonly string[];

/** Backtick to backtick; between quotes there may be others. */
const COMMAND = /`nmc(?: ((?:[^`'"\\\n]|'[^'\n]*'|"(?:[^"\\`\n]|\\.)*"|\\.)*))?`/g;
/** Words that mean only themselves in every shell. */
const PLAIN = /^[\w@%+:,./-][\w@%+=:,./-]*$/;
/** Of 64 keys one begins with `-`; it is read as a key. */
const KEY = /^[A-Za-z0-9_-]{43}$/;

/** A command; what is put into it is quoted for a shell, and a path that would look like an option begins with `./`. */
export function nmc(parts: TemplateStringsArray, ...values: readonly Words[]): string {
  const words = parts.reduce((text, part, i) => join(text, i === 0 ? '' : quoted(values[i - 1] ?? ''), part), '');
  return nmcUsage(words.trim());
}

/** How a command is called, by its words and signs like `<file>`, which are not a shell's. */
export function nmcUsage(usage: string): string {
  return `\`${`nmc ${usage}`.trimEnd()}\``;
}

/** A command for a file that others will read, however this process was started. */
export function byName(text: string): string {
  return text.replace(COMMAND, (_, words: string = '') => `nmc ${words}`.trim());
}

/** An empty list takes the space before it along. */
function join(text: string, value: string, part: string): string {
  return (value === '' ? text.trimEnd() : text + value) + part;
}

function quoted(value: Words): string {
  if (typeof value === 'object') return value.map(shellWord).join(' ');
  const text = String(value);
  return shellWord(text.startsWith('-') && text !== '-' && !KEY.test(text) ? `./${text}` : text);
}

/** A word as it can be pasted into a shell. What is not seen is written as the number of its bytes. */
export function shellWord(word: string): string {
  if (PLAIN.test(word)) return word;
  if (word.search(UNSEEN) < 0) return `'${word.replaceAll("'", "'\\''")}'`;
  return `"$(printf '${[...word].map(octal).join('')}')"`;
}

function octal(character: string): string {
  if (/[\w@+=:,./ ]/.test(character)) return character;
  return [...new TextEncoder().encode(character)].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');
}

/** How a command begins, by the words that follow. */
export type Beginning = (words: string) => string;

let begin: Beginning = (words) => `nmc ${words}`.trim();

/** Said once, where the process starts. */
export function commandsBegin(beginning: Beginning): void {
  begin = beginning;
}

/**
 * @returns the text with its commands as they are pasted: one at the end of a line stands there bare, one that more words
 * follow keeps its backticks, which say where it ends
 * @param shown what becomes of each
 */
export function withCommands(text: string, shown = (command: string): string => command): string {
  if (!text.includes('`nmc')) return text;
  return text.replace(COMMAND, (whole, words: string = '', at: number) => {
    const command = shown(begin(words));
    return /^(\n|$)/.test(text.slice(at + whole.length, at + whole.length + 1)) ? command : `\`${command}\``;
  });
}

/** Options behind those commands that have none of them yet. @param of the first words of such commands */
export function withOptions(text: string, options: readonly string[], of: readonly string[]): string {
  if (options.length === 0) return text;
  return text.replace(COMMAND, (whole, words: string = '') => {
    const lacks = of.includes(words.split(' ')[0] ?? '') && !words.includes(` ${options[0]} `);
    return lacks ? nmcUsage(`${words} ${options.map(shellWord).join(' ')}`) : whole;
  });
}

/** The same for a page in Markdown: its backticks stay, and what is fenced has a command on each line. */
export function pageWithCommands(page: string): string {
  return page
    .split(/^(?=```)/m)
    .map((part, i) => (i % 2 === 0 ? part : part.replace(/^nmc (.*)$/gm, (_, words: string) => begin(words))))
    .join('')
    .replace(COMMAND, (_, words: string = '') => `\`${begin(words)}\``);
}

/** The commands of a text, as they are pasted. */
export function commandsIn(text: string): string[] {
  return [...text.matchAll(COMMAND)].map(([, words = '']) => begin(words));
}

/** Where a text may be cut at the latest, so that no command loses its end. @param most characters to keep */
export function cutOutsideCommands(text: string, most: number): number {
  for (const { index, 0: command } of text.matchAll(COMMAND))
    if (index < most && index + command.length > most) return index + command.length;
  return most;
}
