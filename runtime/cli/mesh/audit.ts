/** `nmc audit RUN SHARD CALL`: does the stretch of a call again in full, from the records of its trainer. */
import { join } from 'node:path';
import type { Link } from '../../net/link.ts';
import type { StretchRecord } from '../../net/records/read-record.ts';
import { nmc } from '../../support/command-text.ts';
import { UserError } from '../../support/errors.ts';
import { makeTemporaryFolder, removeAll } from '../../support/safe-files.ts';
import { allCalls } from '../../training/calls.ts';
import { stretchBegin } from '../../training/stretches.ts';
import type { StretchName } from '../../wire/ticket.ts';
import { commandDevice } from '../shell/command-device.ts';
import { fetchRecord, openFetched } from './fetch-record.ts';
import { openMesh } from './mesh-link.ts';
import { tell, verdictOf } from './mesh-replay.ts';
import type { AuditArguments } from './options.ts';
import { historyOf } from './run-history.ts';

export default async function (args: AuditArguments): Promise<number> {
  if (args.answer !== undefined) return (await import('./audit-answer.ts')).auditAnswers(args, args.answer);
  const shard = numberIn(args.shard, 'shard');
  const call = numberIn(args.call, 'call');
  const device = await commandDevice('auto');
  const link = await openMesh(args);
  const folder = makeTemporaryFolder('nmc-audit-');
  const records: StretchRecord[] = [];
  try {
    const stretch = await stretchWith(link, args.run ?? '', shard, call);
    await fetchUnit(link, stretch, folder, records);
    return tell(records, await verdictOf(records, device, link), args.json, 'audited');
  } finally {
    for (const record of records) record.close();
    removeAll(folder);
    link.close();
  }
}

/** The newest stretch that has the call: a run that has gone back has computed some of its calls twice. */
async function stretchWith(link: Link, name: string, shard: number, call: number): Promise<StretchName> {
  const { run, terms } = await historyOf(link, name);
  const { deployment } = run;
  if (shard >= deployment.shards) throw new UserError('mesh/run', `${name} has no shard ${shard}`);
  const began = terms.findLast(({ calls }) => calls <= call);
  if (!began || call >= allCalls(deployment))
    throw new UserError(
      'usage/records',
      `${name} has not come to call ${call}`,
      `its last call is ${allCalls(deployment) - 1}; how far it is: ${nmc`status`}`,
    );
  return { run: name, shard, term: began.term, from: stretchBegin(deployment, call, began.calls) };
}

/** Of the shard, and of the neighbours that the same trainer had: what went between them is in no record. */
async function fetchUnit(link: Link, stretch: StretchName, folder: string, records: StretchRecord[]): Promise<void> {
  const wanted = [stretch.shard];
  for (const shard of wanted) {
    const name = { ...stretch, shard };
    const path = join(folder, `${shard}.rec`);
    await fetchRecord(link, name, path);
    const record = openFetched(path, name);
    records.push(record);
    for (const local of record.end.local) if (!wanted.includes(local)) wanted.push(local);
  }
}

function numberIn(text: string | undefined, what: string): number {
  if (text !== undefined && /^\d{1,15}$/.test(text)) return Number(text);
  throw new UserError(
    'usage/records',
    `${text ?? 'nothing'} is not the number of a ${what}`,
    `a run, a shard and a call: ${nmc`audit RUN 0 0`}`,
  );
}
