/** One source line made fit to print: tabs spread, wide characters counted, control characters hidden, long lines cut. */

export interface Excerpt {
  readonly before: string;
  readonly marked: string;
  readonly after: string;
}

const TAB = 4;

/**
 * @param from @param to the place in UTF-16 units from the start of the line, half open
 * @param width most cells of the whole
 */
export function excerpt(line: string, from: number, to: number, width: number): Excerpt {
  const before = printable(line.slice(0, from), 0);
  const marked = printable(line.slice(from, to), cellWidth(before));
  const after = printable(line.slice(to), cellWidth(before) + cellWidth(marked));
  if (cellWidth(before) + cellWidth(marked) + cellWidth(after) <= width) return { before, marked, after };
  const most = Math.max(20, width);
  const shownMark = clipEnd(marked, Math.floor(most / 2));
  const room = most - cellWidth(shownMark);
  const shownBefore = clipStart(before, Math.max(8, Math.floor(room * 0.6)));
  const shownAfter = shownMark === marked ? clipEnd(after, Math.max(8, room - cellWidth(shownBefore))) : '';
  return { before: shownBefore, marked: shownMark, after: shownAfter };
}

function clipEnd(text: string, cells: number): string {
  if (cellWidth(text) <= cells) return text;
  let kept = '';
  let used = 1;
  for (const character of text) {
    used += cellWidth(character);
    if (used > cells) break;
    kept += character;
  }
  return `${kept}…`;
}

function clipStart(text: string, cells: number): string {
  if (cellWidth(text) <= cells) return text;
  const characters = [...text];
  let used = 1;
  let index = characters.length;
  while (index > 0) {
    used += cellWidth(characters[index - 1] ?? '');
    if (used > cells) break;
    index--;
  }
  return `…${characters.slice(index).join('')}`;
}

function printable(text: string, column: number): string {
  let result = '';
  let cells = column;
  for (const character of text) {
    const shown = character === '\t' ? ' '.repeat(TAB - (cells % TAB)) : visible(character);
    result += shown;
    cells += cellWidth(shown);
  }
  return result;
}

function visible(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  const hidden =
    code < 0x20 ||
    (code >= 0x7f && code < 0xa0) ||
    (code >= 0xd800 && code < 0xe000) ||
    (code >= 0x202a && code <= 0x202e) ||
    (code >= 0x2066 && code <= 0x2069);
  return hidden ? '\u00b7' : character;
}

/** Cells of a terminal: wide East Asian characters and emoji take two, combining marks none. */
export function cellWidth(text: string): number {
  let cells = 0;
  for (const character of text) {
    if (/\p{Mark}|\u200b|\u200d|\ufe0f|\ufeff/u.test(character)) continue;
    cells += isWide(character.codePointAt(0) ?? 0) ? 2 : 1;
  }
  return cells;
}

function isWide(code: number): boolean {
  return (
    (code >= 0x1100 && code <= 0x115f) ||
    (code >= 0x2e80 && code <= 0xa4cf && code !== 0x303f) ||
    (code >= 0xac00 && code <= 0xd7a3) ||
    (code >= 0xf900 && code <= 0xfaff) ||
    (code >= 0xfe30 && code <= 0xfe6f) ||
    (code >= 0xff00 && code <= 0xff60) ||
    (code >= 0xffe0 && code <= 0xffe6) ||
    (code >= 0x1f300 && code <= 0x1faff) ||
    (code >= 0x20000 && code <= 0x3fffd)
  );
}
