/** `nmc mesh gc`: removes what a mesh keeps for no run any more, or says what that would be. */
import { ask } from '../../net/ask.ts';
import type { Amount, GarbageReport } from '../../net/garbage.ts';
import { emit } from '../../support/emit.ts';
import { formatBytes } from '../../support/format-numbers.ts';
import { printableLines } from '../../support/printable.ts';
import { EXIT } from '../shell/command.ts';
import { openMesh } from './mesh-link.ts';
import type { MeshFileArguments } from './options.ts';

export async function collectGarbage(args: MeshFileArguments): Promise<number> {
  const dryRun = args['dry-run'];
  const link = await openMesh(args);
  try {
    const report = await ask(link, { what: 'gc', dryRun });
    if (args.json) emit({ event: 'gc', dryRun, ...report });
    else process.stdout.write(printableLines(textOf(report, dryRun)));
    return EXIT.done;
  } finally {
    link.close();
  }
}

function textOf({ removed, waiting, kept }: GarbageReport, dryRun: boolean): string {
  const line = (word: string, { blobs, bytes }: Amount, why: string): string =>
    `${word.padEnd(12)}  ${blobs} blob${blobs === 1 ? '' : 's'}, ${formatBytes(bytes)}${why}\n`;
  return (
    line(dryRun ? 'would remove' : 'removed', removed, '') +
    line('later', waiting, ': no run needs them, but they came within the last hour') +
    line('kept', kept, ': a run or a transfer needs them')
  );
}
