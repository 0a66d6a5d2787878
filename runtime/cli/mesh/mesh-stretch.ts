/** `nmc mesh stretch RUN SHARD TERM CALL`: the record of one stretch, from the trainer that keeps it. */
import { nmc } from '../../support/command-text.ts';
import { emit } from '../../support/emit.ts';
import { UserError } from '../../support/errors.ts';
import { formatBytes } from '../../support/format-numbers.ts';
import { printed } from '../../support/printable.ts';
import type { StretchName } from '../../wire/ticket.ts';
import { EXIT } from '../shell/command.ts';
import { fetchRecord, openFetched } from './fetch-record.ts';
import { openMesh } from './mesh-link.ts';
import type { MeshFileArguments } from './options.ts';

export async function fetchStretch(args: MeshFileArguments): Promise<number> {
  const stretch = stretchOf(args.records);
  const { run, shard, term, from } = stretch;
  const out = args.out ?? `${run}-${shard}-${term}-${from}.rec`;
  const link = await openMesh(args);
  try {
    const bytes = await fetchRecord(link, stretch, out);
    const calls = endOf(out, stretch);
    if (args.json) emit({ event: 'stretch', ...stretch, calls, bytes, out });
    else
      process.stdout.write(
        printed`${out}  ${formatBytes(bytes)}, calls ${from} to ${calls - 1}    next: ${nmc`mesh replay ${out}`}\n`,
      );
    return EXIT.done;
  } finally {
    link.close();
  }
}

/** Calls behind it. @throws UserError `record/damaged` where the trainer has brought something else */
function endOf(path: string, stretch: StretchName): number {
  const record = openFetched(path, stretch);
  record.close();
  return record.end.calls;
}

function stretchOf(words: readonly string[]): StretchName {
  const [run = '', ...numbers] = words;
  const [shard, term, from] = numbers.map((text) => (/^\d{1,15}$/.test(text) ? Number(text) : undefined));
  if (run !== '' && numbers.length === 3 && shard !== undefined && term !== undefined && from !== undefined)
    return { run, shard, term, from };
  throw new UserError(
    'usage/records',
    'no stretch is named',
    `a run, a shard, a term and the calls before the stretch: ${nmc`mesh stretch RUN 0 1 0`}`,
  );
}
