/** `nmc data list|get NAME`: public data sets, downloaded with a checksum. */
import { dataDirectory } from '../../data/directory.ts';
import { getDataset, listDatasets } from '../../data/download.ts';
import { nmc } from '../../support/command-text.ts';
import { emit } from '../../support/emit.ts';
import { UserError } from '../../support/errors.ts';
import { formatBytes } from '../../support/format-numbers.ts';
import { EXIT } from '../shell/command.ts';
import type { DataArguments } from './options.ts';

export default async function (args: DataArguments): Promise<number> {
  const directory = dataDirectory(args.data);
  return args.action === 'list' ? list(directory, args.json) : get(directory, args.name, args.json);
}

async function list(directory: string, asJson: boolean): Promise<number> {
  for (const set of await listDatasets(directory)) {
    if (asJson) emit({ ...set });
    else
      process.stdout.write(
        `${set.name.padEnd(16)} ${formatBytes(set.bytes).padStart(9)}  ${set.present ? 'here  ' : 'to get'}  ${set.title}\n`,
      );
  }
  return EXIT.done;
}

async function get(directory: string, name: string | undefined, asJson: boolean): Promise<number> {
  if (name === undefined) throw new UserError('usage/name', 'name a data set', `to see them: ${nmc`data list`}`);
  let shown = 0;
  const result = await getDataset(name, directory, (progress) => {
    const now = performance.now();
    if (asJson || now - shown < 500) return;
    shown = now;
    process.stderr.write(`${progress.file}  ${formatBytes(progress.received)} of ${formatBytes(progress.total)}\n`);
  });
  if (asJson) emit({ event: 'done', name, ...result });
  else process.stdout.write(`${name} is in ${result.folder}\n`);
  return EXIT.done;
}
