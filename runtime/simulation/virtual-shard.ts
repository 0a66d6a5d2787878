/**
 * A shard in virtual time behind the port of a trainer's driver: its device is a time, its frames are counts. A call is
 * so many ticks of each of its microbatches; a tick needs the neighbours' tick before it of the same microbatch (in the
 * schedule `async` the newest one that is not too old), and the call is done when all has been computed here and at every
 * neighbour that is not away. Its state is a number that depends on its run
 * and on every training call that it has gone through, so that a call too many, or of another run, is seen.
 */
import { pledgeOf } from '../audit/draw.ts';
import type { Ending } from '../driver/ending.ts';
import type { DrivenShard, Neighbour, ShardCalls } from '../driver/ports.ts';
import type { Measure, Outcome, SavedPart } from '../roles/trainer-state.ts';

import { lastChange } from '../training/calls.ts';
import type { Frame } from '../training/frame.ts';
import { endsStretch } from '../training/stretches.ts';
import type { Deployment } from '../wire/deployment.ts';
import type { Assign, Commit, Exchange } from '../wire/messages.ts';
import { BORDER_HEAD, encodeBorderHead } from '../wire/routing.ts';
import { runTag } from '../wire/run-tag.ts';
import type { StretchName } from '../wire/ticket.ts';
import { NO_PART } from './virtual-devices.ts';
import { VirtualNeighbours } from './virtual-neighbours.ts';

export interface VirtualShardOptions {
  readonly shard: number;
  readonly deployment: Deployment;
  /** Of its owner. */
  readonly key: string;
  /** Shards with which it has borders. */
  readonly neighbours: readonly number[];
  /** Milliseconds of a call on the device, and in how many ticks. */
  readonly call: number;
  readonly ticks: number;
  readonly uniform: () => number;
  readonly later: (milliseconds: number, what: () => void) => void;
  /** The same of work for a core of its machine, which other shards may have first. */
  readonly compute: (milliseconds: number, what: () => void) => void;
  /** Whether it leaves out what changes its state in this call. */
  readonly lies: (calls: number) => boolean;
  /** Keeps what a stretch begins from. */
  readonly keep: (stretch: StretchName, state: number) => void;
  readonly calls: ShardCalls;
}

/** Milliseconds until a state is in place, at least, and how much more at most; and until it is kept. */
const RESTORING = [200, 300] as const;
const SAVING = 50;
/** Behind the head of a packet: how far the sender is, since when it has sent all, whether it asks to hear the same. */
const BODY_BYTES = 17;
const HASH_DIGITS = 64;

export class VirtualShard implements DrivenShard {
  readonly #options: VirtualShardOptions;
  readonly #owners = new Map<number, Neighbour>();
  readonly #agreed = new Map<number, string>();
  readonly #neighbours: VirtualNeighbours;
  readonly #tag: Uint8Array;
  /** By neighbour, the first tick of what it has got under the keys of now; nothing: it has got nothing. */
  readonly #sentSince = new Map<number, number>();
  /** The first tick that this owner has computed without a gap. */
  #first = 0;
  #commits: Commit['states'][number][] = [];
  #term = 0;
  #offers = 0;
  #calls = 0;
  #begun = 0;
  #state = 0;
  #newest: Commit['states'][number] | undefined;
  #sealed = 0;
  /** Of schedule `async`: something of the stretch under way was left out, so it is not sealed. */
  #hasGap = false;
  /** Of schedule `async`: calls that neighbours have made without this shard. */
  behind: number | undefined;
  /** State where the stretch under way began. */
  #began = 0;
  /** Ticks of microbatches since the run began, and all that were ever computed here. */
  #computed = 0;
  #ticks = 0;
  #packets = 0;

