/** Vouchers that a server has been given, on the disk before their answers go out: of each channel the last line counts. */
import { existsSync, readFileSync } from 'node:fs';
import { configFolder } from '../../identity/key-file.ts';
import { KEPT_VOUCHER, type KeptVoucher } from '../../ledger/till.ts';
import { appendLineDurably, writeFileAtomic } from '../../support/atomic.ts';
import { UserError } from '../../support/errors.ts';
import { parsedJson } from '../../support/parsed-json.ts';
import { acquireLock } from '../../support/process-lock.ts';
import { makePrivateFolder } from '../../support/safe-files.ts';
import { ownPath } from '../../support/safe-path.ts';
import { follows } from '../../support/shape.ts';

export interface KeptVouchers {
  readonly kept: readonly KeptVoucher[];
  keep(kept: KeptVoucher): void;
  close(): void;
}

/**
 * Of one key and one mesh, held until it is closed: two processes would each think the same tokens unspent.
 * @param mesh its key
 * @param isOpen whether a channel is still there: what was kept of others is worth nothing any more
 * @throws UserError `serve/till`
 */
export function openVouchers(mesh: string, isOpen: (channel: string) => boolean): KeptVouchers {
  const folder = ownPath(configFolder(), 'vouchers');
  makePrivateFolder(folder);
  const lock = acquireLock(ownPath(folder, `${mesh}.lock`));
  if (!lock.ok)
    throw new UserError(
      'serve/till',
      `process ${lock.holder.pid} takes vouchers for the same key already`,
      'end that one, or give this one a key of its own: set NMC_CONFIG to another folder',
    );
  const path = ownPath(folder, `${mesh}.jsonl`);
  const kept = existsSync(path) ? newest(readFileSync(path, 'utf8')).filter(({ channel }) => isOpen(channel)) : [];
  writeFileAtomic(path, kept.map((each) => `${JSON.stringify(each)}\n`).join(''));
  return {
    kept,
    keep: (each) => appendLineDurably(path, JSON.stringify(each)),
    close: () => lock.release(),
  };
}

/** Of each channel the last one. A line that was not written to its end is left out: its answer never went out. */
export function newest(text: string): readonly KeptVoucher[] {
  const byChannel = new Map<string, KeptVoucher>();
  for (const line of text.split('\n')) {
    const kept = parsedJson(line);
    if (follows(KEPT_VOUCHER, kept)) byChannel.set(kept.channel, kept);
  }
  return [...byChannel.values()];
}
