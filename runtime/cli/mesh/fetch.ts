/** `nmc fetch RUN -o DIR`: a run of the mesh as a run folder here. */

import { nmc } from '../../support/command-text.ts';
import { emit } from '../../support/emit.ts';
import { printed } from '../../support/printable.ts';
import { insideFolder, ownPath } from '../../support/safe-path.ts';
import { EXIT } from '../shell/command.ts';
import { askRun, writeFetchedRun } from './fetch-run.ts';
import { openMesh } from './mesh-link.ts';
import type { FetchArguments } from './options.ts';

export default async function (args: FetchArguments): Promise<number> {
  const link = await openMesh(args);
  try {
    const name = args.run ?? '';
    // A name that the mesh made up is not a path: only what the user chose is one.
    const out = args.out ?? insideFolder(ownPath('runs'), name);
    const run = await askRun(link, name);
    await writeFetchedRun(link, run, out);
    if (args.json)
      emit({ event: 'fetched', run: name, out, state: run.phase, snapshot: run.manifests.at(-1)?.calls ?? null });
    else process.stdout.write(printed`${out}    next: ${nmc`eval ${out}`}\n`);
    return EXIT.done;
  } finally {
    link.close();
  }
}
