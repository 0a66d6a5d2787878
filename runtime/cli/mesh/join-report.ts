/**
 * The report of `nmc join` while it works, for the person whose machine it is: phase, reason, rate and shard. On a terminal
 * one line that refreshes; elsewhere a line where something else goes on than before; with `--json` an event for each.
 */
import type { ShardNews, TrainerNews } from '../../net/trainer-news.ts';
import type { TrainerOptions } from '../../net/trainer-node.ts';
import { emit, jsonLine } from '../../support/emit.ts';
import { formatCount } from '../../support/format-numbers.ts';
import { printableLines, printed } from '../../support/printable.ts';
import { createProgress, type Progress } from '../../support/progress.ts';
import { packageVersion } from '../shell/package-root.ts';

/** A shard in lockstep waits again and again: only one that has not moved for so many heartbeats is said to. */
const STILL_HEARTBEATS = 4;
/** Heartbeats that a rate is taken over. */
const RATE_HEARTBEATS = 10;
/** Shards that are shown one by one. */
const MAX_SHOWN = 2;

export interface JoinOutput {
  readonly json: boolean;
  /** Of this program. */
  readonly version: string;
  readonly terminal: boolean;
  /** Where it is a terminal. */
  readonly progress: Pick<Progress, 'busy' | 'note'>;
  /** Where it is none. */
  readonly line: (text: string) => void;
  /** For a log, as JSON. */
  readonly log: (event: Readonly<Record<string, unknown>>) => void;
  readonly now: () => number;
}

interface Told {
  readonly shard: ShardNews;
  readonly phase: Phase;
  readonly phrase: string;
  readonly figures: string;
}

interface Seen {
  still: number;
  /** The newest last. */
  readonly rates: { readonly at: number; readonly samples: number }[];
}

export class JoinReport implements TrainerNews {
  readonly #asked: string;
  readonly #output: JoinOutput;
  readonly #seen = new Map<string, Seen>();
  #name: string;
  #said = '';
  #versions = '';

  /** @param name that was asked for */
  constructor(name: string, output: JoinOutput) {
    this.#asked = name;
    this.#name = name;
    this.#output = output;
  }

