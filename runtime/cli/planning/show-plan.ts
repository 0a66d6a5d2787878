/** `nmc show PLAN`: what each shard holds, does and exchanges, what limits the whole, and what would help. */
import type { Plan } from '../../../spec/plan.ts';
import type { VerifiedPlan } from '../../plan/verify-plan.ts';
import { writeFileAtomic } from '../../support/atomic.ts';
import { emit } from '../../support/emit.ts';
import { formatBytes, formatCount } from '../../support/format-numbers.ts';
import { printed } from '../../support/printable.ts';
import { ownPath } from '../../support/safe-path.ts';
import { EXIT } from '../shell/command.ts';
import { valuesText } from '../shell/values-text.ts';
import { openPlan } from './open-plan.ts';
import { figuresOf, type PlanFigures, type ShardFigures } from './plan-figures.ts';
import { planMemory } from './plan-memory.ts';
import { cutText, type PlanRate, planRate } from './plan-rate.ts';

export interface ShowPlanOptions {
  readonly json: boolean;
  /** A picture: a path, or '' for standard output. */
  readonly svg?: string;
  readonly html?: string;
}

export async function showPlan(folder: string, { json, svg, html }: ShowPlanOptions): Promise<number> {
  const verified = openPlan(folder);
  const { plan, programs } = verified;
  const figures = { ...figuresOf(plan, planMemory(verified)), rate: rateOf(verified) };
  if (svg !== undefined || html !== undefined) return draw({ plan, programs }, figures, { json, svg, html });
  if (json) {
    emit({ ...figures });
    return EXIT.done;
  }
  process.stdout.write(textOf(plan, figures));
  return EXIT.done;
}

export function rateOf({ plan, programs, schedules }: Pick<VerifiedPlan, 'plan' | 'programs' | 'schedules'>) {
  const shards = programs.flatMap((program, i) => (schedules[i] ? [{ program, schedule: schedules[i] }] : []));
  return planRate(plan, shards) ?? null;
}

async function draw(
  { plan, programs }: Pick<VerifiedPlan, 'plan' | 'programs'>,
  figures: RatedFigures,
  { json, svg, html }: { readonly json: boolean; readonly svg: string | undefined; readonly html: string | undefined },
): Promise<number> {
  const { planSvg } = await import('../../../compiler/8-plan/svg.ts');
  const picture = await planSvg(plan, programs);
  const { planPage } = await import('./plan-page.ts');
  const wanted = [
    ['svg', svg, () => picture],
    ['html', html, () => planPage(picture, textOf(plan, figures), plan.model)],
  ] as const;
  const written: Record<string, string> = {};
  for (const [kind, path, make] of wanted) {
    if (path === undefined) continue;
    if (path !== '') writeFileAtomic(ownPath(path), make());
    else if (!json) process.stdout.write(make());
    written[kind] = path === '' ? make() : path;
  }
  if (json) emit({ ...figures, ...written });
  return EXIT.done;
}

export interface RatedFigures extends PlanFigures {
  readonly rate: PlanRate | null;
}

export function textOf(plan: Plan, figures: RatedFigures): string {
  const { model, compiler, task, rule, batch } = figures;
  const head = `${model} · ${compiler}${task === null ? '' : ` · ${task}: ${rule}, batches of ${batch}`}`;
  const ends = [
    ...(plan.training?.values ? [valuesText(plan.training.values)] : []),
    ...plan.predictions.map((p) => `predict ${p.task}: ${p.reads.map((r) => r.name).join(', ')}`),
    ...plan.checks.map((c) => `check ${c.text}`),
  ];
  return `${head}\n\n${tableOf(figures)}\n${bottleneckOf(figures)}${rateText(figures)}${ends.map((line) => `\n${line}`).join('')}\n`;
}

/** Rows of cells, the first on the left, the others on the right. */
function columns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows.map((row) => row.map((cell, i) => cell.padStart(widths[i] ?? 0)).join('  ')).join('\n');
}

function tableOf({ shards, totals, bottleneck }: PlanFigures): string {
  if (!bottleneck)
    return columns([
      ['shard', 'nodes', 'parameters', 'memory', 'work/batch'],
      ...shards.map((s) => [String(s.shard), ...commonCells(s), megaflops(s.flopPerBatch)]),
    ]);
  const named = shards.some((s) => s.machine !== null);
  const place = (name: string): string[] => (named ? [name] : []);
  return columns([
    [
      'shard',
      ...place('machine'),
      'nodes',
      'parameters',
      'memory',
      'work/tick',
      'out/tick',
      'in/tick',
      'ticks/s',
      'limited by',
    ],
    ...shards.map((s) => [
      String(s.shard),
      ...place(s.machine ?? ''),
      ...commonCells(s),
      megaflops(s.flopPerTick ?? 0),
      formatBytes(s.sentBytes),
      formatBytes(s.receivedBytes),
      rate(s.ticksPerSecond),
      s.limit ?? '',
    ]),
    [
      'all',
      ...place(''),
      ...commonCells(totals),
      megaflops(totals.flopPerTick ?? 0),
      formatBytes(totals.borderBytes),
      formatBytes(shards.reduce((sum, s) => sum + s.receivedBytes, 0)),
      rate(totals.ticksPerSecond),
      '',
    ],
  ]);
}

function commonCells(s: Pick<ShardFigures, 'nodes' | 'parameters' | 'memory'>): string[] {
  return [String(s.nodes), formatCount(s.parameters), formatBytes(s.memory)];
}

const megaflops = (flops: number): string => `${(flops / 1e6).toFixed(2)} MFLOP`;
const rate = (perSecond: number | null): string => (perSecond === null ? '-' : formatCount(perSecond));

function bottleneckOf({ bottleneck, shards, ticks }: PlanFigures): string {
  if (!bottleneck) return '';
  const { shard, machine, by, to, help } = bottleneck;
  const holds = shards[shard]?.holds ?? [];
  const heavy = holds.length === 1 ? `it holds only ${holds[0]}` : `it holds ${holds.length} pieces`;
  return (
    `\nbottleneck  shard ${shard} on ${machine}, by ${by}${to === null ? '' : ` to ${to}`} (${heavy}); ${ticks} ticks a batch\n` +
    `would help  ${help}\n`
  );
}

function rateText({ rate: found, shards }: RatedFigures): string {
  if (!found) return '';
  const { samplesPerSecond, machines, limit } = found;
  const cut = cutText(found);
  return (
    printed`rate        ${formatCount(Math.round(samplesPerSecond))} samples/s, a machine for each of ${shards.length} shards (${machines}); limited by ${limit}\n` +
    (cut === undefined ? '' : `            ${cut}\n`)
  );
}
