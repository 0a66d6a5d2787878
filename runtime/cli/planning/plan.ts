/** `nmc plan diff A B`: what moves between two plans, and why. */
import { diffPlans, type PlanDiff, type PlanSide } from '../../../compiler/8-plan/diff.ts';
import { emit } from '../../support/emit.ts';
import { formatBytes } from '../../support/format-numbers.ts';
import { EXIT } from '../shell/command.ts';
import { openPlan } from './open-plan.ts';
import type { PlanArguments } from './options.ts';

export default function (args: PlanArguments): number {
  const [a, b] = [args.a, args.b].map((folder) => openPlan(folder ?? '').plan);
  if (!a || !b) throw new Error('two plans were asked for');
  const diff = diffPlans(a, b);
  if (args.json) emit({ event: 'diff', ...diff });
  else process.stdout.write(textOf(diff));
  return EXIT.done;
}

/** More moves than a person reads are counted by reason. */
const MAX_LINES = 40;

function textOf(diff: PlanDiff): string {
  const { model, before, after, machines, moves, recut, nodes, parameterBytes } = diff;
  const lines = [
    `${model.before === model.after ? model.after : `${model.before} → ${model.after}`}${model.sameSource ? '' : ' (its source has changed)'}`,
    `shards      ${before.shards} → ${after.shards}`,
    `tick        ${sideText(before)} → ${sideText(after)}`,
    `borders     ${formatBytes(before.bytesPerTick)} a tick → ${formatBytes(after.bytesPerTick)}`,
    ...machines.gone.map((name) => `machine     - ${name}`),
    ...machines.added.map((name) => `machine     + ${name}`),
    ...machines.changed.map((name) => `machine     ~ ${name}`),
    ...nodes.gone.map((name) => `node        - ${name}`),
    ...nodes.added.map((name) => `node        + ${name}`),
    ...recut.map(
      (r) =>
        `cut anew    ${r.node}: ${tiles(r.tilesBefore)} on ${r.before.join(', ')} → ${tiles(r.tilesAfter)} on ${r.after.join(', ')}`,
    ),
    ...(moves.length <= MAX_LINES
      ? moves.map((m) => `moves       ${m.piece}: ${m.from} → ${m.to} (${m.why})`)
      : byReason(moves).map(([why, count]) => `moves       ${count} pieces (${why})`)),
    `weights     ${formatBytes(parameterBytes.moved)} of ${formatBytes(parameterBytes.all)} move${parameterBytes.recut > 0 ? `, ${formatBytes(parameterBytes.recut)} are cut anew` : ''}`,
  ];
  return `${lines.join('\n')}\n`;
}

const tiles = (count: number): string => (count === 1 ? 'whole' : `${count} tiles`);

function sideText({ secondsPerTick, bottleneck }: PlanSide): string {
  if (secondsPerTick === null || !bottleneck) return 'not predicted';
  return `${(secondsPerTick * 1e6).toFixed(0)} µs, by ${bottleneck.by} of ${bottleneck.machine}`;
}

function byReason(moves: PlanDiff['moves']): [string, number][] {
  const counts = new Map<string, number>();
  for (const { why } of moves) counts.set(why, (counts.get(why) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1]);
}
