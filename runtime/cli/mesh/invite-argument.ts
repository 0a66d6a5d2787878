/**
 * An invite on its way into `nmc join`: by standard input, a file or the environment, never by the list of processes.
 */
import { createInterface } from 'node:readline';
import { nmc } from '../../support/command-text.ts';
import { UserError } from '../../support/errors.ts';
import type { Invite } from '../../wire/handshake.ts';
import { readSecret, type SecretKind } from '../shell/secret-file.ts';

/** No invite is longer. */
const MAX_INVITE_CHARACTERS = 1000;
const HOW = `--invite FILE reads it from a file of your own; from standard input: ${nmc`join ADDRESS --invite -`}`;
const INVITE: SecretKind = {
  ...{ what: 'the invite', most: MAX_INVITE_CHARACTERS, how: HOW },
  ...{ code: 'mesh/invite', modeCode: 'mesh/invite-mode' },
};

/**
 * @returns nothing where there is none: a trainer that is listed needs none
 * @throws UserError `mesh/invite`; EnvironmentError `mesh/invite-mode`
 */
export async function inviteOf(args: { readonly invite?: string | undefined }): Promise<Invite | undefined> {
  const said = args.invite;
  if (said === undefined) return process.env.NMC_INVITE ? parseInvite(process.env.NMC_INVITE) : undefined;
  if (said === '-') return parseInvite(await firstLine());
  // Even the better part of one is a secret.
  if (/^[0-9a-f]+\.[0-9a-f]{8,}$/i.test(said))
    throw new UserError('mesh/invite', 'every user of this machine can read an invite on the command line', HOW);
  return parseInvite(readSecret(said, INVITE));
}

export function inviteText({ id, secret }: Invite): string {
  return `${id}.${secret}`;
}

/** @throws UserError `mesh/invite` */
export function parseInvite(given: string): Invite {
  const [, id, secret] = /^([0-9a-f]{1,64})\.([0-9a-f]{64})$/.exec(given.trim()) ?? [];
  if (id === undefined || secret === undefined)
    throw new UserError(
      'mesh/invite',
      'this is not an invite',
      `copy the whole line that ${nmc`up`} or ${nmc`keys invite`} printed`,
    );
  return { id, secret };
}

/** Of standard input; in a terminal somebody is asked for it. */
async function firstLine(): Promise<string> {
  if (process.stdin.isTTY) process.stderr.write('the invite: ');
  const lines = createInterface({ input: process.stdin, terminal: false });
  try {
    for await (const line of lines) if (line.trim() !== '') return line.slice(0, MAX_INVITE_CHARACTERS);
    return '';
  } finally {
    lines.close();
    process.stdin.pause();
  }
}