  readonly admitted = (name: string): void => {
    const { json } = this.#output;
    this.#said = '';
    if (name !== this.#name && name !== this.#asked) {
      if (json) emit({ event: 'named', name, asked: this.#asked });
      else this.#line(printed`the mesh has another trainer ${this.#asked}: this one is ${name} there`);
    }
    this.#name = name;
  };

  /** Said once for each version that a mesh has while this trainer is in it. */
  readonly versions = (mesh: string | undefined, wire: string | undefined): void => {
    const { json, version } = this.#output;
    if (mesh === undefined || mesh === this.#versions) return;
    this.#versions = mesh;
    if (json) emit({ event: 'versions', mesh, trainer: version, wire });
    else if (mesh === version) this.#line(printed`the mesh runs version ${mesh}, as this trainer does`);
    else
      this.#line(
        printed`the mesh runs version ${mesh}, this trainer ${version}: a run stays with trainers of one version, so install ${mesh} where it gets no shard`,
      );
  };

  readonly away = (reason: string): void => {
    const words = `the mesh is away (${reason}): waits until it is back`;
    this.#say({ state: 'away', reason }, words, words);
  };

  readonly shards = (shards: readonly ShardNews[]): void => {
    for (const name of this.#seen.keys()) if (!shards.some((s) => nameOf(s) === name)) this.#seen.delete(name);
    const [first] = shards;
    if (!first) {
      const words = 'idle: the mesh has no shard for this machine now';
      this.#say({ state: 'idle' }, words, words);
      return;
    }
    const told = shards.map((shard) => this.#told(shard));
    const more = told.length > MAX_SHOWN ? `; and ${told.length - MAX_SHOWN} more` : '';
    const shown = told.slice(0, MAX_SHOWN);
    const fields = told.map(({ phase, shard }) => {
      const { run, reason } = shard;
      return { run, shard: shard.shard, state: phase, reason: phase === 'training' ? '' : reason };
    });
    this.#say(
      { ...(fields[0] ?? { state: 'idle' }), ...(fields.length > 1 ? { shards: fields } : {}) },
      `${shown.map(({ phrase }) => phrase).join('; ')}${more}`,
      `${shown.map(({ phrase, figures }) => [phrase, figures].filter((part) => part !== '').join('  ')).join('; ')}${more}`,
    );
  };

  /** Events in the program: on a terminal in words, without those that have been told already. */
  readonly log = (event: Readonly<Record<string, unknown>>): void => {
    const { json, terminal, progress, log } = this.#output;
    if (!terminal || json) log(event);
    else if (!['disconnected', 'named'].includes(String(event.event)))
      progress.note(printed`${event.event}: ${event.message ?? event.reason ?? event.code ?? ''}`);
  };

  #told(shard: ShardNews): Told {
    const seen = this.#seen.get(nameOf(shard)) ?? { still: 0, rates: [] };
    this.#seen.set(nameOf(shard), seen);
    const moves = shard.ticksPerSecond > 0;
    seen.still = moves ? 0 : seen.still + 1;
    const phase = phaseOf(shard, seen.still);
    const reason = shard.reason.replace(/^waits for /, 'for ');
    const why = phase === 'training' || reason === '' ? '' : `: ${reason}`;
    const phrase = printed`shard ${shard.shard} of ${shard.run} ${WORDS[phase]}${why}`.replace(
      ' waits: for',
      ' waits for',
    );
    return { shard, phase, phrase, figures: phase === 'training' ? this.#figures(shard, seen) : '' };
  }

  #figures({ at, busy }: ShardNews, { rates }: Seen): string {
    if (!at) return '';
    const now = this.#output.now();
    rates.push({ at: now, samples: at.samples });
    if (rates.length > RATE_HEARTBEATS) rates.shift();
    const [oldest] = rates;
    const seconds = oldest ? (now - oldest.at) / 1000 : 0;
    const rate = oldest && seconds > 0 ? `${formatCount((at.samples - oldest.samples) / seconds)} samples/s  ` : '';
    return `${rate}epoch ${at.epoch}/${at.epochs} ${at.batch}/${at.batches}  busy ${Math.round(busy * 100)} %`;
  }

  /** @param phrase without figures: what stays the same is not said again. @param line with them */
  #say(fields: Readonly<Record<string, unknown>>, phrase: string, line: string): void {
    const { json, terminal, progress } = this.#output;
    if (terminal && !json) {
      progress.busy(printed`${line}`);
      return;
    }
    const key = json ? jsonLine(fields) : phrase;
    if (key === this.#said) return;
    this.#said = key;
    if (json) emit({ event: 'phase', ...fields });
    else this.#line(printed`${line}`);
  }

  #line(text: string): void {
    const { terminal, progress, line } = this.#output;
    if (terminal) progress.note(text);
    else line(text);
  }
}

function nameOf({ run, shard }: ShardNews): string {
  return `${run}/${shard}`;
}

type Phase = 'loading' | 'ready' | 'training' | 'waiting' | 'finished' | 'failed';

const WORDS: Readonly<Record<Phase, string>> = {
  loading: 'loads',
  ready: 'is loaded and waits for the others',
  training: 'trains',
  waiting: 'waits',
  finished: 'has finished',
  failed: 'has failed',
};

function phaseOf({ state }: ShardNews, still: number): Phase {
  if (state !== 'running' && state !== 'waiting') return state;
  return still >= STILL_HEARTBEATS ? 'waiting' : 'training';
}

/** Callbacks for a trainer's node, so that it says all this here. @param remember the key of the mesh that let it in */
export function tellOfJoin(
  name: string,
  json: boolean,
  remember: (mesh: string) => void,
): { readonly options: Pick<TrainerOptions, 'log' | 'news'>; readonly stop: () => void } {
  const progress = createProgress();
  const report = new JoinReport(name, {
    json,
    version: packageVersion(),
    terminal: process.stderr.isTTY === true,
    progress,
    line: (text) => process.stdout.write(printableLines(`${text}\n`)),
    log: (event) => process.stderr.write(`${jsonLine(event)}\n`),
    now: () => performance.now(),
  });
  const admitted = (given: string, mesh: string): void => {
    remember(mesh);
    report.admitted(given);
  };
  return { options: { log: report.log, news: { ...report, admitted } }, stop: progress.stop };
}
