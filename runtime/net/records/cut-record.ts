/**
 * A record as an auditor gets it: the state at its start and the frames that came. Of what the trainer has made of them
 * there is nothing: of frames that went their headers alone, and of the end where it is. So an auditor that always says
 * what was signed has to compute it.
 */
import { sha256 } from '../../wire/hash.ts';
import { directionOf } from '../../wire/window.ts';
import { CUT_MAGIC, callEntry, entryHead, MAX_ENTRY_BYTES, numberBytes, wordsEntry } from './entries.ts';
import type { CutEnd, CutRecord, RecordHead } from './read-record.ts';
import { RECORD_FORMAT } from './stretch-log.ts';

/** Of one that a trainer is given: it holds all of it. */
export const MAX_CUT_BYTES = 64e6;

/** The bytes of its file, in pieces. What the trainer has written beside what is named here is left out. */
export async function* cutRecord(record: CutRecord): AsyncGenerator<Uint8Array> {
  const { head, end, taken, signed, reads, sent, windows } = record;
  let entries = 0;
  yield CUT_MAGIC;
  yield* counted(wordsEntry('head', { format: RECORD_FORMAT, ...headOf(head) }));
  const state = record.state();
  for (let piece = await state.next(); piece; piece = await state.next())
    for (let at = 0; at < piece.length; at += MAX_ENTRY_BYTES) {
      const part = piece.subarray(at, at + MAX_ENTRY_BYTES);
      yield* counted([entryHead('state', part.length), part]);
    }
  for (const { from, read } of taken) {
    const packet = read();
    yield* counted([entryHead('taken', 4 + packet.length), numberBytes(from), packet]);
  }
  for (const { from, call, signature } of signed) yield* counted(callEntry('signature', from, call, signature));
  for (const { shard, call, payload } of reads) yield* counted(callEntry('reads', shard, call, payload));
  for (const { to, headerBytes } of sent) {
    const body = Buffer.concat([numberBytes(to), headerBytes]);
    yield* counted([entryHead('sent', body.length, sha256(body)), body]);
  }
  for (const { peer, window } of windows)
    if (window.direction === directionOf(peer, head.shard)) yield* counted(wordsEntry('window', { peer, window }));
  yield* counted(wordsEntry('end', endOf(end)));
  yield* wordsEntry('foot', { entries, missing: [] });

  function counted(pieces: readonly Uint8Array[]): readonly Uint8Array[] {
    entries++;
    return pieces;
  }
}

function headOf(head: RecordHead): RecordHead {
  const { run, shard, term, from, deployment, owner, hash, totals, signed } = head;
  const { kind, description, version, processor, alone } = head.device;
  return {
    ...{ run, shard, term, from, deployment, owner, hash, totals },
    device: { kind, description, version, processor, alone },
    ...(signed ? { signed: { calls: signed.calls, hash: signed.hash, sig: signed.sig } } : {}),
  };
}

function endOf({ calls, owners, local, held }: CutEnd): CutEnd {
  return { calls, owners, local, ...(held ? { held } : {}) };
}
