/** `nmc keys token new|list|revoke`: bearer tokens for `nmc serve` and for the `/metrics` of a synchronizer. */
import { addToken, readTokens, removeToken, userTokensPath } from '../../identity/token-file.ts';
import { wallNow } from '../../support/clock.ts';
import { nmc } from '../../support/command-text.ts';
import { emit } from '../../support/emit.ts';
import { UserError } from '../../support/errors.ts';
import { printed } from '../../support/printable.ts';
import { EXIT } from '../shell/command.ts';
import type { KeysArguments } from './options.ts';

export function keysToken(args: KeysArguments): number {
  const path = args.tokens ?? userTokensPath();
  switch (args.key) {
    case 'new':
      return make(args, path, nameOf(args));
    case 'list':
      return list(args, path);
    case 'revoke':
      return revoke(args, path, nameOf(args));
    default:
      throw new UserError(
        'usage',
        'say what to do with tokens',
        `list, revoke NAME, or to make one: ${nmc`keys token new NAME`}`,
      );
  }
}

function make(args: KeysArguments, path: string, name: string): number {
  const token = addToken(path, name, new Date(wallNow()));
  if (args.json) emit({ event: 'token', name, token, file: path });
  else
    process.stdout.write(
      printed`${token}\n  shown this once; ${path} keeps its hash\n  ${nmc`serve --run RUN --tokens ${path}`}\n  curl -H 'Authorization: Bearer TOKEN' …\n`,
    );
  return EXIT.done;
}

function list(args: KeysArguments, path: string): number {
  const tokens = readTokens(path).map(({ name, created }) => ({ name, created }));
  if (args.json) emit({ event: 'tokens', tokens, file: path });
  else for (const { name, created } of tokens) process.stdout.write(`${name}  made ${created}\n`);
  return EXIT.done;
}

function revoke(args: KeysArguments, path: string, name: string): number {
  removeToken(path, name);
  if (args.json) emit({ event: 'revoked', name, file: path });
  else process.stdout.write(`${name} is no longer valid, also for running servers\n`);
  return EXIT.done;
}

function nameOf(args: KeysArguments): string {
  const name = args.name;
  if (name !== undefined) return name;
  throw new UserError('usage', 'name a token', `${nmc`keys token new NAME`}, or ${nmc`keys token revoke NAME`}`);
}
