/** `nmc logs RUN`: everything that happened to a run, in order. */
import { emit } from '../support/emit.ts';
import { type Arguments, EXIT, flag, text } from './command.ts';
import { openMesh } from './mesh-link.ts';

export default async function (args: Arguments): Promise<number> {
  const link = await openMesh(args);
  try {
    const run = text(args, 'run') ?? '';
    for (let from = 1; ; ) {
      const { records } = (await link.ask({ what: 'logs', run, from })) as { records: Record<string, unknown>[] };
      if (records.length === 0) return EXIT.done;
      for (const record of records) {
        from = Number(record.sequence) + 1;
        if (flag(args, 'json')) emit(record);
        else {
          const { sequence: _sequence, time, event, ...rest } = record;
          process.stdout.write(
            `${new Date(Number(time)).toISOString()}  ${String(event).padEnd(16)} ${JSON.stringify(rest)}\n`,
          );
        }
      }
    }
  } finally {
    link.close();
  }
}
