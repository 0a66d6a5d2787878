/** `nmc mesh replay`: does stretches of a run again from the records of its trainers, and says whether they were computed. */
import type { FirstWrong } from '../../../spec/run-events.ts';
import { firstWrongText } from '../../audit/first-wrong.ts';
import type { Device } from '../../device/device.ts';
import { fetchPlan } from '../../net/fetch-plan.ts';
import type { Link } from '../../net/link.ts';
import { readDeployment } from '../../net/read-deployment.ts';
import { bisected } from '../../net/records/bisect.ts';
import { openRecord, type StretchRecord } from '../../net/records/read-record.ts';
import { replayStretch, type Verdict } from '../../net/records/replay.ts';
import { MAX_RECORD_BYTES, MemoryLedger } from '../../net/shard-memory.ts';
import { nmc } from '../../support/command-text.ts';
import { emit } from '../../support/emit.ts';
import { UserError } from '../../support/errors.ts';
import { printed } from '../../support/printable.ts';
import { EXIT } from '../shell/command.ts';
import { commandDevice } from '../shell/command-device.ts';
import { packageVersion } from '../shell/package-root.ts';
import { openMesh } from './mesh-link.ts';
import { openShardPlan } from './open-shard-plan.ts';
import type { MeshFileArguments } from './options.ts';
import { historyOf } from './run-history.ts';

export async function replayRecords(args: MeshFileArguments): Promise<number> {
  if (args.records.length === 0)
    throw new UserError(
      'usage/records',
      'no record is named',
      `below the folder of a trainer: ${nmc`mesh replay records/RUN/0-1-0.rec`}`,
    );
  const records: StretchRecord[] = [];
  try {
    for (const path of args.records) records.push(openRecord(path));
    const device = await commandDevice('auto');
    const link = await openMesh(args);
    try {
      return tell(records, await verdictOf(records, device, link), args.json);
    } finally {
      link.close();
    }
  } finally {
    for (const record of records) record.close();
  }
}

type Bisected = Verdict & { readonly first?: FirstWrong };

/** @throws UserError `record/damaged` */
export async function verdictOf(records: readonly StretchRecord[], device: Device, link: Link): Promise<Bisected> {
  const [first] = records;
  if (!first) throw new Error('replay: no records');
  const { run, deployment: hash } = first.head;
  const blob = (name: string, most: number): Promise<Uint8Array> => link.getBlob(name, most);
  const deployment = readDeployment(await blob(hash, MAX_RECORD_BYTES), run);
  const { known } = await historyOf(link, run);
  const fetch = { device, blob, openPlan: openShardPlan(device), ledger: new MemoryLedger(undefined) };
  const sourceOf = (shard: number) => fetchPlan({ run, shard }, deployment, fetch);
  const repeating = { deployment, device, blob, sourceOf };
  const verdict = await replayStretch(records, { ...repeating, version: packageVersion(), known });
  if (verdict.verdict !== 'mismatch') return verdict;
  const found = await bisected(records, repeating);
  if (found?.unsettled !== undefined) return { verdict: 'inconclusive', why: found.unsettled };
  return { ...verdict, ...(found ? { first: found.first } : {}) };
}

/** @returns the exit code */
export function tell(
  records: readonly StretchRecord[],
  verdict: Bisected,
  json: boolean,
  event: 'replayed' | 'audited' = 'replayed',
): number {
  const places = records.map(({ head: { run, shard, term, from }, end: { calls } }) => ({
    run,
    shard,
    term,
    from,
    calls,
  }));
  if (json) emit({ event, stretches: places, ...verdict });
  else
    for (const { run, shard, from, calls } of places)
      process.stdout.write(printed`${run}, shard ${shard}, calls ${from} to ${calls - 1}: ${textOf(verdict, shard)}\n`);
  if (verdict.verdict === 'match') return EXIT.done;
  return verdict.verdict === 'mismatch' ? EXIT.checkFailed : EXIT.environment;
}

function textOf(verdict: Bisected, shard: number): string {
  switch (verdict.verdict) {
    case 'match':
      return 'computed as it was signed';
    case 'inconclusive':
      return `cannot be compared: ${verdict.why}`;
    case 'mismatch':
      return verdict.shard === shard
        ? `not computed as it was signed: another ${WORDS[verdict.what]} at call ${verdict.call}${verdict.first ? `; ${firstWrongText(verdict.first)}` : ''}`
        : `stopped at a difference of shard ${verdict.shard}`;
  }
}

const WORDS = { frame: 'frame', state: 'state', sums: 'sum of its evaluations or energies' } as const;