  constructor(options: VirtualShardOptions) {
    this.#options = options;
    const { shard, neighbours, deployment, ticks } = options;
    const { microbatches, schedule, staleness = 0 } = deployment;
    const free = schedule === 'async' ? staleness : undefined;
    this.#tag = runTag(deployment.run);
    this.#neighbours = new VirtualNeighbours({
      ...{ shard, neighbours, microbatches, steps: ticks * microbatches },
      staleness: free,
    });
  }

  get deployment(): Deployment {
    return this.#options.deployment;
  }

  get term(): number {
    return this.#term;
  }

  get owners(): readonly Neighbour[] {
    return [...this.#owners.values()];
  }

  restore(term: number, from: Assign['shards'][number]['restore'], { done }: Ending<void>): void {
    const { uniform, later } = this.#options;
    const [least, more] = RESTORING;
    this.#term = term;
    this.#calls = from?.calls ?? 0;
    this.#begun = this.#calls;
    this.#state = from ? Number.parseInt(from.blob, 16) : 0;
    this.#computed = this.#calls * this.#steps;
    this.#sealed = this.#calls;
    this.#began = this.#state;
    this.#hasGap = false;
    this.#commits = [];
    this.#pledge();
    this.#owners.clear();
    this.#agreed.clear();
    this.#sentSince.clear();
    this.#neighbours.forget();
    this.#first = this.#computed;
    later(least + more * uniform(), () => done());
  }

  /** It goes on as it is, in a term with other neighbours. */
  goOn(term: number): void {
    this.#term = term;
    this.#owners.clear();
    this.#agreed.clear();
    this.#sentSince.clear();
    this.#commits = [];
    this.#hasGap = true;
  }

  /** The call under way is given up: the next one is the one behind these. */
  rewind(calls: number): void {
    this.#calls = calls;
    this.#begun = calls;
    this.#computed = calls * this.#steps;
    this.behind = undefined;
    this.#hasGap = true;
  }

  /** It makes no call before this one. */
  skip(calls: number): void {
    this.rewind(calls);
    this.#first = this.#computed;
  }

  setAway(shards: readonly number[], lost: readonly number[]): void {
    for (const shard of shards) this.#sentSince.delete(shard);
    if (this.#neighbours.setAway(shards, lost)) this.#hasGap = true;
    for (const shard of this.#owners.keys()) if (!this.#sentSince.has(shard)) this.#say(shard, false);
  }

  offer(): Exchange {
    return { shard: this.#options.shard, key: this.#options.key, number: ++this.#offers, exchange: '', sig: '' };
  }

  /** Under new keys both ends say how far they are: what was on its way may be lost. */
  setPeers(peers: readonly Exchange[]): void {
    const own = peers.find((p) => p.shard === this.#options.shard);
    for (const { shard, key, number } of peers) {
      if (!this.#options.neighbours.includes(shard)) continue;
      const pair = `${own?.number}/${number}`;
      this.#owners.set(shard, { key });
      if (this.#agreed.get(shard) === pair) continue;
      this.#agreed.set(shard, pair);
      this.#sentSince.delete(shard);
      this.#say(shard, true);
    }
  }

  requestResume(): void {
    for (const shard of this.#owners.keys()) this.#say(shard, true);
  }

  begin(callIndex: number): void {
    this.#begun = callIndex + 1;
  }

  advance({ done }: Ending<Outcome>): void {
    const { call, uniform, compute } = this.#options;
    this.behind = undefined;
    const [begins, isComputed] = [this.#calls * this.#steps, this.#computed >= this.#callEnd];
    if (this.#calls < this.#begun && isComputed && this.#neighbours.missingForEnd(begins).length === 0) {
      this.#endCall();
      done('done');
    } else if (this.#computed < this.#begun * this.#steps && this.#missing.length === 0) {
      compute((call / this.#steps) * (0.9 + 0.2 * uniform()), () => {
        this.#computed++;
        this.#ticks++;
        for (const shard of this.#owners.keys()) this.#say(shard, false);
        done('send');
      });
    } else {
      this.behind = this.#neighbours.behind(this.#computed, begins);
      done(this.behind === undefined ? 'needs' : 'behind');
    }
  }

  save(_calls: number, _last: boolean, kept: () => void, { done }: Ending<SavedPart>): void {
    const hash = this.#hash;
    this.#options.later(SAVING, () => done({ ...NO_PART, blob: hash, hash }));
    kept();
  }

  forget(): void {
    // Nothing is kept.
  }

  takeCommits(): Commit['states'] {
    const taken = this.#commits;
    this.#commits = [];
    return taken;
  }

  receive(from: number, packet: Uint8Array): void {
    if (!this.#owners.has(from) || packet.length !== BORDER_HEAD + BODY_BYTES) return;
    const body = new DataView(packet.buffer, packet.byteOffset + BORDER_HEAD, BODY_BYTES);
    if (body.getUint8(16) === 1) this.#say(from, false);
    if (this.#neighbours.hear(from, body.getFloat64(0), body.getFloat64(8))) this.#options.calls.news();
  }

  /** Of a shard of the same trainer, which is named by the frame's message. */
  deliver({ message, callIndex, tick }: Frame): undefined {
    this.#neighbours.hear(message, callIndex, tick);
  }

  measure(): Measure & { readonly refused: number } {
    const waits = this.#missing;
    const awaits = waits.length === 0 ? '' : `shard ${waits.slice(0, 4).join(', ')}`;
    const nothing = { busyMilliseconds: 0, bytesSent: 0, bytesReceived: 0, direct: 0, refused: 0 };
    return { ...nothing, ticks: this.#ticks, awaits, waits, borders: this.#owners.size };
  }

  /** Ticks of microbatches in a call. */
  get #steps(): number {
    return this.#options.ticks * this.#options.deployment.microbatches;
  }

  /** Where the call under way ends. */
  get #callEnd(): number {
    return (this.#calls + 1) * this.#steps;
  }

  /** Those for whom it would wait now. */
  get #missing(): readonly number[] {
    if (this.#computed >= this.#begun * this.#steps) return this.#neighbours.missingForEnd(this.#calls * this.#steps);
    return this.#neighbours.missingForTick(this.#computed, this.#computed - (this.#computed % this.#steps));
  }

  #endCall(): void {
    const { deployment, lies, shard } = this.#options;
    this.#calls++;
    if (lastChange(deployment, this.#calls) === this.#calls) {
      if (!lies(this.#calls)) this.#state = mixed(this.#state, deployment, shard, this.#calls);
      this.#newest = { calls: this.#calls, hash: this.#hash, sig: '' };
      this.#commits.push(this.#newest);
    }
    if (!this.#newest || !endsStretch(deployment, this.#calls)) return;
    if (this.#hasGap) this.#beginStretch();
    else this.#seal(this.#newest);
  }

  #pledge(): void {
    const { deployment, shard, calls } = this.#options;
    const stretch = { run: deployment.run, shard, term: this.#term, from: this.#calls };
    calls.bound({ type: 'pledge', ...stretch, pledge: pledgeOf(this.#number(this.#calls)) });
  }

  /** Behind one that cannot be done again: nothing of it is said. */
  #beginStretch(): void {
    this.#hasGap = false;
    this.#sealed = this.#calls;
    this.#began = this.#state;
    this.#pledge();
  }

  #seal(state: Commit['states'][number]): void {
    const { deployment, shard, calls, keep } = this.#options;
    const stretch = { run: deployment.run, shard, term: this.#term, from: this.#sealed };
    keep(stretch, this.#began);
    const numbers = { nonce: this.#number(this.#sealed), next: pledgeOf(this.#number(this.#calls)) };
    const seal = { from: this.#sealed, calls: this.#calls, state, windows: '', ...numbers };
    const { run, term } = stretch;
    calls.bound({ type: 'sealed', run, term, shard, seals: [seal] });
    this.#sealed = this.#calls;
    this.#began = this.#state;
  }

  #number(from: number): string {
    return `${this.#options.key}/${this.#options.shard}/${this.#term}/${from}`;
  }

  get #hash(): string {
    return hashText(this.#state);
  }

  /**
   * The first tick of what a neighbour has got under the keys of now, or since it is back: what is kept are the frames of
   * the call under way and of the one before. In strict schedules all has come.
   */
  #sinceFor(to: number): number {
    const { schedule } = this.#options.deployment;
    const kept = schedule === 'async' ? Math.max(this.#first, (this.#calls - 1) * this.#steps) : 0;
    const since = this.#sentSince.get(to) ?? kept;
    this.#sentSince.set(to, since);
    return since;
  }

  #say(to: number, asks: boolean): void {
    const { shard, key, calls } = this.#options;
    const owner = this.#owners.get(to)?.key;
    if (owner === undefined || this.#neighbours.isAway(to)) return;
    const since = this.#sinceFor(to);
    if (owner === key) {
      const frame = { message: shard, callIndex: this.#computed, microbatch: 0, tick: since, values: [] };
      calls.handOver(to, frame, this.#term);
      return;
    }
    const counter = ++this.#packets;
    const place = { run: this.#tag, term: this.#term, from: shard, to, keys: 0, counter };
    const packet = new Uint8Array(BORDER_HEAD + BODY_BYTES);
    packet.set(encodeBorderHead(place));
    const body = new DataView(packet.buffer, BORDER_HEAD);
    body.setFloat64(0, this.#computed);
    body.setFloat64(8, since);
    body.setUint8(16, asks ? 1 : 0);
    calls.carry(packet, owner);
  }
}

function hashText(state: number): string {
  return state.toString(16).padStart(HASH_DIGITS, '0');
}

/** FNV-1a over the state, the run, the shard and what happens to it. */
function mixed(state: number, deployment: Deployment, shard: number, what: number): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(`${state}/${deployment.run}/${deployment.seed}/${shard}/${what}`))
    hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/** Of one that has computed all that changes it from a state on. */
export function virtualStateBehind(
  deployment: Deployment,
  { shard, from }: StretchName,
  before: number,
  calls: number,
): string {
  let state = before;
  for (let call = from + 1; call <= calls; call++)
    if (lastChange(deployment, call) === call) state = mixed(state, deployment, shard, call);
  return hashText(state);
}
