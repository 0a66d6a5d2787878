/** `nmc keys invite`: lets so many trainers in. The mesh hears of the public half alone. */

import { addressText } from '../../net/address.ts';
import { ask } from '../../net/ask.ts';
import { inviteKeyText, newInvite } from '../../net/membership.ts';
import { emit } from '../../support/emit.ts';
import { printableLines } from '../../support/printable.ts';
import { EXIT } from '../shell/command.ts';
import { inviteText } from './invite-argument.ts';
import { joinLine } from './join-line.ts';
import { durationOf } from './keys-members.ts';
import { meshAddress, withMesh } from './mesh-link.ts';
import type { KeysArguments } from './options.ts';

export async function inviteSomebody(args: KeysArguments): Promise<number> {
  const uses = args.uses ?? 1;
  const milliseconds = durationOf('expires', args.expires ?? '24h');
  const made = newInvite();
  const [mesh, until] = await withMesh(args, async (link) => {
    const question = { what: 'invite', id: made.id, key: inviteKeyText(made), uses, milliseconds } as const;
    return [link.peer, (await ask(link, question)).until] as const;
  });
  const address = addressText(meshAddress(args));
  const invite = inviteText(made);
  const expires = new Date(until).toISOString();
  if (args.json) emit({ event: 'invite', address, key: mesh, invite, id: made.id, uses, expires });
  else
    process.stdout.write(
      printableLines(`another machine joins with\n${joinLine({ address, key: mesh, invite, uses, milliseconds })}`),
    );
  return EXIT.done;
}
