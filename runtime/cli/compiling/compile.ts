/** `nmc compile`: writes the plan of a model. */
import { basename } from 'node:path';
import { bytesPart, type PlanDraft } from '../../../compiler/8-plan/build.ts';
import { writeCanonical } from '../../../compiler/8-plan/canonical.ts';
import type { Staged } from '../../../compiler/compile.ts';
import type { PlanPart } from '../../../spec/plan.ts';
import type { Precision } from '../../../spec/precision.ts';
import type { Program } from '../../../spec/program.ts';
import { writePlanParts } from '../../plan/write-plan.ts';
import { nmc } from '../../support/command-text.ts';
import { emit } from '../../support/emit.ts';
import { UserError } from '../../support/errors.ts';
import { formatBytes, formatCount } from '../../support/format-numbers.ts';
import { printed } from '../../support/printable.ts';
import { withProgress } from '../../support/progress.ts';
import { asPlanned } from '../planning/as-planned.ts';
import { cutText, planRate } from '../planning/plan-rate.ts';
import { EXIT } from '../shell/command.ts';
import { precisionOf } from '../shell/command-device.ts';
import { timed } from '../shell/debug.ts';
import { valuesText } from '../shell/values-text.ts';
import {
  buildStagesFor,
  type CheckedModel,
  type Cut,
  checkModel,
  cutPlanOf,
  fileArgument,
  meshCutOf,
  planWithKernels,
  selectTask,
} from './compile-model.ts';
import { gpuKernels } from './gpu-kernels.ts';
import { asScheduled } from './microbatches.ts';
import type { CompileArguments } from './options.ts';
import { widthParameterOf } from './width-parameter.ts';

export default async function (args: CompileArguments): Promise<number> {
  const path = fileArgument(args.file);
  const model = checkModel(path, args);
  const cut = await meshCutOf(args);
  const asked = selectTask(model, args.task, args);
  const selected = cut.from ? asPlanned(asked, cut.from) : asked;
  const whole = buildStagesFor(cut.shards, selected);
  const precision = precisionOf(args);
  if (precision !== 'f32' && cut.shards > 1)
    throw new UserError(
      'precision/shards',
      `the kernels of several shards are made on the machines that run them: ${precision} works only for one shard`,
      'leave --partition or --precision out',
    );
  const staged = asScheduled(selected, whole, cut.shards, args);
  const draft = cut.shards > 1 ? cutPlanOf(model, staged, cut) : await wholePlanOf(model, staged, cut, precision);
  const folder = args.out ?? `${basename(path).replace(/\.pcn$/, '')}.plan`;
  const hash = withProgress((note) =>
    timed('writing', () =>
      writePlanParts(folder, told(draft.parts, cut.shards, note), (files, sink) =>
        writeCanonical({ ...draft.whole().plan, files }, sink),
      ),
    ),
  );
  const { plan, shards } = draft.whole();
  const rate = planRate(plan, shards ?? []);
  if (args.json) {
    const values = plan.training?.values;
    const told = { ...(rate ? { rate } : {}), ...(values ? { values } : {}) };
    emit({ event: 'compiled', out: folder, sha256: hash, model: plan.model, shards: plan.shards.length, ...told });
    return EXIT.done;
  }
  const gain = cutText(rate, widthParameterOf(selected.model));
  const parameters = plan.shards.reduce((sum, s) => sum + s.parameterCount, 0);
  const memory = plan.shards.reduce((sum, s) => sum + s.memory, 0);
  const flops = plan.shards.reduce((sum, s) => sum + s.flopsPerBatch, 0);
  process.stdout.write(
    `${plan.model}  ${plan.shards.reduce((sum, s) => sum + s.nodes.length, 0)} ${plan.shards.length > 1 ? 'pieces' : 'nodes'}, ${formatCount(parameters)} parameters → ${plan.shards.length} shard${plan.shards.length > 1 ? 's' : ''}\n` +
      `memory  ${formatBytes(memory)}\n` +
      (plan.training
        ? `work    ${(flops / 1e6).toFixed(1)} MFLOP a batch of ${plan.training.batch} (${plan.training.rule})\n`
        : '') +
      (plan.training?.values ? `${valuesText(plan.training.values)}\n` : '') +
      (gain === undefined ? '' : `rate    ${gain}\n`) +
      printed`wrote   ${folder} (sha256 ${hash.slice(0, 12)}…)    next: ${nmc`show ${folder}`}\n`,
  );
  return EXIT.done;
}

function* told(parts: Iterable<PlanPart>, shards: number, note: (doing: string) => void): Generator<PlanPart> {
  for (const part of parts) {
    const shard = /^shards\/(\d+)\/program/.exec(part.path)?.[1];
    if (shard !== undefined) note(`kernels and files of shard ${Number(shard) + 1} of ${shards}`);
    yield part;
  }
}

async function wholePlanOf(
  model: CheckedModel,
  staged: Staged,
  cut: Cut,
  precision: Precision,
): Promise<Omit<PlanDraft, 'program'>> {
  const lower = async (program: Program) => (await timed('kernels', () => gpuKernels(program, precision))).files;
  const { plan, files } = await planWithKernels(model, staged, cut, lower);
  return { parts: [...files].map(([path, bytes]) => bytesPart(path, bytes)), whole: () => ({ plan }) };
}
