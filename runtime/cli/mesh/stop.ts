/** `nmc stop RUN`: a last snapshot, then the end. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ask } from '../../net/ask.ts';
import { askStatus } from '../../net/ask-status.ts';
import { emit } from '../../support/emit.ts';
import { printed } from '../../support/printable.ts';
import { EXIT } from '../shell/command.ts';
import { openMesh } from './mesh-link.ts';
import type { StopArguments } from './options.ts';

const ENDED = ['stopped', 'done', 'failed', 'suspended'];

export default async function (args: StopArguments): Promise<number> {
  const link = await openMesh(args);
  try {
    const run = args.run ?? '';
    await ask(link, { what: 'stop', run });
    for (;;) {
      const { runs } = await askStatus(link);
      const found = runs.find((r) => r.run === run);
      if (found && !ENDED.includes(found.state)) {
        await sleep(100);
        continue;
      }
      if (args.json) emit({ event: 'stopped', run, state: found?.state ?? null, snapshot: found?.snapshot ?? null });
      else process.stdout.write(printed`${run} is ${found?.state ?? 'gone'}\n`);
      return EXIT.done;
    }
  } finally {
    link.close();
  }
}
