/** The status of a mesh in plain words: what is going on, the one thing that limits it, and who is or was there. */
import { firstWrongText } from '../../audit/first-wrong.ts';
import type { MeshStatus, RunStatus, ShardStatus } from '../../net/mesh-status.ts';
import { nmc } from '../../support/command-text.ts';
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatMeasure,
  formatPercent,
} from '../../support/format-numbers.ts';
import { formatRate, formatRoundTrip } from '../../support/parse-rate.ts';
import { shortened, wrapped } from './columns.ts';

/** Ended runs that are shown: the newest, of today. */
const MAX_ENDED = 5;
const TODAY_SECONDS = 12 * 3600;
/** Shards of one run that are shown one by one. */
const MAX_SHARDS = 12;
/** Direct connections of one trainer that are shown. */
const MAX_BORDERS = 4;
/** Of a table; the rest of a line belongs to figures. */
const NAME = 16;

const ENDED = ['done', 'stopped', 'failed'];
const STATES: ReadonlyMap<string, string> = new Map([
  ['running', 'training'],
  ['preparing', 'loading'],
  ['checking', 'checking the results'],
  ['halting', 'stopping'],
]);

/** @param all of the runs and shards, however old or many. @param version of this program */
export function statusText(status: MeshStatus, all: boolean, version: string): string {
  const { runs, trainers, more } = status;
  const ended = runs.filter((run) => ENDED.includes(run.state));
  const fresh = ended.filter((run) => endedAge(run) < TODAY_SECONDS).slice(-MAX_ENDED);
  const shown = runs.filter((run) => all || !ended.includes(run) || fresh.includes(run));
  const folded = runs.length - shown.length;
  const lines = [
    ...headLines(status, version),
    ...silentLines(status),
    ...shown.flatMap((run) => runLines(run, all)),
    ...(runs.length === 0 ? ['no runs yet'] : []),
    ...(folded > 0 ? [`${folded} more ${folded === 1 ? 'run has' : 'runs have'} ended: --all shows them`] : []),
    ...damagedLines(status),
    ...trainerLines(trainers),
    ...lostLines(status),
    ...refusedLines(status),
    ...(more > 0 ? [`and ${more} more`] : []),
  ];
  return `${lines.join('\n')}\n`;
}

/** Of the synchronizer, and what to do where this program is of another version. */
function headLines({ synchronizer, trainers }: MeshStatus, version: string): string[] {
  const theirs = synchronizer?.version;
  if (theirs === undefined) return [];
  const count = `${trainers.length} ${trainers.length === 1 ? 'trainer' : 'trainers'}`;
  const head = `mesh of version ${theirs}, wire ${synchronizer?.wire ?? 'unknown'}, ${count}`;
  const others = [...new Set(trainers.map((t) => t.version ?? theirs))].filter((v) => v !== theirs);
  return [
    ...wrapped([head, ...(theirs === version ? [] : [`this is version ${version}`])], 2),
    ...(others.length === 0
      ? []
      : wrapped([`some trainers run version ${others.join(', ')}: a run stays with trainers of one version`], 2)),
  ];
}

/** Of several synchronizers: runs of one that does not answer are shown as they are stored. */
function silentLines({ synchronizers = [] }: MeshStatus): string[] {
  return synchronizers
    .filter(({ answers, runs }) => !answers && runs.length > 0)
    .flatMap(({ address, runs }) =>
      wrapped([`synchronizer ${address} does not answer`, `${runs.join(', ')} as stored`], 2),
    );
}

function endedAge({ snapshotAge, age }: RunStatus): number {
  return snapshotAge ?? age ?? 0;
}

function runLines(run: RunStatus, all: boolean): string[] {
  const ended = ENDED.includes(run.state);
  const state = STATES.get(run.state) ?? run.state;
  const since = ended ? ` ${formatDuration(endedAge(run))} ago` : '';
  const unchecked = run.checked === 'unchecked' ? ', unchecked' : '';
  const reason = run.reason === '' ? [] : [run.reason];
  const progress = ended ? [] : [progressText(run)];
  const head = wrapped([shortened(run.run, 40), `${state}${since}${unchecked}`, ...progress], 2);
  return [
    ...head,
    ...reason.flatMap((words) => wrapped([`  because: ${words}`], 4)),
    ...wrapped([`  ${run.model} ${run.task}, ${scheduleText(run)}`, ...resultParts(run)], 4),
    ...mismatchLines(run),
    ...(ended || !run.limit ? [] : wrapped([`  limited by ${run.limit}`], 4)),
    ...(ended ? [] : sharingLines(run)),
    ...(ended ? [] : shardLines(run, all)),
  ];
}

