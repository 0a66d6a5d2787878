/** The log of a run, record by record. Where the mesh goes away it is waited for, and the log goes on where it was. */
import { setTimeout as sleep } from 'node:timers/promises';
import { askLog, type LogRecord } from '../../net/ask-log.ts';
import type { Link } from '../../net/link.ts';
import { wentAway } from './mesh-link.ts';

const LOOK_EVERY_MS = 150;
const RETRY_MS = 500;

export type Followed =
  | { readonly what: 'record'; readonly record: LogRecord }
  /** There is no answer any more. @param reason as the connection ended */
  | { readonly what: 'away'; readonly reason: string }
  | { readonly what: 'back' }
  /** All records are read: a moment to look at how far it is. */
  | { readonly what: 'idle'; readonly link: Link };

export interface Following {
  /** The first connection; its maker closes it. */
  readonly link: Link;
  readonly run: string;
  /** @throws as `openMesh` does */
  readonly connect: () => Promise<Link>;
  /** No more is needed. */
  readonly ended: () => boolean;
}

export async function* followRun({ link: first, run, connect, ended }: Following): AsyncGenerator<Followed> {
  let link = first;
  let from = 1;
  try {
    while (!ended()) {
      const records = await recordsOf(link, run, from);
      if (records === undefined) {
        yield { what: 'away', reason: await link.closed };
        const next = await back(connect, ended);
        if (!next) return;
        if (link !== first) link.close();
        link = next;
        yield { what: 'back' };
        continue;
      }
      for (const record of records) {
        from = record.sequence + 1;
        yield { what: 'record', record };
      }
      if (records.length > 0) continue;
      yield { what: 'idle', link };
      await sleep(LOOK_EVERY_MS);
    }
  } finally {
    if (link !== first) link.close();
  }
}

/** @returns nothing where the mesh is away */
async function recordsOf(link: Link, run: string, from: number): Promise<readonly LogRecord[] | undefined> {
  try {
    return await askLog(link, run, from);
  } catch (error) {
    if (wentAway(error)) return undefined;
    throw error;
  }
}

async function back(connect: Following['connect'], ended: Following['ended']): Promise<Link | undefined> {
  while (!ended()) {
    try {
      return await connect();
    } catch (error) {
      if (!wentAway(error)) throw error;
    }
    await sleep(RETRY_MS);
  }
  return undefined;
}
