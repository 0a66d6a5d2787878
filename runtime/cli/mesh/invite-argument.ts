/**
 * An invite on its way into `nmc join`: by standard input, a file or the environment, never by the list of processes.
 */
import { readFileSync, statSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { errorCode } from '../../support/atomic.ts';
import { nmc } from '../../support/command-text.ts';
import { EnvironmentError, UserError } from '../../support/errors.ts';
import type { Invite } from '../../wire/handshake.ts';

/** No invite is longer. */
const MAX_INVITE_CHARACTERS = 1000;
const HOW = `--invite FILE reads it from a file of your own; from standard input: ${nmc`join ADDRESS --invite -`}`;

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
  return parseInvite(readInvite(said));
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

function readInvite(path: string): string {
  try {
    const { mode, size } = statSync(path);
    if (process.platform !== 'win32' && (mode & 0o077) !== 0)
      throw new EnvironmentError('mesh/invite-mode', `others may read the invite in ${path}`, `chmod 600 ${path}`);
    return size > MAX_INVITE_CHARACTERS ? '' : readFileSync(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === undefined || error instanceof EnvironmentError) throw error;
    throw new UserError('mesh/invite', `the invite in ${path} cannot be read (${errorCode(error)})`, HOW);
  }
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
