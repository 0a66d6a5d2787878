/** Words of `nmc deploy --watch`: those of a training, and those of a mesh. */
import type { RunEvent } from '../../../spec/run-events.ts';
import type { LogRecord } from '../../net/ask-log.ts';
import { emit } from '../../support/emit.ts';
import { formatCount, formatMeasure } from '../../support/format-numbers.ts';
import { printableLines, printed } from '../../support/printable.ts';
import { EXIT } from '../shell/command.ts';

/** More would be a page of names. */
const MAX_NODES = 12;

/** Where lines go: results to standard output, troubles to standard error. */
export interface WatchOutput {
  readonly json: boolean;
  readonly line: (text: string) => void;
  readonly trouble: (text: string) => void;
  /** @param run that is done */
  readonly next: (run: string) => void;
}

/** One run, from its deployment to its end. */
export class WatchReport {
  readonly #run: string;
  readonly #output: WatchOutput;
  /** It was said to be suspended, and the mesh has not gone away since. */
  #suspended = false;
  /** The mesh went away before it could say that. */
  #wasAway = false;

  constructor(run: string, output: WatchOutput) {
    this.#run = run;
    this.#output = output;
  }

  away(reason: string): void {
    if (this.#suspended) {
      this.#suspended = false;
      return;
    }
    this.#wasAway = true;
    this.#suspend(reason);
  }

  back(): void {
    if (this.#output.json) emit({ event: 'back', run: this.#run });
    else this.#output.line('the mesh is back');
  }

  /** @returns the exit code at the end of the run */
  record({ record, event }: LogRecord): number | undefined {
    // Another version knows it.
    if (!event) return undefined;
    const { sequence: _sequence, time: _time, ...fields } = record;
    const { json, line, trouble } = this.#output;
    switch (event.event) {
      case 'epoch':
        if (json) emit(fields);
        else line(epochText(event));
        return undefined;
      case 'done':
        if (json) emit({ ...fields, out: this.#run });
        else {
          for (const c of event.checks)
            line(
              printed`${c.pass ? 'holds ' : 'MISSES'} ${c.check}: ${c.value ?? 'what is read is not a finite number'}`,
            );
          this.#output.next(this.#run);
        }
        return event.checks.every((c) => c.pass) ? EXIT.done : EXIT.checkFailed;
      case 'suspended':
        if (this.#wasAway) this.#wasAway = false;
        else {
          this.#suspended = true;
          this.#suspend('the mesh was stopped');
        }
        return undefined;
      case 'interrupted':
        if (json) emit({ event: 'interrupted', out: this.#run });
        else line(printed`${this.#run} was stopped`);
        return EXIT.interrupted;
      case 'error':
        if (json) emit(fields);
        trouble(printed`error[${event.code}]: ${event.message}`);
        return EXIT.environment;
      default: {
        const words = troubleOf(event);
        if (words !== undefined) trouble(printableLines(words));
        return undefined;
      }
    }
  }

  #suspend(reason: string): void {
    const run = this.#run;
    if (this.#output.json) emit({ event: 'suspended', run, reason });
    else this.#output.line(printed`${run} is suspended: ${reason}; it goes on when the mesh is back`);
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
  return printed`epoch ${e.epoch}  energy ${energy}  ${accuracy}${validation}${rate} samples/s${idle}${left}`;
}

/** Words for events that somebody may want to look at; nothing for what goes as it should. */
function troubleOf(event: RunEvent): string | undefined {
  switch (event.event) {
    case 'waiting':
      return printed`waiting: ${event.reason}`;
    case 'deprecated':
      return printed`shard ${event.shard} is given up, as no trainer has room for it: the others train on without it, and its weights stay as they were behind call ${event.calls}`;
    case 'lost':
      return printed`${event.trainer} is gone (${event.why}); its shards move`;
    case 'fault':
      return printed`shard ${event.shard} has failed on ${event.trainer} (${event.reason})`;
    case 'liar':
      return printed`${event.trainer} reported false data (${event.what}) and no longer takes part in this run`;
    case 'excluded':
      return printed`${event.trainer} no longer takes part in this run: ${event.why}`;
    case 'aside':
      return printed`${event.trainer} is given shards last, for an hour: ${event.why}`;
    case 'unchecked':
      return printed`the checks were not computed again (${event.reason}): only the trainers' own figures are known`;
    default:
      return undefined;
  }
}
