/** `nmc leave NAME`: a trainer hands its shards over, then goes. */
import { emit } from '../support/emit.ts';
import { type Arguments, EXIT, flag, text } from './command.ts';
import { openMesh } from './mesh-link.ts';

export default async function (args: Arguments): Promise<number> {
  const link = await openMesh(args);
  try {
    const trainer = text(args, 'trainer') ?? '';
    await link.ask({ what: 'drain', trainer });
    if (flag(args, 'json')) emit({ event: 'leaving', trainer });
    else process.stdout.write(`${trainer} goes when its shards are in other hands\n`);
    return EXIT.done;
  } finally {
    link.close();
  }
}
