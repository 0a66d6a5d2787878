/** `nmc logs RUN`: everything that happened to a run, in order; or what entered the synchronizer, gone through again. */
import { askLog, askRecording } from '../../net/ask-log.ts';
import { decodePieces } from '../../net/event-log.ts';
import type { Link } from '../../net/link.ts';
import { emit, jsonLine } from '../../support/emit.ts';
import { printed } from '../../support/printable.ts';
import { EXIT } from '../shell/command.ts';
import { openMesh } from './mesh-link.ts';
import type { LogsArguments } from './options.ts';
import { replayRun } from './replay-run.ts';

export default async function (args: LogsArguments): Promise<number> {
  const link = await openMesh(args);
  try {
    const run = args.run ?? '';
    if (!args.replay) return await showLog(link, run, args.json);
    const records: string[] = [];
    for await (const { value } of pages((from) => askRecording(link, run, from))) records.push(value);
    return replayRun(await decodePieces(records), run, args.json);
  } finally {
    link.close();
  }
}

async function showLog(link: Link, run: string, json: boolean): Promise<number> {
  for await (const { record } of pages((from) => askLog(link, run, from))) {
    if (json) emit(record);
    else {
      const { sequence: _sequence, time, event, ...rest } = record;
      // Lists of shards may be long: they are JSON, and whole.
      process.stdout.write(printed`${new Date(time).toISOString()}  ${event.padEnd(16)} `);
      process.stdout.write(`${jsonLine(rest)}\n`);
    }
  }
  return EXIT.done;
}

/** Page after page, to the end. */
async function* pages<T extends { readonly sequence: number }>(
  ask: (from: number) => Promise<readonly T[]>,
): AsyncGenerator<T> {
  for (let from = 1; ; ) {
    const records = await ask(from);
    if (records.length === 0) return;
    yield* records;
    from = (records.at(-1)?.sequence ?? from) + 1;
  }
}
