/** `nmc keys`: this user's key, and who may do what in a mesh. */
import { existsSync } from 'node:fs';
import { readKey, userKeyPath, writeNewKey } from '../../identity/key-file.ts';
import { keyText } from '../../identity/key-text.ts';
import { nmc } from '../../support/command-text.ts';
import { emit } from '../../support/emit.ts';
import { UserError } from '../../support/errors.ts';
import { printed } from '../../support/printable.ts';
import { EXIT } from '../shell/command.ts';
import { inviteSomebody } from './keys-invite.ts';
import { listKeys } from './keys-list.ts';
import { allowKey, expireKey, revokeKey } from './keys-members.ts';
import { keysToken } from './keys-token.ts';
import type { KeysArguments } from './options.ts';

const ACTIONS: Readonly<Record<string, (args: KeysArguments) => Promise<number> | number>> = {
  new: (args) => show(args, keyText(writeNewKey(userKeyPath()).publicKey)),
  show: (args) => show(args, keyText(ownKey().publicKey)),
  allow: allowKey,
  list: listKeys,
  revoke: revokeKey,
  expire: expireKey,
  invite: inviteSomebody,
  token: keysToken,
};

export default async function (args: KeysArguments): Promise<number> {
  const action = ACTIONS[args.action ?? 'show'];
  if (!action)
    throw new UserError(
      'usage',
      'this action is unknown',
      `one of ${Object.keys(ACTIONS).join(', ')}, for example ${nmc`keys show`}`,
    );
  return action(args);
}

function ownKey(): ReturnType<typeof readKey> {
  const path = userKeyPath();
  if (!existsSync(path)) throw new UserError('key/none', 'no key has been made yet', `to make one: ${nmc`keys new`}`);
  return readKey(path);
}

function show(args: KeysArguments, key: string): number {
  const file = userKeyPath();
  if (args.json) emit({ key, file });
  else process.stdout.write(printed`${key}\n  kept in ${file}\n`);
  return EXIT.done;
}
