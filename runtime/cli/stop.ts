/** `nmc stop RUN`: a last snapshot, then the end. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { MeshStatus } from '../net/mesh-status.ts';
import { emit } from '../support/emit.ts';
import { type Arguments, EXIT, flag, text } from './command.ts';
import { openMesh } from './mesh-link.ts';

const ENDED = ['stopped', 'done', 'failed', 'suspended'];

export default async function (args: Arguments): Promise<number> {
  const link = await openMesh(args);
  try {
    const run = text(args, 'run') ?? '';
    await link.ask({ what: 'stop', run });
    for (;;) {
      const { runs } = (await link.ask({ what: 'status' })) as MeshStatus;
      const found = runs.find((r) => r.run === run);
      if (found && !ENDED.includes(found.state)) {
        await sleep(100);
        continue;
      }
      if (flag(args, 'json'))
        emit({ event: 'stopped', run, state: found?.state ?? null, snapshot: found?.snapshot ?? null });
      else process.stdout.write(`${run} is ${found?.state ?? 'gone'}\n`);
      return EXIT.done;
    }
  } finally {
    link.close();
  }
}
