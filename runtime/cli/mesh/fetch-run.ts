/** A run of the mesh as a run folder: its newest snapshot, metrics and plan, in the layout of a local run. */
import { resolve } from 'node:path';
import type { State } from '../../../spec/program.ts';
import { KEPT_VOCABULARY } from '../../data/vocabulary-file.ts';
import { ask } from '../../net/ask.ts';
import type { Link } from '../../net/link.ts';
import { soundDeployment } from '../../net/read-deployment.ts';
import type { VerifiedPlan } from '../../plan/verify-plan.ts';
import type { StoredRun } from '../../roles/synchronizer-state.ts';
import type { SavedStates } from '../../shard/shard.ts';
import { joinTilesLate } from '../../shard/tiles.ts';
import { createRun } from '../../store/create-run.ts';
import type { JsonValue } from '../../store/run-config.ts';
import type { RunState } from '../../store/run-folder.ts';
import type { NamedTensor } from '../../store/safetensors-types.ts';
import { nmc } from '../../support/command-text.ts';
import { UserError } from '../../support/errors.ts';
import { folderOf, ownPath } from '../../support/safe-path.ts';
import { batchesBehind, batchesOf, callsPerEpoch } from '../../training/calls.ts';
import { metricsOf } from '../../training/epoch-report.ts';
import { isCheck } from '../../training/evaluations.ts';
import { checkTotal, RUN_PLAN, RUN_PLAN_FILE } from '../training/train-settings.ts';
import { fetchParts } from './fetched-parts.ts';
import { fetchPlanFiles } from './fetched-plan.ts';

export type FetchedRun = Pick<StoredRun, 'deployment' | 'manifests' | 'rows' | 'checks' | 'phase'>;

/** @throws UserError `mesh/run`, `mesh/deployment` */
export async function askRun(link: Link, run: string): Promise<FetchedRun> {
  const answer = await ask(link, { what: 'run', run });
  const deployment = soundDeployment(answer.deployment, run);
  for (const { parts } of answer.manifests)
    if (parts.length !== deployment.shards)
      throw new UserError('mesh/run', `a snapshot of ${run} has ${parts.length} parts for ${deployment.shards} shards`);
  return answer;
}

/** @throws UserError `mesh/no-snapshot` */
export function newestManifest(run: FetchedRun): FetchedRun['manifests'][number] {
  const manifest = run.manifests.at(-1);
  if (manifest) return manifest;
  throw new UserError(
    'mesh/no-snapshot',
    `${run.deployment.run} has no snapshot yet`,
    `to see when there is one: ${nmc`status`}`,
  );
}

/** Whole, each once: what every shard has of the weights. */
export function wholeParameters(
  parts: readonly SavedStates[],
  programs: readonly { readonly states: readonly State[] }[],
): NamedTensor[] {
  const states = programs.flatMap((p) => p.states);
  return joinTilesLate(once(parts.flatMap((p) => p.parameters)), states);
}

/** The state of the newest manifest, of all shards together. @param parts of it */
function stateOf(
  run: FetchedRun,
  parts: readonly SavedStates[],
  programs: readonly { readonly states: readonly State[] }[],
): RunState {
  const manifest = newestManifest(run);
  const states = programs.flatMap((p) => p.states);
  const perEpoch = callsPerEpoch(run.deployment);
  const batches = batchesOf(run.deployment);
  const epoch = Math.floor(manifest.calls / perEpoch);
  const batch = batchesBehind(run.deployment, manifest.calls);
  // Statistics of the data are with every shard that reads them.
  return {
    epoch,
    batch,
    update: epoch * batches + batch,
    finished: false,
    totals: {},
    parameters: wholeParameters(parts, programs),
    auxiliary: joinTilesLate(once(parts.flatMap((p) => p.auxiliary)), states),
  };
}

function once<T extends { readonly name: string }>(tensors: readonly T[]): T[] {
  return [...new Map(tensors.map((t) => [t.name, t])).values()];
}

export async function writeFetchedRun(link: Link, run: FetchedRun, directory: string): Promise<void> {
  const { files, loaded } = await fetchPlanFiles(link, run.deployment);
  const { vocabulary } = run.deployment;
  const kept = new Map<string, Uint8Array>(
    vocabulary ? [[KEPT_VOCABULARY, await link.getBlob(vocabulary.blob, vocabulary.bytes)]] : [],
  );
  const { plan, programs } = loaded;
  const parent = folderOf(ownPath(resolve(directory)));
  const parts = await fetchParts(link, newestManifest(run).parts, programs, parent);
  try {
    await writeRun(run, stateOf(run, parts.states, programs), plan, new Map([...inRun(files), ...kept]), directory);
  } finally {
    parts.remove();
  }
}

/** @param files of a plan, by path within it */
function inRun(files: ReadonlyMap<string, Uint8Array>): [string, Uint8Array][] {
  return [...files].map(([path, bytes]) => [`${RUN_PLAN}/${path}`, bytes]);
}

/** @param files of the run, by path within it */
async function writeRun(
  run: FetchedRun,
  state: RunState,
  plan: VerifiedPlan['plan'],
  files: ReadonlyMap<string, Uint8Array>,
  directory: string,
): Promise<void> {
  const { deployment, rows, phase } = run;
  const config = {
    model: deployment.model,
    task: deployment.task,
    settings: {
      device: 'auto',
      data: null,
      folder: '.',
      limit: deployment.source.limit ?? null,
      epochs: deployment.epochs,
      batch: deployment.batch,
      rule: plan.training?.rule ?? '',
      set: { ...deployment.source.set },
      plan: RUN_PLAN_FILE,
      ...(deployment.trainedOn === undefined ? {} : { trainedOn: deployment.trainedOn as unknown as JsonValue }),
    },
    compilerVersion: deployment.source.compiler,
    seed: deployment.seed,
    parameterCount: plan.shards.reduce((sum, s) => sum + s.parameterCount, 0),
    source: { path: deployment.source.path, text: deployment.source.text },
  };
  const folder = createRun({ directory }, config, state, { files });
  try {
    for (const row of rows) folder.appendMetrics(metricsOf(row));
    if (phase !== 'done') return;
    const results = deployment.evaluations.filter(isCheck).map((e, i) => {
      const found = run.checks[i];
      return {
        metric: e.metric,
        data: deployment.checks[i]?.name ?? '',
        value: found?.value ?? Number.NaN,
        requirement: `${e.comparison} ${e.bound}`,
        holds: found?.pass ?? false,
      };
    });
    const seconds = rows.reduce((sum, r) => sum + r.seconds, 0);
    // What the mesh has measured is told again by a run that is resumed, as one's own checks are.
    const totals = Object.fromEntries(
      run.checks.flatMap(({ value }, i) => (typeof value === 'number' ? [[checkTotal(i), value] as const] : [])),
    );
    await folder.finish(
      { ...state, totals },
      {
        epochs: deployment.epochs,
        seconds,
        device: `mesh (${deployment.shards} shards)`,
        results,
      },
    );
  } finally {
    folder.close();
  }
}
