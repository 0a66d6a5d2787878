/**
 * Probes of the links of trainers, from the gateway's end, which sees both directions itself: how fast a train arrives
 * from the trainer, and how far apart the trainer answers two pings that have a train of the gateway between them, the
 * second of which it can only answer when the train has arrived. One trainer at a time, so that two probes do not share
 * the gateway's own link.
 */
import { randomBytes } from 'node:crypto';
import type { WebSocket } from 'ws';
import { UserError } from '../support/errors.ts';
import { type Arrival, afterTrain, estimateRate, NO_TRAINS, probePieces, type Trains } from '../wire/link-estimate.ts';
import { encodeProbe } from '../wire/routing.ts';
import { answered, GIVE_UP_MS } from './answered.ts';
import { timedTrain } from './timed-train.ts';

/** Measurements of a trainer's link. */
export interface ProbedLink {
  readonly upload: number;
  readonly download: number;
  readonly roundTrip: number;
}

export interface ProbesOptions {
  /** Whether this trainer may be probed now. @param first it has not been measured since it began */
  readonly may: (key: string, first: boolean) => boolean;
  readonly measured: (key: string, link: ProbedLink) => void;
  readonly now?: () => number;
}

/** The trainer's end of it. */
export interface Probed {
  readonly key: string;
  readonly role: string;
  readonly socket: WebSocket;
}

/** How many bytes the trainer sends now, or none, and in how many milliseconds it asks again. */
export interface ProbeGrant {
  readonly bytes: number;
  readonly again: number;
}

/**
 * After the first look, which a machine that has just begun may disturb, the second one, and so on; then the last of
 * these.
 */
const REPEATS_MS = [10_000, 60_000, 300_000] as const;
/** While a run is trained, or somebody else is probed. */
const BUSY_MS = 15_000;
const OTHERS_TURN_MS = 300;
/** The more of them wait, the later each asks again: all together ask no more often than one. */
const MAX_WAITING = 40;
/** One that has not asked for so long waits no more. */
const FORGET_MS = 60_000;
const NOT_ASKED_MS = 3000;
const ROUND_TRIPS = 5;

interface Series {
  readonly peer: Probed;
  roundTrip: number;
  down: Trains;
  up: Trains;
  /** Of the train that is awaited from the trainer. */
  expected: number;
  arrivals: Arrival[];
  timer: NodeJS.Timeout | undefined;
}

export class Probes {
  readonly #options: ProbesOptions;
  readonly #now: () => number;
  #series: Series | undefined;
  /** By key, when it was measured last, and how often. */
  readonly #measured = new Map<string, { readonly at: number; readonly count: number }>();
  /** By key, when those asked last whose turn it was not. */
  readonly #waiting = new Map<string, number>();
  readonly #filling = randomBytes(64 * 1024);

