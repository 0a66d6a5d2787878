/**
 * The checks of a finished run are computed again from its weights: by the synchronizer where the model fits there,
 * else by trainers on shards that they have not trained; else the run is marked as unchecked.
 */
import { isShare, metricCalled } from '../../spec/metrics.ts';
import { comparedNames } from '../../spec/names.ts';
import type { Checked } from '../../spec/run-events.ts';
import { callsPerEpoch, lastEvaluations } from '../training/calls.ts';
import { accuracyIn, isCheck, validationIn } from '../training/evaluations.ts';
import { finiteOrNull, holds, measured } from '../training/metrics.ts';
import { comparedIn, summed } from '../training/totals.ts';
import { end } from './ending.ts';
import { exclude } from './faults.ts';
import { candidates, canPlace, reassign, release } from './ownership.ts';
import type { PendingPart, Refusal, RunState, SynchronizerEvent } from './synchronizer-state.ts';
import type { Work } from './work.ts';

/**
 * Another device rounds otherwise: so many samples of a data set, or such a share of it, may fall on the other side.
 */
const SAMPLES = 3;
const SHARE_OF_SAMPLES = 0.01;
/** The same of an error, relative to it. */
const SHARE_OF_ERROR = 0.05;

export function firstCheck(work: Work, run: RunState): void {
  const manifest = run.manifests.at(-1);
  if (run.phase !== 'checking' || !manifest) return;
  work.log(run.deployment.run, { event: 'checking', calls: manifest.calls });
  work.effects.push({ kind: 'check', run: run.deployment.run, calls: manifest.calls, parts: manifest.parts });
}

export function checked(work: Work, event: SynchronizerEvent & { kind: 'checked' }): Refusal | undefined {
  const run = work.state.runs[event.run];
  if (!run || run.foreign) return 'unknown-run';
  if (run.phase !== 'checking' || run.manifests.at(-1)?.calls !== event.calls) return 'not-asked';
  if (event.values) judge(work, run, event.values, 'recomputed');
  else byOthers(work, run, event.problem ?? 'the synchronizer does not compute it');
  return undefined;
}

function byOthers(work: Work, run: RunState, why: string): void {
  const asked = { ...run, checkingFrom: lastEvaluations(run.deployment) };
  if (canPlace(work, asked)) reassign(work, asked, `its checks are computed again by others: ${why}`);
  else unchecked(work, run, why);
}

/** The checks are not computed again. */
export function unchecked(work: Work, run: RunState, why: string): void {
  work.log(run.deployment.run, { event: 'unchecked', reason: why });
  finish(work, run, run.checks, 'unchecked', why);
}

/** All others have brought what they found. */
export function checkingOver(work: Work, run: RunState, parts: Readonly<Record<number, PendingPart>>): void {
  release(work, run.owners, run);
  const totals = summed(Object.values(parts).map((p) => p.totals));
  judge(
    work,
    run,
    run.deployment.evaluations.map((e, i) => measured(e, comparedIn(totals, i))),
    'by-others',
  );
}

function judge(work: Work, run: RunState, values: readonly (number | null)[], how: 'recomputed' | 'by-others'): void {
  const { evaluations } = run.deployment;
  const valueAt = (i: number): number => values[i] ?? Number.NaN;
  const { lost = [] } = run;
  // Who trained without a shard has checked without it, and its last weights are counted here.
  const wrong = lost.length > 0 ? -1 : evaluations.findIndex((_, i) => differs(run, i, claimedOf(run, i), valueAt(i)));
  if (wrong < 0) {
    const found = evaluations
      .filter(isCheck)
      .map((e, i) => ({ check: e.check, value: finiteOrNull(valueAt(i)), pass: holds(e, valueAt(i)) }));
    const validation = validationIn(evaluations);
    const last = validation < 0 ? run : withValidation(run, finiteOrNull(valueAt(validation)));
    finish(work, last, found, how, lost.length > 0 ? lostText(run, found) : '');
    return;
  }
  const [claimed, computed] = [claimedOf(run, wrong), valueAt(wrong)];
  const said = `${evaluations[wrong]?.check}: the trainers say ${claimed}, their weights give ${computed}`;
  const { count } = comparedNames(wrong);
  const shard = Math.max(
    0,
    run.deployment.needs.findIndex((n) => n.totals?.includes(count)),
  );
  const key = run.owners[shard] ?? '';
  const next = { ...run, differences: run.differences + 1 };
  const others = candidates(work, run).some((c) => c.key !== key);
  // It cannot be known which of several trainers is right, and another try would not help.
  if (how === 'by-others' || !others || next.differences >= work.state.limits.differences)
    end(work, next, 'failed', said, 'check/differs');
  else exclude(work, wentBack(next), { key, shard, what: 'check/differs', evidence: said });
}

