/** One measured figure: a JSON line. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** Speed of the machine with the useful work alone, in the same unit. */
  readonly ceiling: number | null;
  /** Bound of `value`, from above, except where more is better (`share`, `times as fast`). */
  readonly target: number | null;
  readonly holds: boolean;
  /** The machine's ceiling moved too much around it: the summary says so. */
  readonly disturbed?: boolean;
}

const DIGITS = 4;

export function print(figure: Figure): void {
  const { name, value, unit, ceiling, target, holds } = figure;
  const line = { name, value: rounded(value), unit, ceiling: rounded(ceiling), target: rounded(target), holds };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function rounded(value: number | null): number | null {
  return value === null ? null : Number(value.toPrecision(DIGITS));
}

/** A figure that is only told. */
export function told(name: string, value: number, unit: string, ceiling: number | null = null): Figure {
  return { name, value, unit, ceiling, target: null, holds: true };
}

export function atMost(name: string, value: number, unit: string, target: number, ceiling: number | null): Figure {
  return { name, value, unit, ceiling, target, holds: value <= target };
}

export function atLeast(name: string, value: number, unit: string, target: number, ceiling: number | null): Figure {
  return { name, value, unit, ceiling, target, holds: value >= target };
}

/** The last line. @returns the exit code */
export function summarize(figures: readonly Figure[], seconds: number): number {
  const bound = figures.filter((f) => f.target !== null);
  const missed = figures.filter((f) => !f.holds);
  const names = missed.length > 0 ? `; missed: ${missed.map((f) => f.name).join(', ')}` : '';
  const disturbed = figures.filter((f) => f.disturbed).length;
  const doubt = disturbed > 0 ? `; measured on a disturbed machine: ${disturbed} figures, not to be relied on` : '';
  const held = bound.length - missed.length;
  process.stdout.write(`bench: ${held} of ${bound.length} targets hold${names}${doubt} (${Math.round(seconds)} s)\n`);
  return missed.length > 0 ? 1 : 0;
}
