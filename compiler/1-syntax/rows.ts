/** Lines with columns: runs of one kind are aligned, with their trailing comments, unless a line would be too long. */

/** Longest line, in characters. */
export const WIDTH = 120;

export interface Row {
  /** Rows of the same kind without a blank line between them are aligned with each other. */
  readonly kind: string;
  /** All but the last are padded; the last may depend on the column it begins in and may have several lines. */
  readonly cells: readonly ((column: number) => string)[];
  /** Own lines above, already indented; '' is a blank line. */
  readonly lead: readonly string[];
  readonly blank: boolean;
  /** A comment behind the row, or ''. */
  readonly comment: string;
}

export function renderRows(rows: readonly Row[], indent: string): string {
  const groups: Row[][] = [];
  for (const row of rows) {
    const current = groups.at(-1);
    if (current !== undefined && !row.blank && current[0]?.kind === row.kind) current.push(row);
    else groups.push([row]);
  }
  return groups
    .map((group) => {
      const text = renderGroup(group, indent);
      return group[0]?.blank === true ? `\n${text}` : text;
    })
    .join('\n');
}

function renderGroup(group: readonly Row[], indent: string): string {
  const loose = group.map((row) => join(row, indent, []));
  const aligned = group.map((row) => join(row, indent, columnWidths(group)));
  const fits = [...loose, ...aligned].every((line) => !line.includes('\n') && line.length <= WIDTH);
  const lines = fits ? aligned : loose;
  const column = Math.max(...lines.map((line) => line.length)) + 2;
  const commentsFit = fits && group.every((row) => column + row.comment.length <= WIDTH);
  return group
    .flatMap((row, index) => {
      const line = lines[index] ?? '';
      if (row.comment === '') return [...row.lead, line];
      return [...row.lead, `${commentsFit ? line.padEnd(column) : `${line}  `}${row.comment}`];
    })
    .join('\n');
}

/** Of every cell that has another behind it. */
function columnWidths(group: readonly Row[]): number[] {
  const widths: number[] = [];
  for (const row of group) {
    row.cells.slice(0, -1).forEach((cell, index) => {
      widths[index] = Math.max(widths[index] ?? 0, cell(0).length);
    });
  }
  return widths;
}

function join(row: Row, indent: string, widths: readonly number[]): string {
  let line = indent;
  row.cells.forEach((cell, index) => {
    if (index > 0) line += ' ';
    const text = cell(line.length);
    line += index < row.cells.length - 1 ? text.padEnd(widths[index] ?? 0) : text;
  });
  return line;
}
