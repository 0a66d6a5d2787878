/** What `nmc eval RUN --report DIR` writes: for each read of classes its table, the figures of each class and a picture. */
import type { Plan, PlanCheck } from '../../../spec/plan.ts';
import type { Dataset } from '../../data/dataset.ts';
import { bytePairs } from '../../data/formats/byte-pairs.ts';
import type { CheckResult } from '../../shard/checks.ts';
import { countClasses } from '../../shard/count-classes.ts';
import type { Shard } from '../../shard/shard.ts';
import type { Watch } from '../../shard/watch.ts';
import { UserError } from '../../support/errors.ts';
import { formatPercent } from '../../support/format-numbers.ts';
import { printable } from '../../support/printable.ts';
import {
  type ClassFigures,
  type Confusion,
  figuresOf,
  accuracyOf as rightOf,
  rowOf,
} from '../../training/confusion.ts';
import { predictionOf } from '../../training/evaluations.ts';

/** Of one read and the field that it is compared with. */
export interface ClassTable {
  /** `classify.digit` */
  readonly read: string;
  readonly field: string;
  readonly data: string;
  readonly samples: number;
  readonly accuracy: number | null;
  /** Names of the classes in the order of their numbers; where they have none, the numbers. */
  readonly classes: readonly string[];
  readonly figures: readonly ClassFigures[];
  readonly confusion: Confusion;
}

export interface ClassReport {
  /** Folder of the run. */
  readonly run: string;
  readonly model: string;
  readonly task: string;
  readonly seed: number;
  readonly version: string;
  /** Samples of each set, where not all were measured. */
  readonly limit?: number;
  readonly checks: readonly CheckResult[];
  readonly tables: readonly ClassTable[];
}

/** The checks whose read is a class, the first of each read, field and data. @throws UserError `eval/classes` */
export function classChecks(plan: Plan): { readonly check: PlanCheck; readonly index: number }[] {
  const seen = new Set<string>();
  const found = plan.checks.flatMap((check, index) => {
    const read = predictionOf(plan, check)?.reads.find((r) => r.name === check.read);
    const key = JSON.stringify([check.task, check.read, check.field, check.data]);
    if (!(read?.scores || check.classes !== undefined) || seen.has(key)) return [];
    seen.add(key);
    return [{ check, index }];
  });
  if (found.length > 0) return found;
  throw new UserError(
    'eval/classes',
    `no check of ${plan.model} compares classes, so there is no table of them`,
    'for example `read kind = argmax(class)` and `check accuracy(TASK.kind, data.NAME.test.kind) >= 0.9` in the model',
  );
}

/** @param datasets of each check of the plan */
export async function tablesOf(
  plan: Plan,
  shard: Shard,
  datasets: readonly Dataset[],
  watch: (data: string) => Watch,
): Promise<ClassTable[]> {
  const tables: ClassTable[] = [];
  for (const { check, index } of classChecks(plan)) {
    const dataset = datasets[index];
    const prediction = predictionOf(plan, check);
    if (!dataset || !prediction) continue;
    const confusion = await countClasses(shard, prediction, check, dataset, watch(dataset.name));
    const names = dataset.classes?.[check.field] ?? (await tokensOf(dataset, confusion));
    tables.push({
      read: `${check.task}.${check.read}`,
      field: check.field,
      data: dataset.name,
      samples: dataset.length,
      accuracy: rightOf(confusion),
      classes: Array.from(figuresOf(confusion), (_, label) => names[label] ?? String(label)),
      figures: figuresOf(confusion),
      confusion,
    });
  }
  return tables;
}

/** Texts of the tokens that classes are, where a text tells them apart: a part of a character has none of its own. */
async function tokensOf({ name, vocabulary }: Dataset, { classes }: Confusion): Promise<(string | undefined)[]> {
  if (!vocabulary) return [];
  const { textOf } = await bytePairs(name, vocabulary.content);
  const texts = Array.from({ length: classes }, (_, id) => textOf([id]));
  return texts.map((text, id) =>
    text !== '' && !text.includes('\uFFFD') && texts.indexOf(text) === id ? text : undefined,
  );
}

/** The name of a class for people: blanks of a text are shown as what they are. */
export function shownClass(name: string, most?: number): string {
  return name.trim() === '' ? JSON.stringify(name) : printable(name, most);
}

/** A line for each class, by what its elements are read as. */
export function confusionCsv({ classes, confusion }: ClassTable): string {
  const rows = classes.map((name, label) => [name, ...rowOf(confusion, label).map(String)]);
  return csv([['class', ...classes], ...rows]);
}

/** Figures of each class; a share of nothing is left empty. */
export function figuresCsv({ classes, figures }: ClassTable): string {
  const cell = (value: number | null): string => (value === null ? '' : String(value));
  const rows = figures.map(({ count, read, precision, recall }, label) => [
    ...[classes[label] ?? '', String(count), String(read)],
    ...[cell(precision), cell(recall)],
  ]);
  return csv([['class', 'count', 'read', 'precision', 'recall'], ...rows]);
}

function csv(rows: readonly (readonly string[])[]): string {
  return rows.map((row) => `${row.map(quoted).join(',')}\r\n`).join('');
}

/** As RFC 4180 has it. */
function quoted(cell: string): string {
  return /[",\r\n]|^\s|\s$/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}

/** For a terminal: rows are the classes, columns what they are read as, then precision and recall. */
export function confusionText({ read, field, classes, figures, confusion }: ClassTable): string {
  const names = classes.map((name) => shownClass(name, MAX_NAME));
  const shares = figures.map((f) => [f.precision, f.recall].map((x) => (x === null ? '-' : formatPercent(x))));
  const counts = names.map((name, label) => [name, ...rowOf(confusion, label).map(String), ...(shares[label] ?? [])]);
  const rows = [['', ...names, 'precision', 'recall'], ...counts];
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  const lines = rows.map((row) => row.map((cell, i) => cell.padStart(widths[i] ?? 0)).join('  '));
  return `${field}, read as ${read}:\n${lines.join('\n')}\n`;
}

const MAX_NAME = 12;

export function reportJson(report: ClassReport): string {
  const tables = report.tables.map(({ confusion, classes, figures, ...table }) => ({
    ...table,
    classes: classes.map((name, label) => ({ name, ...figures[label] })),
    confusion: classes.map((_, label) => rowOf(confusion, label)),
  }));
  const checks = report.checks.map((check) => ({ ...check, value: Number.isFinite(check.value) ? check.value : null }));
  return `${JSON.stringify({ format: REPORT_FORMAT, ...report, checks, tables }, null, 1)}\n`;
}

export const REPORT_FORMAT = 'nmc-eval-1';
