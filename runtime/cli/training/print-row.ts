/** A prediction as `nmc predict` prints it. */
import type { Classes } from '../../data/dataset.ts';
import type { PredictedRow } from '../../shard/rows.ts';
import { emit } from '../../support/emit.ts';

export function printRow(name: string, row: PredictedRow, asJson: boolean, classes: Classes): void {
  if (asJson) {
    emit({ input: name, ...row });
    return;
  }
  const parts = Object.entries(row).flatMap(([read, value]) => {
    // The name stands for the number.
    if (Object.hasOwn(classes, read)) return [];
    if (read.endsWith('_scores') && Array.isArray(value)) {
      const of = read.slice(0, -'_scores'.length);
      // Where several classes are read at once, each has scores of its own: too many for a line.
      return Array.isArray(row[of]) ? [] : bestScores(value as number[], classes[of]);
    }
    if (read.endsWith('_class')) return `${read.slice(0, -'_class'.length)} ${named(value)}`;
    return `${read} ${Array.isArray(value) ? JSON.stringify(value) : String(value)}`;
  });
  process.stdout.write(`${name}   ${parts.join('   ')}\n`);
}

function named(value: unknown): string {
  return Array.isArray(value) ? JSON.stringify(value) : ((value as string | null) ?? '?');
}

/** The three best classes: `7: 0.980  9: 0.020  1: 0.000`, by their names where they have some. */
function bestScores(scores: readonly number[], names: readonly string[] = []): string {
  const ranked = scores.map((score, label) => ({ score, label })).sort((a, b) => b.score - a.score);
  return `(${ranked
    .slice(0, 3)
    .map(({ score, label }) => `${names[label] ?? label}: ${score.toFixed(3)}`)
    .join('  ')})`;
}
