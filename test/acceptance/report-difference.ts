/** Whether several ways to train tell the same of their epochs. */
import type { EpochReport } from '../../spec/run-events.ts';

/** Report of one way to train, or the code by which it has refused. */
export type Told = { readonly reports: readonly EpochReport[] } | { readonly refused: string };

export function toldOf(answer: readonly EpochReport[] | string): Told {
  return typeof answer === 'string' ? { refused: answer } : { reports: answer };
}

/** By the name of the way that has refused, its code. */
export function refusalsIn(told: Readonly<Record<string, Told>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(told).flatMap(([name, t]) => ('refused' in t ? [[name, t.refused]] : [])));
}

/**
 * @param told by name; the first one is what the others are held to
 * @param equal pairs of names whose numbers have to be the same, too
 * @returns what is different, or who has refused
 */
export function reportDifference(
  told: Readonly<Record<string, Told>>,
  equal: readonly (readonly [string, string])[],
): { readonly holds: boolean; readonly text: string } {
  const refusals = Object.entries(refusalsIn(told)).map(([name, code]) => `${name} refuses: ${code}`);
  const [[first, wanted] = ['', undefined]] = reported(told);
  if (wanted === undefined) return { holds: false, text: refusals.join(', ') };
  const others = reported(told).filter(([name]) => name !== first);
  const problems = [
    ...others.flatMap(([name, reports]) => {
      const [expected, found] = [wanted, reports].map((all) => JSON.stringify(all.map(formOf)));
      return expected === found ? [] : [`${name} tells ${found}, ${first} ${expected}`];
    }),
    ...equal.flatMap(([a, b]) => numbersDiffer(told[a], told[b]).map((what) => `${a} and ${b}: other ${what}`)),
  ];
  if (problems.length > 0) return { holds: false, text: problems.join('; ') };
  return { holds: true, text: [`${others.length + 1} alike`, ...refusals].join(', ') };
}

function reported(told: Readonly<Record<string, Told>>): [string, readonly EpochReport[]][] {
  return Object.entries(told).flatMap(([name, t]) => ('reports' in t ? [[name, t.reports]] : []));
}

/** Names of fields and of nodes, and numbers that no device computes. */
function formOf(report: EpochReport): unknown {
  const { epoch, leftOut, accuracy } = report;
  const nodes = Object.keys(report.energyByNode).sort();
  return { fields: Object.keys(report).sort(), nodes, epoch, leftOut, measured: accuracy !== null };
}

function numbersDiffer(a: Told | undefined, b: Told | undefined): string[] {
  if (!a || !b || 'refused' in a || 'refused' in b) return [];
  const numbers = ({ energy, accuracy, validation, energyByNode, learnsNothing }: EpochReport) => ({
    ...{ energy, accuracy, validation },
    learnsNothing: learnsNothing?.toSorted(),
    energyByNode: Object.entries(energyByNode).sort(),
  });
  return a.reports.flatMap((report, i) => {
    const other = b.reports[i];
    if (!other) return [`number of epochs`];
    const [mine, theirs] = [numbers(report), numbers(other)];
    const keys = Object.keys(mine) as (keyof typeof mine)[];
    return keys.filter((key) => JSON.stringify(mine[key]) !== JSON.stringify(theirs[key]));
  });
}
