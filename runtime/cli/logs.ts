/** `nmc logs RUN`: everything that happened to a run, in order; or what entered the synchronizer, gone through again. */
import type { StreamRecord } from '../backplane/backplane.ts';
import type { Link } from '../net/dial.ts';
import { decodePieces } from '../net/event-log.ts';
import { emit } from '../support/emit.ts';
import { type Arguments, EXIT, flag, text } from './command.ts';
import { openMesh } from './mesh-link.ts';
import { replayRun } from './replay-run.ts';

export default async function (args: Arguments): Promise<number> {
  const link = await openMesh(args);
  try {
    const run = text(args, 'run') ?? '';
    if (!flag(args, 'replay')) return await showLog(link, run, flag(args, 'json'));
    const records: string[] = [];
    for await (const { value } of recordsOf<StreamRecord>(link, 'events', run)) records.push(value);
    return replayRun(await decodePieces(records), run, flag(args, 'json'));
  } finally {
    link.close();
  }
}

async function showLog(link: Link, run: string, json: boolean): Promise<number> {
  for await (const record of recordsOf<Record<string, unknown> & { sequence: number }>(link, 'logs', run)) {
    if (json) emit(record);
    else {
      const { sequence: _sequence, time, event, ...rest } = record;
      process.stdout.write(
        `${new Date(Number(time)).toISOString()}  ${String(event).padEnd(16)} ${JSON.stringify(rest)}\n`,
      );
    }
  }
  return EXIT.done;
}

/** Of a stream of the run, page by page. */
async function* recordsOf<T extends { readonly sequence: number }>(
  link: Link,
  what: 'logs' | 'events',
  run: string,
): AsyncGenerator<T> {
  for (let from = 1; ; ) {
    const { records } = (await link.ask({ what, run, from })) as { records: T[] };
    if (records.length === 0) return;
    yield* records;
    from = (records.at(-1)?.sequence ?? from) + 1;
  }
}