function mismatchLines({ run, mismatches = [] }: RunStatus): string[] {
  return mismatches.flatMap(({ trainer, shard, call, from, to, first }) =>
    wrapped(
      [
        `  mismatch: ${trainer} has not computed shard ${shard} as it signed it, first in call ${call} (${from} to ${to - 1})`,
        ...(first ? [firstWrongText(first)] : []),
        `do it again: ${nmc`audit ${run} ${shard} ${call}`}`,
      ],
      4,
    ),
  );
}

function progressText({ epoch, epochs, batches, shards }: RunStatus): string {
  const batch = Math.min(...shards.map((s) => s.batch));
  const within = batches && Number.isFinite(batch) ? `, batch ${batch} of ${batches}` : '';
  return `epoch ${epoch} of ${epochs}${within}`;
}

function scheduleText({ schedule, microbatches, ahead, staleness = 0, late, lateTicks = 0 }: RunStatus): string {
  const without = late ? ', without neighbours that do not answer' : '';
  const now = lateTicks > staleness ? ` where frames are ${lateTicks} ticks on their way now` : '';
  const stale = schedule === 'async' ? `, values at most ${staleness} ticks old${now}${without}` : '';
  return `${schedule}${stale}${microbatches > 1 ? ` in ${microbatches}` : ''}${ahead > 0 ? `, ${ahead} ahead` : ''}`;
}

function resultParts({ samplesPerSecond, energy, accuracy, snapshotAge, state }: RunStatus): string[] {
  const snapshot = snapshotAge === null ? 'no snapshot yet' : `snapshot ${formatDuration(snapshotAge)} ago`;
  return [
    ...(samplesPerSecond === null || ENDED.includes(state) ? [] : [`${formatCount(samplesPerSecond)} samples/s`]),
    ...(energy === null ? [] : [`energy ${formatMeasure(energy)}`]),
    ...(accuracy === null ? [] : [`accuracy ${formatPercent(accuracy)}`]),
    ...(ENDED.includes(state) && snapshotAge !== null ? [] : [snapshot]),
  ];
}

/** Where it has parts of trainers, or waits for some. */
function sharingLines({ share = 0, fairShare = 0, trainers = [], start }: RunStatus): string[] {
  if (start) {
    const until = start.at === 'end' ? 'the end' : 'the next snapshot';
    return wrapped(
      [`  begins in about ${formatDuration(start.seconds)}, at ${until} of ${shortened(start.of, 40)}`],
      4,
    );
  }
  if (trainers.length === 0 || share > trainers.length - 0.01) return [];
  return wrapped(
    [
      `  shares ${trainers.length} trainers with other runs, which makes ${rounded(share)} of them;`,
      `its fair share is ${rounded(fairShare)}`,
    ],
    4,
  );
}

function rounded(trainers: number): string {
  return String(Math.round(10 * trainers) / 10);
}

/** Of many shards those that limit the run, those that do not train, then the first ones. */
function shardLines({ shards, limitedBy = [] }: RunStatus, all: boolean): string[] {
  const rank = (s: ShardStatus): number => (limitedBy.includes(s.shard) ? 0 : isAtWork(s) ? 2 : 1);
  const most = all ? shards.length : MAX_SHARDS;
  const shown = new Set([...shards].sort((a, b) => rank(a) - rank(b) || a.shard - b.shard).slice(0, most));
  const rows = shards.filter((s) => shown.has(s)).map((s) => shardLine(s, limitedBy.includes(s.shard)));
  const rest = shards.length - rows.length;
  return [
    shardRow(['  shard', 'trainer', 'state', 'ticks/s', 'busy', 'direct', 'sent/received']),
    ...rows,
    ...(rest > 0 ? [`  and ${rest} more shards that train: --all shows them`] : []),
  ];
}

/**
 * In lockstep a shard waits for its neighbours again and again: what holds it up in the end is said of the whole run.
 */
function isAtWork({ state }: ShardStatus): boolean {
  return state === 'running' || state === 'waiting';
}

function shardLine(shard: ShardStatus, limits: boolean): string {
  const { state, trainer, ticksPerSecond, busy, borders, direct, bytesSent, bytesReceived } = shard;
  return shardRow([
    `${limits ? '>' : ' '} ${shard.shard}`,
    trainer ?? 'nobody',
    isAtWork(shard) && trainer !== null ? 'training' : state,
    formatCount(ticksPerSecond),
    `${Math.round(busy * 100)} %`,
    borders === 0 ? '-' : `${direct}/${borders}`,
    `${formatBytes(bytesSent)}/${formatBytes(bytesReceived)}`,
  ]);
}

