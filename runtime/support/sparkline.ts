/** Small plots of text. */

const LEVELS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/** One character a value, from the smallest to the largest. */
export function sparkline(values: readonly number[]): string {
  const finite = values.filter(Number.isFinite);
  const low = Math.min(...finite);
  const range = Math.max(...finite) - low;
  return values
    .map((v) => (Number.isFinite(v) ? LEVELS[range > 0 ? Math.min(7, Math.floor(((v - low) / range) * 8)) : 0] : ' '))
    .join('');
}

/** Energy and accuracy over the epochs, a line each. */
export function smallPlot(rows: readonly { readonly energy?: unknown; readonly accuracy?: unknown }[]): string {
  const series = (name: 'energy' | 'accuracy'): number[] =>
    rows.map((row) => (typeof row[name] === 'number' ? row[name] : Number.NaN));
  const line = (name: 'energy' | 'accuracy'): string => {
    const values = series(name);
    return values.some(Number.isFinite)
      ? `${name.padEnd(9)} ${sparkline(values)}  ${values.at(0)?.toPrecision(3)} → ${values.at(-1)?.toPrecision(3)}\n`
      : '';
  };
  return `${line('energy')}${line('accuracy')}`;
}
