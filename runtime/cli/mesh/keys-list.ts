/** `nmc keys list`: who may do what in a mesh, and which invites are open. */

import type { KeysPage } from '../../net/answers.ts';
import { ask } from '../../net/ask.ts';
import { wallNow } from '../../support/clock.ts';
import { emit } from '../../support/emit.ts';
import { printed } from '../../support/printable.ts';
import { EXIT } from '../shell/command.ts';
import { withMesh } from './mesh-link.ts';
import type { KeysArguments } from './options.ts';

type Listed = KeysPage['keys'][number];

export async function listKeys(args: KeysArguments): Promise<number> {
  const { keys, invites } = await withMesh(args, async (link) => {
    const pages: KeysPage[] = [];
    for (let more = true; more; more = pages.at(-1)?.more ?? false) {
      const after = pages.at(-1)?.keys.at(-1)?.key ?? '';
      pages.push(await ask(link, { what: 'keys', after }));
    }
    return { keys: pages.flatMap((p) => p.keys), invites: pages.flatMap((p) => p.invites) };
  });
  if (args.json) {
    emit({
      keys: keys.map((k) => ({
        key: k.key,
        role: k.role,
        state: stateOf(k),
        trainer: k.trainer ?? null,
        added: timeOf(k.added),
        by: k.by ?? null,
        invite: k.invite ?? null,
        expires: timeOf(k.expires),
        revoked: timeOf(k.revoked),
      })),
      invites: invites.map(({ id, uses, until, by }) => ({ id, uses, expires: timeOf(until), by })),
    });
    return EXIT.done;
  }
  for (const listed of keys)
    process.stdout.write(printed`${listed.key}  ${listed.role.padEnd(8)}  ${wordsOf(listed)}\n`);
  for (const { id, uses, until } of invites)
    process.stdout.write(printed`invite ${id}  lets ${uses} more in until ${timeOf(until)}\n`);
  return EXIT.done;
}

function stateOf({ revoked, expires }: Listed): string {
  if (revoked !== undefined) return 'revoked';
  return expires !== undefined && expires <= wallNow() ? 'expired' : 'good';
}

function wordsOf(listed: Listed): string {
  const { trainer, invite, expires, revoked } = listed;
  const parts = [
    trainer === undefined ? '' : `connected as ${trainer}`,
    invite === undefined ? '' : `by invite ${invite}`,
    revoked === undefined ? '' : `revoked at ${timeOf(revoked)}`,
    revoked === undefined && expires !== undefined
      ? `${stateOf(listed) === 'good' ? 'expires' : 'expired'} at ${timeOf(expires)}`
      : '',
  ];
  return parts.filter((part) => part !== '').join(', ');
}

function timeOf(milliseconds: number | undefined): string | null {
  return milliseconds === undefined ? null : new Date(milliseconds).toISOString();
}
