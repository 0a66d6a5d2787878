/** Follows a run from afar: the events of a training, as `nmc train` tells them. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Plan, PlanTraining } from '../../../spec/plan.ts';
import { askLog, type LogRecord } from '../../net/ask-log.ts';
import type { Link } from '../../net/link.ts';
import { emit } from '../../support/emit.ts';
import { printed } from '../../support/printable.ts';
import { EXIT } from '../shell/command.ts';
import { watchInterrupt } from '../shell/watch-interrupt.ts';

const LOOK_EVERY_MS = 150;

type Check = { readonly check: string; readonly value: number; readonly pass: boolean } | null;

/** @returns the exit code, as `nmc train` has it. Ctrl-C ends watching; the run goes on. */
export async function watchRun(
  link: Link,
  run: string,
  plan: Plan,
  training: PlanTraining,
  asJson: boolean,
): Promise<number> {
  const interrupt = watchInterrupt(() => undefined);
  const parameters = plan.shards.reduce((sum, s) => sum + s.parameterCount, 0);
  const flopsPerBatch = plan.shards.reduce((sum, s) => sum + s.flopsPerBatch, 0);
  const start = { event: 'start', model: plan.model, task: training.task, device: 'mesh', parameters, flopsPerBatch };
  let from = 1;
  if (asJson) emit({ ...start, run });
  else process.stdout.write(printed`${run}: ${plan.model} ${training.task} in ${plan.shards.length} shards\n`);
  try {
    for (;;) {
      const records = await askLog(link, run, from);
      for (const record of records) {
        from = record.sequence + 1;
        const code = tell(record, run, asJson);
        if (code !== undefined) return code;
      }
      if (interrupt.requested()) {
        process.stderr.write(printed`${run} goes on without being watched; nmc stop ${run} ends it\n`);
        return EXIT.interrupted;
      }
      if (records.length === 0) await sleep(LOOK_EVERY_MS);
    }
  } finally {
    interrupt.release();
  }
}

function tell(record: LogRecord, run: string, asJson: boolean): number | undefined {
  const { sequence: _sequence, time: _time, ...event } = record;
  switch (record.event) {
    case 'epoch':
      if (asJson) emit(event);
      else
        process.stdout.write(
          printed`epoch ${record.epoch}  energy ${Number(record.energy).toPrecision(5)}  ${record.accuracy === null ? '' : `accuracy ${(Number(record.accuracy) * 100).toFixed(2)} %  `}${Number(record.samplesPerSecond).toFixed(0)} samples/s\n`,
        );
      return undefined;
    case 'done': {
      const checks = (Array.isArray(record.checks) ? record.checks : []) as readonly Check[];
      if (asJson) emit({ ...event, out: run });
      else
        for (const c of checks)
          if (c) process.stdout.write(printed`${c.pass ? 'holds ' : 'MISSES'} ${c.check}: ${c.value}\n`);
      return checks.every((c) => c?.pass === true) ? EXIT.done : EXIT.checkFailed;
    }
    case 'interrupted':
    case 'suspended':
      if (asJson) emit({ event: 'interrupted', out: run });
      else process.stdout.write(printed`${run} was stopped\n`);
      return EXIT.interrupted;
    case 'error':
      if (asJson) emit(event);
      process.stderr.write(printed`error[${record.code}]: ${record.message}\n`);
      return EXIT.environment;
    case 'waiting':
      process.stderr.write(printed`waiting: ${record.reason}\n`);
      return undefined;
    case 'lost':
      process.stderr.write(printed`${record.trainer} is gone (${record.why}); its shards move\n`);
      return undefined;
    case 'fault':
      process.stderr.write(printed`shard ${record.shard} has failed on ${record.trainer} (${record.reason})
`);
      return undefined;
    case 'liar':
      process.stderr.write(printed`${record.trainer} has lied (${record.what}) and no longer takes part in this run
`);
      return undefined;
    case 'excluded':
      process.stderr.write(printed`${record.trainer} no longer takes part in this run: ${record.why}
`);
      return undefined;
    case 'unchecked':
      process.stderr.write(printed`nobody has computed the checks again (${record.reason}): they are the trainers' word alone
`);
      return undefined;
    default:
      return undefined;
  }
}
