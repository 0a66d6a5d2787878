/** `nmc new`: a commented model for a file or folder of data, from what it holds. */
import { existsSync } from 'node:fs';
import { basename, dirname, relative, resolve } from 'node:path';
import { describeFile } from '../../data/describe-file.ts';
import { writeFileAtomic } from '../../support/atomic.ts';
import { nmc } from '../../support/command-text.ts';
import { emit } from '../../support/emit.ts';
import { UserError } from '../../support/errors.ts';
import { printed } from '../../support/printable.ts';
import { ownPath } from '../../support/safe-path.ts';
import { EXIT } from '../shell/command.ts';
import { newModel } from './new-model.ts';
import type { NewArguments } from './options.ts';

/** Fewer leave a part without any. */
const MIN_SAMPLES = 5;

export default async function (args: NewArguments): Promise<number> {
  const { data = '' } = args;
  const out = args.out ?? `${modelName(data)}.pcn`;
  if (existsSync(out)) throw new UserError('new/exists', `${out} already exists`, 'name another file: -o FILE.pcn');
  const description = await describeFile(data, args.target);
  const { samples, target, leftOut } = description;
  if (samples < MIN_SAMPLES || (target.kind === 'class' && target.classes < 2))
    throw new UserError(
      'new/inputs',
      target.kind === 'class' && target.classes < 2
        ? `\`${target.field}\` is the same in all samples of ${data}`
        : `${data} has ${samples} samples: too few to train on some and measure on others`,
      'take more samples',
    );
  const path = relative(dirname(resolve(out)), resolve(data)).replaceAll('\\', '/');
  const text = newModel(modelName(out), path, description);
  writeFileAtomic(ownPath(out), text);
  const inputs = description.inputs.map(({ name }) => name);
  if (args.json) {
    const classes = target.kind === 'class' ? { classes: target.classes } : {};
    emit({ event: 'new', model: out, samples, inputs, target: target.field, kind: target.kind, ...classes, leftOut });
    return EXIT.done;
  }
  const what = target.kind === 'class' ? `one of ${target.classes} classes` : 'a number';
  const from = `${inputs.slice(0, 8).join(', ')}${inputs.length > 8 ? `, … (${inputs.length})` : ''}`;
  process.stdout.write(printed`${out}   predicts ${target.field}, ${what}, from ${from}   ${samples} samples\n`);
  for (const { name, reason } of leftOut) process.stdout.write(printed`left out   ${name}: ${reason}\n`);
  process.stdout.write(printed`next: ${nmc`train ${out}`}\n`);
  return EXIT.done;
}

/** `my data.v2.csv` makes the model `my_data_v2`. */
function modelName(path: string): string {
  const stem = basename(resolve(path)).replace(/(\.[A-Za-z]{1,8}){1,2}$/, '');
  const name = stem.replace(/\W+/g, '_').replace(/^_+|_+$/g, '');
  return /^[A-Za-z]/.test(name) ? name : `model_${name}`;
}