  constructor(options: ProbesOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** The answer to `probe`. @throws UserError `mesh/forbidden` for who is not a trainer */
  async grant(peer: Probed): Promise<ProbeGrant> {
    if (peer.role !== 'trainer') throw new UserError('mesh/forbidden', 'only trainers are measured');
    const own = this.#series?.peer === peer ? this.#series : undefined;
    if (own) return own.expected <= 0 && own.up.count > 0 ? this.#await(own) : { bytes: 0, again: BUSY_MS };
    const before = this.#measured.get(peer.key);
    const due = this.#dueIn(peer.key);
    if (due > 0) return { bytes: 0, again: due };
    if (this.#series) return { bytes: 0, again: this.#turnOf(peer.key) };
    this.#waiting.delete(peer.key);
    if (!this.#options.may(peer.key, before === undefined)) return { bytes: 0, again: BUSY_MS };
    return this.#begin(peer);
  }

  /** A piece of a train. @returns whether one was awaited */
  piece({ socket }: Pick<Probed, 'socket'>, bytes: number): boolean {
    const series = this.#series;
    if (series?.peer.socket !== socket || series.expected <= 0) return false;
    series.arrivals.push({ at: this.#now(), bytes });
    series.expected -= bytes;
    if (series.expected <= 0) this.#arrived(series);
    return true;
  }

  closed(socket: WebSocket): void {
    if (this.#series?.peer.socket !== socket) return;
    this.#end(this.#series);
  }

  /** @returns milliseconds until it asks again */
  #turnOf(key: string): number {
    const now = this.#now();
    this.#waiting.set(key, now);
    for (const [other, at] of this.#waiting) if (now - at > FORGET_MS) this.#waiting.delete(other);
    return OTHERS_TURN_MS * Math.min(this.#waiting.size, MAX_WAITING);
  }

  async #begin(peer: Probed): Promise<ProbeGrant> {
    const series: Series = {
      ...{ peer, roundTrip: Number.POSITIVE_INFINITY, down: NO_TRAINS, up: NO_TRAINS },
      ...{ expected: 0, arrivals: [], timer: undefined },
    };
    this.#series = series;
    for (let i = 0; i < ROUND_TRIPS; i++) if ((await this.#ping(series)) === undefined) return this.#end(series);
    for (let { bytes } = series.down; bytes > 0; { bytes } = series.down) {
      const estimate = await timedTrain(bytes, {
        before: () => this.#ping(series),
        send: (piece) => peer.socket.send(encodeProbe(this.#filling.subarray(0, piece))),
        behind: () => answered(peer.socket, this.#now),
      });
      if (!estimate) return this.#end(series);
      series.down = afterTrain(series.down, estimate);
    }
    return this.#await(series);
  }

  /** @returns when the answer came; nothing where none does */
  async #ping(series: Series): Promise<number | undefined> {
    const began = this.#now();
    const heard = await answered(series.peer.socket, this.#now);
    if (heard !== undefined) series.roundTrip = Math.min(series.roundTrip, heard - began);
    return heard;
  }

  /** From now on the trainer's train is awaited. */
  #await(series: Series): ProbeGrant {
    const sent = probePieces(series.up.bytes).reduce((sum, piece) => sum + piece, 0);
    series.arrivals = [];
    series.expected = sent;
    clearTimeout(series.timer);
    series.timer = setTimeout(() => this.#end(series), GIVE_UP_MS).unref();
    return { bytes: sent, again: 0 };
  }

  #arrived(series: Series): void {
    clearTimeout(series.timer);
    series.up = afterTrain(series.up, estimateRate(series.arrivals));
    if (series.up.bytes === 0) this.#end(series);
    // A trainer that was given a shard meanwhile does not ask again.
    else series.timer = setTimeout(() => this.#end(series), NOT_ASKED_MS).unref();
  }

  /** With what is known by now. It counts as measured in any case, so that probing ends. */
  #end(series: Series): ProbeGrant {
    clearTimeout(series.timer);
    if (this.#series === series) {
      const { up, down, roundTrip, peer } = series;
      this.#series = undefined;
      const { count = 0 } = this.#measured.get(peer.key) ?? {};
      this.#measured.set(peer.key, { at: this.#now(), count: count + 1 });
      if (up.best > 0 && down.best > 0 && peer.socket.readyState === peer.socket.OPEN)
        this.#options.measured(peer.key, { upload: up.best, download: down.best, roundTrip });
    }
    return { bytes: 0, again: this.#dueIn(series.peer.key) };
  }

  /** It has begun anew: its link may be another one. */
  forget(key: string): void {
    this.#measured.delete(key);
  }

  /** Milliseconds until its link is measured once more. */
  #dueIn(key: string): number {
    const before = this.#measured.get(key);
    if (!before) return 0;
    const repeat = REPEATS_MS[before.count - 1] ?? REPEATS_MS[REPEATS_MS.length - 1] ?? 0;
    return Math.max(0, before.at + repeat - this.#now());
  }
}