/** `direct`: so many of its borders go straight to another trainer. */
function shardRow(row: readonly [string, string, string, string, string, string, string]): string {
  const [shard, trainer, state, ticks, busy, direct, bytes] = row;
  const left = [cell(shard, 7), cell(trainer, NAME), cell(state, 9)];
  const right = [[ticks, 8] as const, [busy, 5] as const, [direct, 7] as const].map(([text, width]) =>
    shortened(text, width).padStart(width),
  );
  return [...left, ...right, ` ${shortened(bytes, 19)}`].join(' ').trimEnd();
}

function trainerLines(trainers: MeshStatus['trainers']): string[] {
  if (trainers.length === 0) return ['there is no trainer'];
  const row = (name: string, state: string, version: string, memory: string, link: string): string =>
    [...[cell(name, 18), cell(state, 11), cell(version, 8), cell(memory, 20)], shortened(link, 19)].join(' ').trimEnd();
  return [
    row('trainer', 'state', 'nmc', 'memory', 'link'),
    ...trainers.flatMap((t) => {
      const { memory } = t.capability;
      const lent = memory > 0 ? `${formatBytes(t.used ?? 0)} of ${formatBytes(memory)}` : '-';
      const state = t.state === 'silent' && t.heard !== undefined ? `silent ${Math.round(t.heard)} s` : t.state;
      return [
        row(t.name, state, t.version ?? '-', lent, linkText(t.capability)),
        ...workLines(t.work),
        ...borderLines(t.borders),
        ...auditedLines(t),
      ];
    }),
  ];
}

/** Whose work it does. */
function workLines(work: MeshStatus['trainers'][number]['work'] = []): string[] {
  if (work.length === 0) return [];
  const parts = work.map(({ run, shards }) => {
    const some = shards.slice(0, MAX_SHARDS).join(', ');
    const rest = shards.length > MAX_SHARDS ? ` and ${shards.length - MAX_SHARDS} more` : '';
    return `${shortened(run, 40)} (shard${shards.length === 1 ? '' : 's'} ${some}${rest})`;
  });
  return wrapped(['  works for', ...parts], 4);
}

/** Direct connections that were measured, the fastest first. */
function borderLines(borders: MeshStatus['trainers'][number]['borders'] = []): string[] {
  if (borders.length === 0) return [];
  const sorted = [...borders].sort((a, b) => b.rate - a.rate);
  const parts = sorted.slice(0, MAX_BORDERS).map(({ name, rate, roundTrip, age }) => {
    const speed = `${formatRate(rate)}, ${formatRoundTrip(roundTrip)}`;
    return `to ${shortened(name, NAME)} ${speed} (${formatDuration(age)} ago)`;
  });
  const rest = borders.length - parts.length;
  return wrapped(['  directly', ...parts, ...(rest > 0 ? [`and ${rest} more`] : [])], 4);
}

/** Of those that work, and of those that are suspicious. */
function auditedLines({ audited, state }: MeshStatus['trainers'][number]): string[] {
  if (!audited || (state !== 'training' && audited.suspicion === 0)) return [];
  const { rate, suspicion, why } = audited;
  const rated = `  audited in ${formatPercent(rate)} of its stretches`;
  return wrapped(suspicion === 0 ? [rated] : [rated, `suspicion ${suspicion.toFixed(2)}: ${why}`], 4);
}

function cell(text: string, width: number): string {
  return shortened(text, width).padEnd(width);
}

/** The way to the mesh and back, and its width where that is known. */
function linkText({ roundTrip, upload, download }: MeshStatus['trainers'][number]['capability']): string {
  const delay = roundTrip === undefined ? '-' : formatRoundTrip(roundTrip);
  const widths = [upload, download].map((bytes) => (bytes > 0 ? formatCount((8 * bytes) / 1e6) : '?'));
  return upload > 0 || download > 0 ? `${delay} ${widths.join('/')} Mbit/s` : delay;
}

function damagedLines({ damaged = [] }: MeshStatus): string[] {
  return damaged.flatMap((run) =>
    wrapped([`${shortened(run, 40)} is damaged: its record cannot be read and was set aside; deploy it again`], 2),
  );
}

function lostLines({ lost = [] }: MeshStatus): string[] {
  return lost.flatMap(({ name, ago, why }) =>
    wrapped([`${shortened(name, 24)} lost ${formatDuration(ago)} ago: ${why}`], 2),
  );
}

function refusedLines({ refused, refusedAge = {} }: MeshStatus): string[] {
  const counted = Object.entries(refused).map(([why, count]) => {
    const age = refusedAge[why];
    return `${count} ${why}${age === undefined ? '' : ` (last ${formatDuration(age)} ago)`}`;
  });
  if (counted.length === 0) return [];
  return wrapped(['refused:', ...counted.map((words, i) => (i < counted.length - 1 ? `${words},` : words))], 2);
}
