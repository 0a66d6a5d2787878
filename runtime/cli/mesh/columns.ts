/** Text in columns that fits a terminal of 80, whatever names from outside hold. */
import { printable } from '../../support/printable.ts';

export const COLUMNS = 80;

/** At most so many characters, its end kept: names that differ often differ there. */
export function shortened(name: string, most: number): string {
  const whole = printable(name);
  if (whole.length <= most) return whole;
  const tail = Math.floor((most - 1) / 3);
  return `${whole.slice(0, most - 1 - tail)}…${whole.slice(whole.length - tail)}`;
}

/** Parts in lines of at most so many characters, two spaces between them; lines behind the first are indented. */
export function wrapped(parts: readonly string[], indent: number, most = COLUMNS): string[] {
  const lines: string[] = [];
  for (const part of parts.flatMap((words) => pieces(printable(words), most - indent))) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 2 + part.length <= most) lines[lines.length - 1] = `${last}  ${part}`;
    else lines.push(last === undefined ? part : `${' '.repeat(indent)}${part}`);
  }
  return lines;
}

/** A part that is too long for a line is cut between words, or where it has none. */
function pieces(words: string, most: number): string[] {
  const all: string[] = [];
  let rest = words;
  while (rest.length > most) {
    const space = rest.lastIndexOf(' ', most);
    const at = space > most / 2 ? space : most;
    all.push(rest.slice(0, at));
    rest = rest.slice(at).trimStart();
  }
  return rest === '' ? all : [...all, rest];
}
