/** A ledger of any length, made entry by entry: what is committed is granted when its window has passed. */
import type { ChainedRecord } from '../../runtime/backplane/backplane.ts';
import { keysOf, OPERATOR, type Stretch, WrittenLedger } from './ledger.ts';

const SHARDS = 8;
const TRAINERS = 16;
const WINDOW = 40;
const CALLS = 5;

/** @param entries at least so many, seals included */
export function* longLedger(entries: number): Generator<ChainedRecord> {
  const ledger = new WrittenLedger(WINDOW);
  const rounds = Math.ceil(entries / SHARDS);
  ledger.run(
    Array.from({ length: SHARDS }, (_, shard) => BigInt(1e9 + shard)),
    { train: CALLS * rounds },
  );
  ledger.add(ledger.funds('emission', 1e15, OPERATOR));
  const trainers = Array.from({ length: TRAINERS }, (_, i) => keysOf(100 + i));
  const waiting: Stretch[][] = [];
  let given = 0;
  for (let round = 0; given < entries; round++) {
    const stretches = Array.from({ length: SHARDS }, (_, shard) => ({
      ...{ shard, from: CALLS * round, to: CALLS * (round + 1) },
      // A shard changes hands now and then.
      trainer: trainers[(shard + SHARDS * Math.floor(round / 500)) % TRAINERS] ?? OPERATOR,
    }));
    for (const stretch of stretches) ledger.add(ledger.stretch(stretch));
    waiting.push(stretches);
    const due = waiting.length > WINDOW ? (waiting.shift() ?? []) : [];
    for (const stretch of due) ledger.grant(stretch);
    if (given + ledger.records.length >= entries) ledger.seal();
    given += ledger.records.length;
    yield* ledger.records.splice(0);
  }
}
