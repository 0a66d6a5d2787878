/** `nmc deploy`: a plan, with its data, onto the trainers of a mesh. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { planBytes } from '../../compiler/8-plan/build.ts';
import type { Plan } from '../../spec/plan.ts';
import { parseProgram } from '../../spec/program-text.ts';
import { statisticsOf } from '../data/statistics.ts';
import { makeDeployment } from '../net/make-deployment.ts';
import type { MeshStatus } from '../net/mesh-status.ts';
import { PLAN_FILE } from '../plan/plan-files.ts';
import { isPlanFolder } from '../plan/plan-folder.ts';
import { assertTrainable } from '../shard/trainable.ts';
import { emit } from '../support/emit.ts';
import { UserError } from '../support/errors.ts';
import { type Arguments, EXIT, flag, text } from './command.ts';
import { buildStages, checkModel, cutOf, fileArgument, planOf, requireTask, selectTask } from './compile-model.ts';
import { showPlacement } from './deploy-placement.ts';
import { watchRun } from './deploy-watch.ts';
import { openMesh } from './mesh-link.ts';
import { openPlan } from './open-plan.ts';
import { packageVersion } from './package-root.ts';
import { chosenSettings, type TrainSettings, trainingOf } from './train-settings.ts';
import { dataOpener, openTrainingData } from './training-data.ts';
import { wholeNumber } from './whole-number.ts';

interface Wanted {
  readonly plan: Plan;
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly chosen: TrainSettings;
  readonly source: { readonly path: string; readonly text: string };
}

export default async function (args: Arguments): Promise<number> {
  const schedule = text(args, 'schedule') ?? 'lockstep';
  if (schedule !== 'lockstep')
    throw new UserError(
      'deploy/schedule',
      schedule === 'pipelined' ? 'this nmc cannot run the pipelined schedule yet' : `there is no schedule ${schedule}`,
      'use --schedule lockstep',
    );
  const wanted = await planOrModel(args);
  const { plan, files, chosen } = wanted;
  const training = trainingOf(plan);
  const link = await openMesh(args);
  try {
    if (flag(args, 'dry-run')) {
      const status = (await link.ask({ what: 'status' })) as MeshStatus;
      return showPlacement(plan, training, status, flag(args, 'json'));
    }
    const data = await openTrainingData(plan, training, dataOpener(chosen));
    assertTrainable(plan, training, data);
    const { deployment, blobs } = makeDeployment({
      plan,
      training,
      files,
      data,
      statistics: statisticsOf(
        plan.shards.flatMap((s) => statisticStates(files, s.program)),
        data.train,
      ),
      epochs: chosen.epochs,
      seed: chosen.seed,
      snapshotEvery: wholeNumber(args, 'snapshot-every', 1),
      codec: codecOf(args),
      source: { ...wanted.source, compiler: packageVersion() },
    });
    const { missing } = (await link.ask({ what: 'missing', blobs: [...blobs.keys()] })) as { missing: string[] };
    for (const hash of missing) await link.putBlob(hash, blobs.get(hash) ?? new Uint8Array(0));
    await link.ask({ what: 'deploy', deployment });
    if (flag(args, 'watch')) return await watchRun(link, deployment.run, plan, training, flag(args, 'json'));
    if (flag(args, 'json')) emit({ event: 'deployed', run: deployment.run, shards: deployment.shards });
    else
      process.stdout.write(
        `${deployment.run} is deployed in ${deployment.shards} shard${deployment.shards === 1 ? '' : 's'}\n  nmc status   nmc logs ${deployment.run}   nmc fetch ${deployment.run} -o DIR\n`,
      );
    return EXIT.done;
  } finally {
    link.close();
  }
}

async function planOrModel(args: Arguments): Promise<Wanted> {
  const path = fileArgument(args);
  if (isPlanFolder(path)) return fromPlan(path, args);
  const model = checkModel(path, args);
  const selected = requireTask(selectTask(model, text(args, 'task'), args), path);
  const { plan, files } = await planOf(model, buildStages(selected), cutOf(args, 'partition'));
  const all = new Map([[PLAN_FILE, planBytes(plan)] as const, ...files]);
  const chosen = chosenSettings(args, path, selected.task);
  return { plan, files: all, chosen, source: { path, text: model.texts.get(path) ?? '' } };
}

function fromPlan(path: string, args: Arguments): Wanted {
  if (text(args, 'partition') !== undefined)
    throw new UserError(
      'deploy/partition',
      `${path} is a plan, which is cut already`,
      'compile it again with --partition, or deploy the model file',
    );
  const { plan } = openPlan(path);
  const training = trainingOf(plan);
  const names = [PLAN_FILE, ...plan.files.map((f) => f.path)];
  const files = new Map(names.map((name) => [name, new Uint8Array(readFileSync(join(path, name)))] as const));
  const epochs = wholeNumber(args, 'epochs', 1) ?? training.epochs;
  return { plan, files, chosen: chosenSettings(args, path, { epochs }), source: { path, text: '' } };
}

function codecOf(args: Arguments): 'f32' | 'f16' {
  const codec = text(args, 'borders') ?? 'f32';
  if (codec === 'f32' || codec === 'f16') return codec;
  throw new UserError('deploy/codec', `there is no codec ${codec}`, 'use --borders f32 or --borders f16');
}

/** States that begin from the data, found in the programs' texts. */
function statisticStates(
  files: ReadonlyMap<string, Uint8Array>,
  path: string,
): ReturnType<typeof parseProgram>['states'] {
  return parseProgram(new TextDecoder().decode(files.get(path) ?? new Uint8Array(0))).states;
}
