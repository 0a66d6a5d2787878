/** The smallest bottleneck of a small problem, proven: a mixed integer program for HiGHS. */
import loadHighs from 'highs';
import type { Problem } from '../../compiler/6-partition/problem.ts';

export type Exact =
  | { readonly kind: 'optimal'; readonly bottleneck: number }
  | { readonly kind: 'infeasible' }
  /** Not proven within the time. */
  | { readonly kind: 'open' };

/** The smallest bottleneck. @param seconds time that the solver may take */
export async function exactBottleneck(problem: Problem, seconds: number): Promise<Exact> {
  const solution = await solve(programText(problem), seconds);
  if (solution.Status === 'Optimal') return { kind: 'optimal', bottleneck: solution.ObjectiveValue };
  return { kind: solution.Status === 'Infeasible' ? 'infeasible' : 'open' };
}

/**
 * Whether any assignment takes at most so many seconds; undefined where that was not decided in time. Asked of a fixed
 * time the rows are knapsacks, which the solver decides a hundred times as fast as it finds the least time.
 */
export async function isPossible(problem: Problem, bottleneck: number, seconds: number): Promise<boolean | undefined> {
  const { Status } = await solve(programText(problem, bottleneck), seconds);
  return Status === 'Optimal' ? true : Status === 'Infeasible' ? false : undefined;
}

/** Seconds that no assignment exceeds: all work on the slowest machine, all values over the slowest line. */
export function longestTime({ pieces, nets, machines }: Problem): number {
  const sum = (values: Float64Array): number => values.reduce((a, b) => a + b, 0);
  const slowest = machines.list.flatMap((m) => [m.rate, m.upload, m.download]);
  const least = Math.min(...slowest, ...(machines.bandwidth ?? []));
  return ((sum(pieces.work) + sum(nets.out) + sum(nets.back)) * machines.list.length) / least;
}

async function solve(
  text: string,
  seconds: number,
): Promise<{ readonly Status: string; readonly ObjectiveValue: number }> {
  // Its types are those of the CommonJS build, whose default lies one deeper.
  const load = loadHighs as unknown as typeof loadHighs.default;
  return (await load()).solve(text, { time_limit: seconds, output_flag: false, mip_rel_gap: 1e-6 });
}

/**
 * Binary `x_v_p`: piece v is on machine p. `y_i_q` is 1 where a pin of net i is on q, `z_i_p_q` where its hub is on p as
 * well. The machines' and pairs' seconds are at most T, which is minimised, or given.
 */
function programText({ pieces, nets, machines }: Problem, time?: number): string {
  const K = machines.list.length;
  const all = Array.from({ length: K }, (_, p) => p);
  const rows: string[] = [];
  const row = (terms: readonly (readonly [number, string])[], relation: string): void => {
    const shown = terms.filter(([c]) => c !== 0).map(([c, name]) => `${c < 0 ? '-' : '+'} ${Math.abs(c)} ${name}`);
    if (shown.length > 0) rows.push(` ${shown.join(' ')} ${relation}`);
  };
  const binary: string[] = [];
  for (let v = 0; v < pieces.count; v++) {
    row(
      all.map((p) => [1, `x_${v}_${p}`] as const),
      '= 1',
    );
    for (const p of all) binary.push(`x_${v}_${p}`);
  }
  const sent: [number, string][][] = all.map(() => []);
  const received: [number, string][][] = all.map(() => []);
  const between: [number, string][][] = Array.from({ length: K * K }, () => []);
  for (let i = 0; i < nets.count; i++) {
    const hub = nets.hub[i] as number;
    const pins = new Set(nets.pins.subarray(nets.pinStart[i] as number, nets.pinStart[i + 1] as number));
    pins.delete(hub);
    if (pins.size === 0) continue;
    for (const q of all)
      for (const pin of pins)
        row(
          [
            [1, `y_${i}_${q}`],
            [-1, `x_${pin}_${q}`],
          ],
          '>= 0',
        );
    for (const p of all)
      for (const q of all) {
        if (p === q) continue;
        const z = `z_${i}_${p}_${q}`;
        row(
          [
            [1, z],
            [-1, `x_${hub}_${p}`],
            [-1, `y_${i}_${q}`],
          ],
          '>= -1',
        );
        const forth: [number, string] = [nets.out[i] as number, z];
        const home: [number, string] = [nets.back[i] as number, z];
        sent[p]?.push(forth);
        received[q]?.push(forth);
        sent[q]?.push(home);
        received[p]?.push(home);
        between[p * K + q]?.push(forth);
        between[q * K + p]?.push(home);
      }
    // Implied, and what makes the relaxation tight: what a pin's machine needs comes from somewhere.
    for (const q of all)
      row(
        [
          ...all.filter((p) => p !== q).map((p) => [1, `z_${i}_${p}_${q}`] as const),
          [-1, `y_${i}_${q}`],
          [1, `x_${hub}_${q}`],
        ],
        '>= 0',
      );
  }
  for (const [p, machine] of machines.list.entries()) {
    const share = (values: Float64Array): (readonly [number, string])[] =>
      Array.from(values, (value, v) => [value, `x_${v}_${p}`] as const);
    row([...share(pieces.work), [-machine.rate, 'T']], '<= 0');
    if (machine.memory < Infinity) row(share(pieces.memory), `<= ${machine.memory}`);
    if (machine.upload < Infinity) row([...(sent[p] ?? []), [-machine.upload, 'T']], '<= 0');
    if (machine.download < Infinity) row([...(received[p] ?? []), [-machine.download, 'T']], '<= 0');
    for (const q of all)
      if (machines.bandwidth && q !== p)
        row([...(between[p * K + q] ?? []), [-(machines.bandwidth[p * K + q] as number), 'T']], '<= 0');
  }
  for (let v = 0; v < pieces.count; v++) {
    const place = pieces.pinned?.[v] ?? -1;
    if (place >= 0) row([[1, `x_${v}_${place}`]], '= 1');
  }
  const bounds = time === undefined ? '' : `Bounds\n T = ${time}\n`;
  return `Minimize\n obj: T\nSubject To\n${rows.join('\n')}\n${bounds}Binary\n ${binary.join('\n ')}\nEnd\n`;
}
