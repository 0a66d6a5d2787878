/**
 * A trainer's part in measuring the ways to others: only to whom the synchronizer names, one at a time, while it is idle.
 * The two take turns on a direct connection: one sends a train of bytes between two pings and says when its turn is over,
 * then the other. Each end times what it sends by the answers to its pings, and what it receives by the arrivals.
 */
import { randomBytes } from 'node:crypto';
import type { Neighbour } from '../driver/ports.ts';
import {
  type Arrival,
  afterTrain,
  estimateRate,
  MAX_PROBE_BYTES,
  NO_TRAINS,
  type Trains,
} from '../wire/link-estimate.ts';
import type { Measured } from '../wire/messages.ts';
import type { Refusal } from '../wire/refusals.ts';
import { encodeProbe, MORE_TO_COME, NOTHING_MORE, PIECE, type ProbeHead } from '../wire/routing.ts';
import { calm } from './probe-link.ts';
import { timedTrain } from './timed-train.ts';

/** The direct connections of this trainer. */
export interface ProbedConnections {
  has(key: string): boolean;
  send(key: string, packet: Uint8Array): boolean;
  /** @returns when the other end has answered; nothing: it does not */
  ping(key: string): Promise<number | undefined>;
  /** Lets it in and dials it; nothing: no longer. */
  setPartner(partner: Neighbour | undefined): void;
}

export interface BorderProbesOptions {
  /** Key of this trainer. */
  readonly own: string;
  readonly connections: ProbedConnections;
  /** No shard is here that a probe could disturb. */
  readonly idle: () => boolean;
  readonly say: (message: Measured) => void;
  readonly now?: () => number;
  readonly limits?: Partial<ProbeLimits>;
}

export interface ProbeLimits {
  /** A series that takes longer is given up. */
  readonly seriesMs: number;
  /** Between two series, whatever asks for them. */
  readonly restMs: number;
  /** Of one end, in one series. */
  readonly turns: number;
  readonly bytes: number;
}

const LIMITS: ProbeLimits = { seriesMs: 25_000, restMs: 1000, turns: 12, bytes: 6 * MAX_PROBE_BYTES };
const ROUND_TRIPS = 5;
/** A train has about 32. */
const MAX_PIECES = 80;
/** Of the train of the largest size: what disturbs a train only makes it slower. */
const NOTHING_RECEIVED = { bytes: 0, rate: 0 };

interface Series {
  readonly key: string;
  /** The end of the smaller key has the first turn. */
  readonly first: boolean;
  timer: NodeJS.Timeout | undefined;
  begun: boolean;
  ownTurn: boolean;
  sent: Trains;
  /** It has said that it wants to send nothing more. */
  ended: boolean;
  othersEnded: boolean;
  received: { readonly bytes: number; readonly rate: number };
  roundTrip: number;
  /** Of the turn of the other end, and how many bytes they are. */
  arrivals: Arrival[];
  train: number;
  turns: number;
  bytes: number;
}

export class BorderProbes {
  readonly #options: BorderProbesOptions;
  readonly #limits: ProbeLimits;
  readonly #now: () => number;
  readonly #filling = randomBytes(64 * 1024);
  #series: Series | undefined;
  #restUntil = Number.NEGATIVE_INFINITY;

  constructor(options: BorderProbesOptions) {
    this.#options = options;
    this.#limits = { ...LIMITS, ...options.limits };
    this.#now = options.now ?? (() => performance.now());
  }

