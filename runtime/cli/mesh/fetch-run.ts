/** A run of the mesh as a run folder: its newest snapshot, metrics and plan, in the layout of a local run. */
import { ask } from '../../net/ask.ts';
import type { Link } from '../../net/link.ts';
import { soundDeployment } from '../../net/read-deployment.ts';
import { mostPartBytes } from '../../net/shard-memory.ts';
import { decodeState } from '../../net/shard-state.ts';
import type { VerifiedPlan } from '../../plan/verify-plan.ts';
import type { StoredRun } from '../../roles/synchronizer-state.ts';
import { joinTiles } from '../../shard/tiles.ts';
import { createRun } from '../../store/create-run.ts';
import type { JsonValue } from '../../store/run-config.ts';
import type { RunState } from '../../store/run-folder.ts';
import { nmc } from '../../support/command-text.ts';
import { UserError } from '../../support/errors.ts';
import { batchesBehind, batchesOf, callsPerEpoch } from '../../training/calls.ts';
import { metricsOf } from '../../training/epoch-report.ts';
import { isCheck } from '../../training/evaluations.ts';
import { RUN_PLAN, RUN_PLAN_FILE } from '../training/train-settings.ts';
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

/** The state of the newest manifest, of all shards together. @throws UserError `mesh/no-snapshot` */
export async function fetchState(link: Link, run: FetchedRun, { programs }: VerifiedPlan): Promise<RunState> {
  const manifest = run.manifests.at(-1);
  if (!manifest)
    throw new UserError(
      'mesh/no-snapshot',
      `${run.deployment.run} has no snapshot yet`,
      `to see when there is one: ${nmc`status`}`,
    );
  const parameters: RunState['parameters'][number][] = [];
  const auxiliary: RunState['auxiliary'][number][] = [];
  for (const [shard, blob] of manifest.parts.entries()) {
    const most = mostPartBytes(programs[shard]?.states ?? []);
    const state = decodeState(await link.getBlob(blob, most));
    parameters.push(...state.parameters);
    auxiliary.push(...state.auxiliary);
  }
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
    parameters: joinTiles(once(parameters), states),
    auxiliary: joinTiles(once(auxiliary), states),
  };
}

function once<T extends { readonly name: string }>(tensors: readonly T[]): T[] {
  return [...new Map(tensors.map((t) => [t.name, t])).values()];
}

export async function writeFetchedRun(link: Link, run: FetchedRun, directory: string): Promise<void> {
  const { deployment, rows, phase } = run;
  const { files, loaded } = await fetchPlanFiles(link, deployment);
  const state = await fetchState(link, run, loaded);
  const { plan } = loaded;
  const inRun = new Map([...files].map(([path, bytes]) => [`${RUN_PLAN}/${path}`, bytes]));
  const config = {
    model: deployment.model,
    task: deployment.task,
    settings: {
      device: 'auto',
      data: null,
      folder: '.',
      limit: null,
      epochs: deployment.epochs,
      batch: deployment.batch,
      rule: plan.training?.rule ?? '',
      set: {},
      plan: RUN_PLAN_FILE,
      ...(deployment.trainedOn === undefined ? {} : { trainedOn: deployment.trainedOn as unknown as JsonValue }),
    },
    compilerVersion: deployment.source.compiler,
    seed: deployment.seed,
    parameterCount: plan.shards.reduce((sum, s) => sum + s.parameterCount, 0),
    source: { path: deployment.source.path, text: deployment.source.text },
  };
  const folder = createRun({ directory }, config, state, { files: inRun });
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
    await folder.finish(state, {
      epochs: deployment.epochs,
      seconds,
      device: `mesh (${deployment.shards} shards)`,
      results,
    });
  } finally {
    folder.close();
  }
}
