/** Follows a run from afar: the events of a training, as `nmc train` tells them. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Plan, PlanTraining } from '../../../spec/plan.ts';
import type { RunEvent } from '../../../spec/run-events.ts';
import { askLog, type LogRecord } from '../../net/ask-log.ts';
import type { Link } from '../../net/link.ts';
import { emit } from '../../support/emit.ts';
import { formatCount, formatMeasure } from '../../support/format-numbers.ts';
import { printableLines, printed } from '../../support/printable.ts';
import { EXIT } from '../shell/command.ts';
import { watchInterrupt } from '../shell/watch-interrupt.ts';

/** More would be a page of names. */
const MAX_NODES = 12;
const LOOK_EVERY_MS = 150;

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

function tell({ record, event }: LogRecord, run: string, asJson: boolean): number | undefined {
  // Another version knows it.
  if (!event) return undefined;
  const { sequence: _sequence, time: _time, ...fields } = record;
  switch (event.event) {
    case 'epoch':
      if (asJson) emit(fields);
      else process.stdout.write(printableLines(epochText(event)));
      return undefined;
    case 'done':
      if (asJson) emit({ ...fields, out: run });
      else
        for (const c of event.checks)
          process.stdout.write(printed`${c.pass ? 'holds ' : 'MISSES'} ${c.check}: ${c.value}\n`);
      return event.checks.every((c) => c.pass) ? EXIT.done : EXIT.checkFailed;
    case 'interrupted':
    case 'suspended':
      if (asJson) emit({ event: 'interrupted', out: run });
      else process.stdout.write(printed`${run} was stopped\n`);
      return EXIT.interrupted;
    case 'error':
      if (asJson) emit(fields);
      process.stderr.write(printed`error[${event.code}]: ${event.message}\n`);
      return EXIT.environment;
    default: {
      const words = trouble(event);
      if (words !== undefined) process.stderr.write(`${printableLines(words)}\n`);
      return undefined;
    }
  }
}

function epochText(e: Extract<RunEvent, { event: 'epoch' }>): string {
  const accuracy = e.accuracy === null ? '' : `accuracy ${(e.accuracy * 100).toFixed(2)} %  `;
  const validation = typeof e.validation === 'number' ? `validation ${formatMeasure(e.validation)}  ` : '';
  const rate = Number(e.samplesPerSecond).toFixed(0);
  const idle = e.learnsNothing?.length
    ? printed`  learns nothing: ${e.learnsNothing.slice(0, MAX_NODES).join(', ')}`
    : '';
  const energy = Number(e.energy).toPrecision(5);
  // Said once: every epoch leaves out as many.
  const left = e.epoch === 1 && e.leftOut ? `  each epoch leaves out ${formatCount(e.leftOut)} samples` : '';
  return printed`epoch ${e.epoch}  energy ${energy}  ${accuracy}${validation}${rate} samples/s${idle}${left}\n`;
}

/** What somebody may want to look at; nothing for what goes as it should. */
function trouble(event: RunEvent): string | undefined {
  switch (event.event) {
    case 'waiting':
      return printed`waiting: ${event.reason}`;
    case 'lost':
      return printed`${event.trainer} is gone (${event.why}); its shards move`;
    case 'fault':
      return printed`shard ${event.shard} has failed on ${event.trainer} (${event.reason})`;
    case 'liar':
      return printed`${event.trainer} has lied (${event.what}) and no longer takes part in this run`;
    case 'excluded':
      return printed`${event.trainer} no longer takes part in this run: ${event.why}`;
    case 'unchecked':
      return printed`nobody has computed the checks again (${event.reason}): they are the trainers' word alone`;
    default:
      return undefined;
  }
}
