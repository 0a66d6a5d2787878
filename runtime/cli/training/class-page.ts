/** A page that needs nothing else: a run's checks, and for each read of classes its picture and its tables. */
import { escapeMarkup } from '../../../spec/markup.ts';
import { formatCount, formatPercent } from '../../support/format-numbers.ts';
import { rowOf } from '../../training/confusion.ts';
import { type ClassReport, type ClassTable, shownClass } from './class-report.ts';
import { checkLines } from './train-report-human.ts';

/** More classes than these make a table that is wider than a page: it is in the CSV. */
const MAX_COLUMNS = 30;

/** @param pictures an SVG for each table of the report */
export function classPage(report: ClassReport, pictures: readonly string[]): string {
  const { run, model, task, seed, version, limit, checks, tables } = report;
  const title = `What ${model} reads as what`;
  const facts = [
    ['run', run],
    ['trained', `${task} of ${model}, seed ${seed}, version ${version}`],
    ...(limit === undefined ? [] : [['measured', `on the first ${formatCount(limit)} samples of each set`]]),
  ];
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escapeMarkup(title)}</title>
<style>
  body { font: 15px/1.5 Helvetica, Arial, sans-serif; margin: 2rem; color: #222; background: #fff; }
  svg { max-width: 100%; height: auto; }
  pre { overflow-x: auto; font: 13px/1.5 monospace; }
  table { border-collapse: collapse; margin: 1rem 0; }
  td, th { padding: 0.1rem 0.7rem; text-align: right; border-bottom: 1px solid #ddd; }
  td:first-child, th:first-child { text-align: left; }
</style>
<h1>${escapeMarkup(title)}</h1>
${tableMarkup(facts)}
<pre>${escapeMarkup(checkLines(checks).join('\n'))}</pre>
${tables.map((table, i) => section(table, pictures[i] ?? '')).join('\n')}
</html>
`;
}

function section(table: ClassTable, picture: string): string {
  const { read, field, data, samples, accuracy, classes, figures, confusion } = table;
  const names = classes.map((name) => shownClass(name));
  const rows = figures.map(({ count, read: readAs, precision, recall }, label) => [
    ...[names[label] ?? '', formatCount(count), formatCount(readAs)],
    ...[shareText(precision), shareText(recall)],
  ]);
  const counts = names.map((name, label) => [name, ...rowOf(confusion, label).map(String)]);
  const all = `${formatCount(samples)} samples of ${data}: ${shareText(accuracy)} are read as what they are.`;
  return `<h2>${escapeMarkup(`${read} beside ${field} of ${data}`)}</h2>
<p>${escapeMarkup(all)}</p>
${picture.slice(Math.max(0, picture.indexOf('<svg')))}
${tableMarkup([['class', 'elements', 'read as it', 'precision', 'recall'], ...rows], true)}
${classes.length > MAX_COLUMNS ? '' : tableMarkup([['class \\ read as', ...names], ...counts], true)}`;
}

/** A share of nothing is none. */
export function shareText(value: number | null): string {
  return value === null ? '–' : formatPercent(value);
}

function tableMarkup(rows: readonly (readonly string[])[], hasHead = false): string {
  const cells = (row: readonly string[], tag: string): string =>
    row.map((cell) => `<${tag}>${escapeMarkup(cell)}</${tag}>`).join('');
  return `<table>\n${rows.map((row, i) => `<tr>${cells(row, hasHead && i === 0 ? 'th' : 'td')}</tr>`).join('\n')}\n</table>`;
}
