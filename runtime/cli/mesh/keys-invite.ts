/** `nmc keys invite`: lets so many trainers in. The mesh hears of the public half alone. */

import { addressText } from '../../net/address.ts';
import { ask } from '../../net/ask.ts';
import { inviteKeyText, MAX_INVITE_USES, newInvite } from '../../net/membership.ts';
import { emit } from '../../support/emit.ts';
import { printableLines } from '../../support/printable.ts';
import { type Arguments, EXIT, flag, text } from '../shell/command.ts';
import { wholeNumber } from '../shell/whole-number.ts';
import { inviteText } from './invite-argument.ts';
import { joinLine } from './join-line.ts';
import { durationOf } from './keys-members.ts';
import { meshAddress, withMesh } from './mesh-link.ts';

export async function inviteSomebody(args: Arguments): Promise<number> {
  const uses = wholeNumber(args, 'uses', 1, MAX_INVITE_USES) ?? 1;
  const milliseconds = durationOf('expires', text(args, 'expires') ?? '24h');
  const made = newInvite();
  const [mesh, until] = await withMesh(args, async (link) => {
    const question = { what: 'invite', id: made.id, key: inviteKeyText(made), uses, milliseconds } as const;
    return [link.peer, (await ask(link, question)).until] as const;
  });
  const address = addressText(meshAddress(args));
  const invite = inviteText(made);
  const expires = new Date(until).toISOString();
  if (flag(args, 'json')) emit({ event: 'invite', address, key: mesh, invite, id: made.id, uses, expires });
  else
    process.stdout.write(
      printableLines(`another machine joins with\n${joinLine({ address, key: mesh, invite, uses, milliseconds })}`),
    );
  return EXIT.done;
}
