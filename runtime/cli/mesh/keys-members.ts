/** `nmc keys allow|revoke|expire`: what an operator changes about a key of a mesh. */
import { keyBytes } from '../../identity/key-text.ts';
import { ask } from '../../net/ask.ts';
import { wallNow } from '../../support/clock.ts';
import { nmc } from '../../support/command-text.ts';
import { emit } from '../../support/emit.ts';
import { UserError } from '../../support/errors.ts';
import { parseDuration } from '../../support/parse-duration.ts';
import { printed } from '../../support/printable.ts';
import { EXIT } from '../shell/command.ts';
import { withMesh } from './mesh-link.ts';
import type { KeysArguments } from './options.ts';

const ROLES = ['operator', 'trainer', 'viewer'] as const;
/** Ten years. */
const MAX_MILLISECONDS = 315_360_000_000;

export async function allowKey(args: KeysArguments): Promise<number> {
  const key = keyOf(args);
  const role = ROLES.find((r) => r === args.role);
  if (!role) throw new UserError('usage/role', 'say which role the key gets', `--role ${ROLES.join(', --role ')}`);
  await withMesh(args, (link) => ask(link, { what: 'allow', key, role }));
  if (args.json) emit({ event: 'allowed', key, role });
  else process.stdout.write(printed`${key} is ${role === 'operator' ? 'an' : 'a'} ${role} now\n`);
  return EXIT.done;
}

export async function revokeKey(args: KeysArguments): Promise<number> {
  const key = keyOf(args);
  const { invites } = await withMesh(args, (link) => ask(link, { what: 'revoke', key }));
  if (args.json) {
    emit({ event: 'revoked', key, invites });
    return EXIT.done;
  }
  process.stdout.write(printed`${key} was revoked: its connections have ended, its shards go to others\n`);
  for (const { id, unused } of invites) {
    const rest = unused === 0 ? 'it had no uses left' : `${unused} unused ${unused === 1 ? 'use' : 'uses'} of it`;
    process.stdout.write(printed`  the invite ${id} ended with it: ${rest}\n`);
  }
  return EXIT.done;
}

export async function expireKey(args: KeysArguments): Promise<number> {
  const key = keyOf(args);
  const milliseconds = remaining(args);
  const { expires } = await withMesh(args, (link) => ask(link, { what: 'expire', key, milliseconds }));
  const at = new Date(expires).toISOString();
  if (args.json) emit({ event: 'expires', key, expires: at });
  else process.stdout.write(printed`${key} expires at ${at}; to undo that: ${nmc`keys allow ${key} --role ROLE`}\n`);
  return EXIT.done;
}

function keyOf(args: KeysArguments): string {
  const key = args.key ?? '';
  if (keyBytes(key)) return key;
  throw new UserError(
    'key/format',
    key === '' ? 'no key was given' : `${key} is not a key`,
    `to see those of the mesh: ${nmc`keys list`}; on its own machine: ${nmc`keys show`}`,
  );
}

/** `--in` or `--at`, in milliseconds from now. */
function remaining(args: KeysArguments): number {
  const [span, moment] = [args.in, args.at];
  if ((span === undefined) === (moment === undefined))
    throw new UserError('usage', 'say when the key expires', '--in 2h, or --at 2027-01-31T12:00Z');
  if (span !== undefined) return durationOf('in', span);
  const at = /^\d{4}-\d{2}-\d{2}/.test(moment ?? '') ? Date.parse(moment ?? '') : Number.NaN;
  const milliseconds = at - wallNow();
  if (milliseconds >= 1 && milliseconds <= MAX_MILLISECONDS) return milliseconds;
  throw new UserError(
    'usage/time',
    Number.isNaN(at) ? `${moment} is not a time` : `${moment} is in the past or too far away`,
    `--at 2027-01-31T12:00Z; to end it now: ${nmc`keys revoke KEY`}`,
  );
}

/** @throws UserError `usage/duration` */
export function durationOf(option: string, given: string): number {
  const milliseconds = parseDuration(given);
  if (milliseconds !== undefined && milliseconds >= 1 && milliseconds <= MAX_MILLISECONDS) return milliseconds;
  throw new UserError(
    'usage/duration',
    `--${option} ${given} is not a duration`,
    `for example --${option} 90m, 2h, 7d`,
  );
}
