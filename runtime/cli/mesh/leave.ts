/** `nmc leave NAME|KEY`: a trainer hands its shards over, then goes. */
import { ask } from '../../net/ask.ts';
import { askStatus } from '../../net/ask-status.ts';
import { emit } from '../../support/emit.ts';
import { UserError } from '../../support/errors.ts';
import { printed } from '../../support/printable.ts';
import { EXIT } from '../shell/command.ts';
import { openMesh } from './mesh-link.ts';
import type { LeaveArguments } from './options.ts';

export default async function (args: LeaveArguments): Promise<number> {
  const link = await openMesh(args);
  try {
    const trainer = args.trainer ?? '';
    const { trainers } = await askStatus(link);
    if (!trainers.some((t) => t.name === trainer || t.key === trainer))
      throw new UserError(
        'mesh/trainer',
        `there is no trainer ${trainer}`,
        trainers.length === 0 ? 'the mesh has none' : `there are: ${trainers.map((t) => t.name).join(', ')}`,
      );
    await ask(link, { what: 'drain', trainer });
    if (args.json) emit({ event: 'leaving', trainer });
    else process.stdout.write(printed`${trainer} leaves when other trainers have its shards\n`);
    return EXIT.done;
  } finally {
    link.close();
  }
}
