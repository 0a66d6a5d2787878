/**
 * `nmc mesh verify`: compares the copies of a mesh's streams that this machine reaches, record by record, and asks
 * synchronizers that run where theirs end.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Backplane } from '../../backplane/backplane.ts';
import { openDatabaseRecords } from '../../backplane/embedded-records.ts';
import { FORGOTTEN } from '../../backplane/own-keys.ts';
import { type Broken, openStreamCopy } from '../../backplane/stream-copy.ts';
import { askHeads, headDifferences, type ToldHeads } from '../../backplane/told-heads.ts';
import { type CopyOfStreams, type VerifiedStreams, verifyStreams } from '../../backplane/verify-streams.ts';
import { nmc } from '../../support/command-text.ts';
import { emit } from '../../support/emit.ts';
import { UserError } from '../../support/errors.ts';
import { printableLines } from '../../support/printable.ts';
import { EXIT } from '../shell/command.ts';
import { natsOptionsOf } from './nats-arguments.ts';
import type { MeshFileArguments } from './options.ts';
import { COPY_FOLDER, defaultState, EMBEDDED_FOLDER, holdState } from './state-folder.ts';

interface Opened {
  /** The store first. */
  readonly copies: readonly CopyOfStreams[];
  readonly store: Backplane | undefined;
  /** As the synchronizer found them. */
  readonly broken: readonly Broken[];
  close(): Promise<void>;
}

export async function verifyMesh(args: MeshFileArguments): Promise<number> {
  const state = args.state ?? defaultState();
  if (args.accept !== undefined) acceptStore(state, args.accept);
  const opened = await openAll(args, state);
  try {
    const { copies, store, broken } = opened;
    const forgotten = async (stream: string): Promise<number> =>
      store ? Number((await store.get(FORGOTTEN + stream))?.value ?? 0) : Number.POSITIVE_INFINITY;
    const others = store ? await askHeads(store) : [];
    const compared = await verifyStreams(copies, forgotten);
    const differences = [...compared.differences];
    for (const other of others) if (store) differences.push(...(await headDifferences(store, other, forgotten)));
    const report = { ...compared, differences };
    const names = copies.map(({ name }) => name);
    const told = others.map(({ name, heads, isWhole }) => ({ name, streams: heads.size, whole: isWhole }));
    if (args.json) emit({ event: 'verified', state, copies: names, ...report, others: told, broken });
    else process.stdout.write(printableLines(textOf(names, report, others, broken)));
    return differences.length + broken.length > 0 ? EXIT.checkFailed : EXIT.done;
  } finally {
    await opened.close();
  }
}

async function openAll(args: MeshFileArguments, state: string): Promise<Opened> {
  const copies: CopyOfStreams[] = [];
  const closing: (() => void | Promise<void>)[] = [];
  let store: Backplane | undefined;
  let broken: readonly Broken[] = [];
  if ((args.nats ?? []).length > 0) {
    const { natsBackplane } = await import('../../backplane/nats.ts');
    const folder = join(state, COPY_FOLDER);
    store = await natsBackplane({ ...natsOptionsOf(args), folder, acceptOlder: args['accept-older-server'] });
    closing.push(store.close);
    copies.push({ name: 'nats', reader: store });
  }
  if (existsSync(join(state, EMBEDDED_FOLDER, 'state.db'))) {
    const records = openDatabaseRecords(join(state, EMBEDDED_FOLDER, 'state.db'));
    closing.push(() => records.close());
    copies.push({ name: 'embedded', reader: records });
  }
  if (existsSync(join(state, COPY_FOLDER, 'copy.db'))) {
    const copy = openStreamCopy(join(state, COPY_FOLDER));
    closing.push(() => copy.close());
    copies.push({ name: 'copy', reader: copy });
    broken = copy.broken();
  }
  if (copies.length === 0)
    throw new UserError(
      'mesh/no-state',
      `${state} holds no mesh`,
      `name its folder: --state DIR; or its servers: ${nmc`mesh verify --nats URL`}`,
    );
  const close = async (): Promise<void> => {
    for (const end of closing) await end();
  };
  return { copies, store, broken, close };
}

/** What the store has counts from now on; what the copy has goes aside. @throws UserError `mesh/busy`, `mesh/no-state` */
function acceptStore(state: string, stream: string): void {
  const release = holdState(state);
  try {
    if (!existsSync(join(state, COPY_FOLDER, 'copy.db')))
      throw new UserError('mesh/no-state', `${state} holds no copy of streams`, 'name its folder: --state DIR');
    const copy = openStreamCopy(join(state, COPY_FOLDER));
    copy.setAside(stream);
    copy.close();
  } finally {
    release();
  }
}

function textOf(
  names: readonly string[],
  report: VerifiedStreams,
  others: readonly ToldHeads[],
  broken: readonly Broken[],
): string {
  const of = `${report.streams} streams, ${report.records} records`;
  const lines = report.differences.flatMap(({ stream, told, copies }) => [
    `differs  ${stream}: ${told}`,
    ...copies.map(
      (c) => `         ${c.name.padEnd(8)} ${c.last === 0 ? 'nothing' : `${c.first} to ${c.last}, ${c.hash}`}`,
    ),
  ]);
  for (const { stream, told } of broken) lines.push(`stopped  ${stream}: ${told}`);
  const same = names.length > 1 ? `the same in ${names.join(' and ')}` : `sound in ${names.join()}`;
  lines.push(lines.length > 0 ? `looked   ${of}, in ${names.join(' and ')}` : `${same}: ${of}`);
  for (const { name, heads, isWhole } of others)
    lines.push(
      `running  ${name} has said where ${isWhole ? `its copies of ${heads.size}` : `${heads.size} of its`} streams end`,
    );
  return lines.map((line) => `${line}\n`).join('');
}
