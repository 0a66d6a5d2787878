/** `nmc keys`: this user's key, and who may do what in a mesh. */
import { existsSync } from 'node:fs';
import { readKey, userKeyPath, writeNewKey } from '../identity/key-file.ts';
import { keyBytes, keyText } from '../identity/key-text.ts';
import { emit } from '../support/emit.ts';
import { UserError } from '../support/errors.ts';
import { type Arguments, EXIT, flag, text } from './command.ts';
import { openMesh } from './mesh-link.ts';

const ROLES = ['operator', 'trainer', 'viewer'] as const;

export default async function (args: Arguments): Promise<number> {
  const path = userKeyPath();
  switch (text(args, 'action')) {
    case 'new':
      return show(args, keyText(writeNewKey(path).publicKey), path);
    case 'allow':
      return allow(args);
    default:
      if (!existsSync(path)) throw new UserError('key/none', 'there is no key yet', 'nmc keys new makes one');
      return show(args, keyText(readKey(path).publicKey), path);
  }
}

function show(args: Arguments, key: string, file: string): number {
  if (flag(args, 'json')) emit({ key, file });
  else process.stdout.write(`${key}\n  kept in ${file}\n`);
  return EXIT.done;
}

async function allow(args: Arguments): Promise<number> {
  const key = text(args, 'key') ?? '';
  const role = ROLES.find((r) => r === text(args, 'role'));
  if (!keyBytes(key))
    throw new UserError(
      'key/format',
      `${key || 'nothing'} is no key`,
      'nmc keys show prints one, on the machine that it is of',
    );
  if (!role) throw new UserError('usage/role', 'say what the key may do', `--role ${ROLES.join(', --role ')}`);
  const link = await openMesh(args);
  try {
    await link.ask({ what: 'allow', key, role });
    if (flag(args, 'json')) emit({ event: 'allowed', key, role });
    else process.stdout.write(`${key} is ${role === 'operator' ? 'an' : 'a'} ${role} now\n`);
    return EXIT.done;
  } finally {
    link.close();
  }
}
