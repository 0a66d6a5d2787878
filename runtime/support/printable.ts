/**
 * Text from outside, for a terminal: everything that a terminal would obey, or that would make a line look like
 * another one, is written as its number.
 */
import { cutOutsideCommands, withCommands } from './command-text.ts';
import { UNSEEN } from './unseen.ts';

/** Of one text. */
const MAX_TEXT = 2000;

/** @returns one line; a longer text is cut, though not within a command */
export function printable(text: unknown, most = MAX_TEXT): string {
  const whole = String(text);
  const cut = whole.length > most ? `${whole.slice(0, cutOutsideCommands(whole, most))}…` : whole;
  return cut.replace(UNSEEN, numberOf);
}

/** The same, line by line, and tabs stay: for texts that may have several. */
export function printableLines(text: unknown): string {
  const lines = String(text)
    .split('\n')
    .map((line) =>
      line
        .split('\t')
        .map((part) => printable(part))
        .join('\t'),
    );
  return withCommands(lines.join('\n'));
}

/** A line for people: what is put into it is made printable, what stands there already is ours. */
export function printed(parts: TemplateStringsArray, ...values: readonly unknown[]): string {
  return withCommands(parts.reduce((text, part, i) => text + (i === 0 ? '' : printable(values[i - 1])) + part, ''));
}

/** JSON stays the same JSON, and nothing in it is unseen. */
export function printableJson(json: string): string {
  return json.replace(UNSEEN, (character) =>
    [...Array(character.length).keys()]
      .map((i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`)
      .join(''),
  );
}

function numberOf(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, '0')}`;
  return code < 0x10000 ? `\\u${code.toString(16).padStart(4, '0')}` : `\\u{${code.toString(16)}}`;
}
