/** `nmc status`: what a mesh is doing, and why not where it is not. */
import { setTimeout as sleep } from 'node:timers/promises';
import { askStatus } from '../../net/ask-status.ts';
import { nmc } from '../../support/command-text.ts';
import { emit } from '../../support/emit.ts';
import { printed } from '../../support/printable.ts';
import { EXIT } from '../shell/command.ts';
import { exampleModel } from '../shell/example-model.ts';
import { packageVersion } from '../shell/package-root.ts';
import { watchInterrupt } from '../shell/watch-interrupt.ts';
import { openMeshToLook } from './look-link.ts';
import { asAsked } from './mesh-link.ts';
import type { StatusArguments } from './options.ts';
import { statusText } from './status-text.ts';

const LOOK_EVERY_MS = 1000;

export default async function (args: StatusArguments): Promise<number> {
  const { link, reached } = await openMeshToLook(args);
  const interrupt = watchInterrupt(() => undefined);
  try {
    do {
      const status = await askStatus(link);
      if (args.json) emit({ ...status });
      else {
        process.stdout.write(statusText(status, args.all, packageVersion()));
        if (status.runs.length === 0)
          process.stdout.write(printed`next: ${nmc`deploy ${exampleModel()} --watch ${asAsked(reached)}`}\n`);
      }
      if (args.watch) await sleep(LOOK_EVERY_MS);
    } while (args.watch && !interrupt.requested());
    return EXIT.done;
  } finally {
    interrupt.release();
    link.close();
  }
}