/** What came of shards that were given up: the trainers have measured without them. */
function lostText({ lost = [], checks, deployment }: RunState, [found]: RunState['checks']): string {
  const said = `shard ${lost.join(', ')} was given up: its weights are older`;
  if (!found) return said;
  const i = deployment.evaluations.findIndex((e) => isCheck(e) && e.check === found.check);
  // Where that shard compares, nothing was measured.
  const isMeasured = !lost.some((shard) => deployment.needs[shard]?.totals?.includes(comparedNames(i).count));
  const without = isMeasured ? `${checks.find(({ check }) => check === found.check)?.value} without it, ` : '';
  return `${said}; ${found.check} is ${without}${found.value} with them`;
}

/** Reports of the trainers on evaluation `i` of the last epoch. */
function claimedOf({ checks, rows, deployment: { evaluations } }: RunState, i: number): number {
  return (i === validationIn(evaluations) ? rows.at(-1)?.validation : checks[i]?.value) ?? Number.NaN;
}

/** @param validation as it was computed again */
function withValidation(run: RunState, validation: number | null): RunState {
  return { ...run, rows: run.rows.map((row, i) => (i < run.rows.length - 1 ? row : { ...row, validation })) };
}

/** To the snapshot before the last one, as the end cannot be trusted. */
function wentBack(run: RunState): RunState {
  const manifests = run.manifests.slice(0, -1);
  const epochs = Math.floor((manifests.at(-1)?.calls ?? 0) / callsPerEpoch(run.deployment));
  return { ...run, phase: 'preparing', manifests, rows: run.rows.filter((r) => r.epoch <= epochs), checks: [] };
}

function differs(run: RunState, i: number, claimed: number, computed: number): boolean {
  const count = countedOf(run, i);
  const { metric = '' } = run.deployment.evaluations[i] ?? {};
  if (!Number.isFinite(computed) || !Number.isFinite(claimed)) {
    // Of so few samples another device may read none, and then there is no figure.
    if (metricCalled(metric)?.ofSome && count <= SAMPLES) return false;
    return Number.isFinite(computed) !== Number.isFinite(claimed);
  }
  const difference = Math.abs(claimed - computed);
  if (!isShare(metric)) return difference > SHARE_OF_ERROR * Math.max(Math.abs(claimed), Math.abs(computed)) + 1e-9;
  return difference * Math.max(1, count) > Math.max(SAMPLES, SHARE_OF_SAMPLES * count);
}

/** Samples of which each moves evaluation `i` by at most its share, as the trainers count them. */
function countedOf({ deployment, manifests }: RunState, i: number): number {
  const ofSome = metricCalled(deployment.evaluations[i]?.metric ?? '')?.ofSome;
  if (!ofSome) return deployment.checks[i]?.length ?? 1;
  const { count, of = 0 } = comparedIn(manifests.at(-1)?.totals ?? {}, i);
  // Of pairs: no more than there are of the rarer kind, with each of which all of the other kind are paired.
  return ofSome === 'pairs' ? of / Math.max(1, count) : of;
}

function finish(work: Work, run: RunState, checks: RunState['checks'], how: Checked, reason: string): void {
  const { checkingFrom: _, ...rest } = run;
  const { deployment } = run;
  const first = accuracyIn(deployment.evaluations);
  const accuracy = first < 0 ? null : (checks[first]?.value ?? null);
  const rows = run.rows.map((row, i) => (i < run.rows.length - 1 ? row : { ...row, accuracy }));
  work.saveRun({ ...rest, phase: 'done', reason, rows, checks, checked: how });
  const seconds = rows.reduce((sum, r) => sum + r.seconds, 0);
  work.log(deployment.run, { event: 'done', accuracy, seconds, checks, checked: how });
}
