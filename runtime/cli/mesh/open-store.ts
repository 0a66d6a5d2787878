/** Where a synchronizer keeps its mesh: in its state folder, or in NATS; and the process that computes checks from there. */
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Backplane } from '../../backplane/backplane.ts';
import { embeddedBackplane } from '../../backplane/embedded.ts';
import { followed } from '../../backplane/followed.ts';
import { assertPlace, assertStays } from '../../backplane/place.ts';
import { answerPresence } from '../../backplane/presence.ts';
import { openStreamCopy } from '../../backplane/stream-copy.ts';
import { answerHeads } from '../../backplane/told-heads.ts';
import type { Checker } from '../../net/checker.ts';
import { checkerWithBlobs } from '../../net/checker-with-blobs.ts';
import { jsonLine } from '../../support/emit.ts';
import { type EnvironmentError, UserError } from '../../support/errors.ts';
import { printed } from '../../support/printable.ts';
import { CheckProcess } from '../compiling/check-process.ts';
import { natsOptionsOf } from './nats-arguments.ts';
import type { SynchronizerArguments } from './options.ts';
import { COPY_FOLDER, EMBEDDED_FOLDER } from './state-folder.ts';

export interface Store {
  readonly backplane: Backplane;
  readonly checker: Checker;
}

const OF_NATS = ['creds', 'ca', 'name', 'accept-older-server'] as const;

/** @throws UserError, EnvironmentError of either */
export async function openStore(args: SynchronizerArguments, state: string): Promise<Store> {
  assertPlace(state, (args.nats ?? []).length > 0 ? 'nats' : 'embedded');
  if ((args.nats ?? []).length > 0) return inNats(args, join(state, COPY_FOLDER));
  const alone = OF_NATS.find((option) => args[option] !== undefined && args[option] !== false);
  if (alone !== undefined)
    throw new UserError(
      'usage/nats',
      `--${alone} is for a mesh that is kept in NATS`,
      'add --nats URL, or leave it out',
    );
  const folder = join(state, EMBEDDED_FOLDER);
  const backplane = embeddedBackplane(folder, {
    acceptOlder: args['accept-older-state'],
    onOlder: (message) => process.stderr.write(printed`warning: ${message}; continuing with the older state\n`),
  });
  return { backplane, checker: new CheckProcess(join(folder, 'blobs')) };
}

async function inNats(args: SynchronizerArguments, folder: string): Promise<Store> {
  const options = natsOptionsOf(args);
  // The client of NATS is loaded for this alone.
  const { natsBackplane } = await import('../../backplane/nats.ts');
  const shared = await natsBackplane({ ...options, folder, acceptOlder: args['accept-older-server'] });
  const copy = openStreamCopy(folder);
  const backplane = followed(shared, { copy, onBroken: tellOfStream });
  try {
    await assertStays(shared);
  } catch (error) {
    await backplane.close();
    throw error;
  }
  answerPresence(shared);
  answerHeads(shared, copy, `${hostname()}/${process.pid}`);
  return { backplane, checker: checkerWithBlobs(new CheckProcess(join(folder, 'blobs')), backplane) };
}

function tellOfStream({ code, message }: EnvironmentError): void {
  process.stderr.write(`${jsonLine({ event: 'stream-stopped', code, message })}\n`);
}
