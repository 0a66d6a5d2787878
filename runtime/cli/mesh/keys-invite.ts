/** `nmc keys invite`: lets so many trainers in. The mesh hears of the public half alone. */

import { basename } from 'node:path';
import { addressText } from '../../net/address.ts';
import { ask } from '../../net/ask.ts';
import { inviteKeyText, newInvite } from '../../net/membership.ts';
import { nmc, withCommands } from '../../support/command-text.ts';
import { emit } from '../../support/emit.ts';
import { isLoopback } from '../../support/loopback.ts';
import { printableLines } from '../../support/printable.ts';
import { EXIT } from '../shell/command.ts';
import { inviteText } from './invite-argument.ts';
import { openAddresses } from './join-addresses.ts';
import { joinCommands, joinLine } from './join-line.ts';
import { durationOf } from './keys-members.ts';
import { asAsked, meshAddress, withMesh } from './mesh-link.ts';
import type { KeysArguments } from './options.ts';

/** Starts a mesh that other machines of the same network can reach. */
const OPEN = nmc`up --listen 0.0.0.0 --insecure`;

export async function inviteSomebody(args: KeysArguments): Promise<number> {
  const uses = args.uses ?? 1;
  const milliseconds = durationOf('expires', args.expires ?? '24h');
  const made = newInvite();
  const [mesh, until] = await withMesh(args, async (link) => {
    const question = { what: 'invite', id: made.id, key: inviteKeyText(made), uses, milliseconds } as const;
    return [link.peer, (await ask(link, question)).until] as const;
  });
  const asked = meshAddress(args);
  const address = addressText(asked);
  const open = isLoopback(asked.host) ? await openAddresses(asked) : [];
  const addresses = open.length > 0 ? open : [asked];
  const invite = inviteText(made);
  const trust = args.ca === undefined ? {} : { ca: basename(args.ca) };
  const expires = new Date(until).toISOString();
  const line = { addresses, key: mesh, invite, uses, milliseconds, open: OPEN, mesh: asAsked(args), ...trust };
  if (args.json)
    emit({
      event: 'invite',
      address,
      key: mesh,
      invite,
      id: made.id,
      uses,
      expires,
      join: joinCommands(line).map((command) => withCommands(command)),
    });
  else process.stdout.write(printableLines(joinLine(line)));
  return EXIT.done;
}