  /** The synchronizer has named a trainer. */
  measure(partner: Neighbour): void {
    const { own, idle, connections } = this.#options;
    if (this.#series || partner.key === own || !idle() || this.#now() < this.#restUntil) return;
    const { key } = partner;
    const series: Series = {
      ...{ key, first: own < key, timer: undefined, begun: false, ownTurn: false },
      ...{ sent: NO_TRAINS, ended: false, othersEnded: false, received: NOTHING_RECEIVED },
      ...{ roundTrip: Number.POSITIVE_INFINITY, arrivals: [], train: 0, turns: 0, bytes: 0 },
    };
    series.timer = setTimeout(() => this.#end(series), this.#limits.seriesMs).unref();
    this.#series = series;
    connections.setPartner(partner);
    if (connections.has(key)) this.changed(key);
  }

  /** The direct connection to this trainer was made, or ended. */
  changed(key: string): void {
    const series = this.#series;
    if (series?.key !== key) return;
    if (!this.#options.connections.has(key)) {
      if (series.begun) this.#end(series, false);
      return;
    }
    if (series.begun) return;
    series.begun = true;
    if (series.first) this.#takeTurn(series);
  }

  /** @returns why it is refused, where it belongs to no probe */
  take(key: string, { piece }: ProbeHead, bytes: number): Refusal | undefined {
    const series = this.#series;
    if (series?.key !== key || series.ownTurn || series.othersEnded) return 'a probe that was not asked for';
    series.bytes += bytes;
    if (piece === PIECE) {
      series.arrivals.push({ at: this.#now(), bytes });
      series.train += bytes;
    } else series.turns++;
    if (this.#isTooMuch(series)) {
      this.#end(series, false);
      return 'a probe that was not asked for';
    }
    if (piece === PIECE) return undefined;
    series.received = better(series.received, series.train, estimateRate(series.arrivals)?.bytesPerSecond);
    series.arrivals = [];
    series.train = 0;
    series.othersEnded = piece === NOTHING_MORE;
    series.begun = true;
    if (series.ended && series.othersEnded) this.#end(series);
    else this.#takeTurn(series);
    return undefined;
  }

  /** Nothing is measured any more. */
  stop(): void {
    if (this.#series) this.#end(this.#series, false);
  }

  #isTooMuch({ turns, bytes, train, arrivals }: Series): boolean {
    const most = this.#limits;
    return turns > most.turns || bytes > most.bytes || train > MAX_PROBE_BYTES || arrivals.length > MAX_PIECES;
  }

  #takeTurn(series: Series): void {
    series.ownTurn = true;
    this.#send(series).catch(() => this.#end(series, false));
  }

  async #send(series: Series): Promise<void> {
    const { key } = series;
    const { connections, idle } = this.#options;
    if (!idle()) {
      this.#end(series, false);
      return;
    }
    if (series.sent.count === 0) {
      await calm();
      for (let i = 0; i < ROUND_TRIPS; i++) await this.#ping(series);
    }
    const { bytes } = series.sent;
    if (bytes > 0) {
      const estimate = await timedTrain(bytes, {
        before: () => this.#ping(series),
        send: (size) => connections.send(key, encodeProbe(this.#filling.subarray(0, size), PIECE)),
        // The other end answers at once, since its own turn has not come yet.
        behind: () => connections.ping(key),
      });
      if (!estimate) this.#end(series, false);
      else series.sent = afterTrain(series.sent, estimate);
    }
    if (this.#series !== series) return;
    series.ended = series.sent.bytes === 0;
    series.ownTurn = false;
    connections.send(key, encodeProbe(new Uint8Array(0), series.ended ? NOTHING_MORE : MORE_TO_COME));
    if (!series.othersEnded) return;
    if (series.ended) this.#end(series);
    else this.#takeTurn(series);
  }

  async #ping(series: Series): Promise<number | undefined> {
    const began = this.#now();
    const heard = await this.#options.connections.ping(series.key);
    if (heard !== undefined) series.roundTrip = Math.min(series.roundTrip, heard - began);
    return heard;
  }

  /** @param isSound what is known is told, where it is all of it */
  #end(series: Series, isSound = true): void {
    clearTimeout(series.timer);
    if (this.#series !== series) return;
    this.#series = undefined;
    this.#restUntil = this.#now() + this.#limits.restMs;
    const { key, roundTrip, sent, received } = series;
    if (isSound && sent.best > 0 && received.rate > 0 && Number.isFinite(roundTrip))
      this.#options.say({ type: 'measured', key, sent: sent.best, received: received.rate, roundTrip });
    this.#options.connections.setPartner(undefined);
  }
}

function better(known: Series['received'], bytes: number, rate: number | undefined): Series['received'] {
  if (rate === undefined || bytes < known.bytes) return known;
  return { bytes, rate: bytes === known.bytes ? Math.max(known.rate, rate) : rate };
}
