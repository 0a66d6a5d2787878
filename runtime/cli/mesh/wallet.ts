/** Channels that this user has opened: what was signed over each is written down before a server gets it. */
import { existsSync, readFileSync } from 'node:fs';
import { configFolder } from '../../identity/key-file.ts';
import type { Opening } from '../../ledger/signed-payments.ts';
import { writeFileAtomic } from '../../support/atomic.ts';
import { nmc } from '../../support/command-text.ts';
import { UserError } from '../../support/errors.ts';
import { parsedJson } from '../../support/parsed-json.ts';
import { acquireLock } from '../../support/process-lock.ts';
import { makePrivateFolder, removeFile } from '../../support/safe-files.ts';
import { ownPath, type SafePath } from '../../support/safe-path.ts';
import { count, follows, object, type TypeOf, text } from '../../support/shape.ts';

const KEPT = object({
  ...{ channel: text, mesh: text, server: text, tokens: count, expires: count },
  /** File of the payer's key. */
  key: text,
  ...{ spent: count, signed: count },
});
export type KeptChannel = TypeOf<typeof KEPT>;

/** @param key file of the payer's key */
export function keepChannel({ channel, server, tokens, expires }: Opening, mesh: string, key: string): void {
  makePrivateFolder(folder());
  writeChannel({ channel, mesh, server, tokens, expires, key, spent: 0, signed: 0 });
}

/** @throws UserError `ledger/channel` */
export function keptChannel(channel: string): KeptChannel {
  // It is to become the name of a file.
  const path = /^[0-9a-f]{32}$/.test(channel) ? pathOf(channel) : undefined;
  const kept = path !== undefined && existsSync(path) ? parsedJson(readFileSync(path, 'utf8')) : undefined;
  if (follows(KEPT, kept)) return kept;
  throw new UserError(
    'ledger/channel',
    `this user has not opened a channel ${channel}`,
    `to open one: ${nmc`ledger open KEY 100`}; to see all: ${nmc`ledger channels`}`,
  );
}

/**
 * Two commands that pay over one channel at once would each count without the other.
 * @returns what gives it back. @throws UserError `ledger/channel`
 */
export function holdChannel(channel: string): () => void {
  const lock = acquireLock(`${pathOf(channel)}.lock`);
  if (lock.ok) return () => lock.release();
  throw new UserError(
    'ledger/channel',
    `process ${lock.holder.pid} pays over the channel ${channel} at this moment`,
    `wait until it is done, or open another channel: ${nmc`ledger open KEY 100`}`,
  );
}

export function writeChannel(kept: KeptChannel): void {
  writeFileAtomic(pathOf(kept.channel), `${JSON.stringify(kept)}\n`);
}

/** It was not opened. */
export function forgetChannel(channel: string): void {
  removeFile(pathOf(channel));
}

function folder(): SafePath {
  return ownPath(configFolder(), 'channels');
}

function pathOf(channel: string): SafePath {
  return ownPath(folder(), `${channel}.json`);
}
