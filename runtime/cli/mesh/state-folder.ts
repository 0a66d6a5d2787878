/** Folders that hold keys and what a mesh keeps: of this user alone, and of one process at a time. */
import { chmodSync, existsSync, mkdirSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { diskError } from '../../support/atomic.ts';
import { wallNow } from '../../support/clock.ts';
import { EnvironmentError, UserError } from '../../support/errors.ts';
import { acquireLock } from '../../support/process-lock.ts';

const LOOK_EVERY_MS = 100;
/** Where earlier versions kept a mesh, in the folder that they were started in: one that is there is gone on with. */
const EARLIER = 'mesh-state';

/** Below it: what a mesh keeps without servers of NATS. */
export const EMBEDDED_FOLDER = 'backplane';
/** Below it: of a mesh in NATS, the copy of its streams and blobs that were used. */
export const COPY_FOLDER = 'nats';

/** Where a mesh is kept unless `--state` says otherwise: with what the system has for programs, in no project. */
export function defaultState(environment: Readonly<Record<string, string | undefined>> = process.env): string {
  if (existsSync(join(EARLIER, 'key.json'))) return EARLIER;
  if (process.platform === 'win32' && environment.LOCALAPPDATA) return join(environment.LOCALAPPDATA, 'nmc', 'state');
  return join(environment.XDG_STATE_HOME || join(homedir(), '.local', 'state'), 'nmc');
}

/**
 * Makes the folder with mode 0700, or makes it so.
 * @throws EnvironmentError `state/owner` where it is another user's
 */
export function ownFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const { uid, mode } = statSync(folder);
    if (process.getuid === undefined) return;
    if (uid !== process.getuid())
      throw new EnvironmentError(
        'state/owner',
        `${folder} belongs to another user, who could read and change what is kept there`,
        'choose a folder of your own with --state',
      );
    if ((mode & 0o077) !== 0) chmodSync(folder, 0o700);
  } catch (error) {
    throw diskError(error, folder);
  }
}

/** No synchronizer runs there until it is given back. @throws UserError `mesh/busy` */
export function holdState(state: string): () => void {
  const result = acquireLock(join(state, 'lock'));
  if (result.ok) return () => result.release();
  throw new UserError(
    'mesh/busy',
    `${state} is in use by process ${result.holder.pid}`,
    'stop that mesh, or use another --state',
  );
}

/**
 * The folder of one trainer, held until it is given back.
 * @param patience milliseconds: a process that was told to end may need a moment for it
 * @throws UserError `trainer/busy`
 */
export async function holdTrainerFolder(folder: string, patience: number): Promise<() => void> {
  ownFolder(folder);
  for (const end = wallNow() + patience; ; await sleep(LOOK_EVERY_MS)) {
    const result = acquireLock(join(folder, 'lock'));
    if (result.ok) return () => result.release();
    if (wallNow() < end) continue;
    throw new UserError(
      'trainer/busy',
      `${folder} is in use by process ${result.holder.pid}: two processes cannot share one key`,
      'end that trainer, or use another --name or --state',
    );
  }
}
