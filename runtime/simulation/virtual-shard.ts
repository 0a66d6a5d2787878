/**
 * A shard in virtual time behind the port of a trainer's driver: its device is a time, its frames are counts. A call is
 * so many ticks of each of its microbatches; a tick needs the neighbours' tick before it of the same microbatch, and
 * the call is done when all has been computed here and at every neighbour. Its state is a number that depends on its run
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
/** Of what follows the head of a packet: how far the sender is, and whether it asks the reader to say the same. */
const BODY_BYTES = 9;
const HASH_DIGITS = 64;

export class VirtualShard implements DrivenShard {
  readonly #options: VirtualShardOptions;
  readonly #owners = new Map<number, Neighbour>();
  readonly #agreed = new Map<number, string>();
  /** By neighbour: ticks of microbatches that it has computed. */
  readonly #heard = new Map<number, number>();
  #commits: Commit['states'][number][] = [];
  #term = 0;
  #offers = 0;
  #calls = 0;
  #begun = 0;
  #state = 0;
  #newest: Commit['states'][number] | undefined;
  #sealed = 0;
  /** State where the stretch under way began. */
  #began = 0;
  /** Ticks of microbatches since the run began, and all that were ever computed here. */
  #computed = 0;
  #ticks = 0;
  #packets = 0;

  constructor(options: VirtualShardOptions) {
    this.#options = options;
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
    this.#commits = [];
    this.#pledge();
    for (const known of [this.#owners, this.#agreed, this.#heard]) known.clear();
    later(least + more * uniform(), () => done());
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
    if (this.#calls < this.#begun && this.#computed >= this.#callEnd && this.#without(this.#callEnd).length === 0) {
      this.#endCall();
      done('done');
    } else if (this.#computed < this.#begun * this.#steps && this.#without(this.#needed).length === 0) {
      compute((call / this.#steps) * (0.9 + 0.2 * uniform()), () => {
        this.#computed++;
        this.#ticks++;
        for (const shard of this.#owners.keys()) this.#say(shard, false);
        done('send');
      });
    } else done('needs');
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
    if (body.getUint8(8) === 1) this.#say(from, false);
    if (this.#hear(from, body.getFloat64(0))) this.#options.calls.news();
  }

  /** Of a shard of the same trainer, which is named by the frame's message. */
  deliver({ message, callIndex }: Frame): undefined {
    this.#hear(message, callIndex);
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

  /** Of every neighbour, before the next tick: the one before it of the same microbatch. The first needs none. */
  get #needed(): number {
    const { microbatches } = this.#options.deployment;
    return this.#computed % this.#steps < microbatches ? 0 : this.#computed - microbatches + 1;
  }

  /** Neighbours that have not come so far. */
  #without(computed: number): number[] {
    return this.#options.neighbours.filter((shard) => (this.#heard.get(shard) ?? 0) < computed);
  }

  /** Those for whom it would wait now. */
  get #missing(): number[] {
    return this.#without(this.#computed < this.#begun * this.#steps ? this.#needed : this.#callEnd);
  }

  #endCall(): void {
    const { deployment, lies, shard } = this.#options;
    this.#calls++;
    if (lastChange(deployment, this.#calls) === this.#calls) {
      if (!lies(this.#calls)) this.#state = mixed(this.#state, deployment, shard, this.#calls);
      this.#newest = { calls: this.#calls, hash: this.#hash, sig: '' };
      this.#commits.push(this.#newest);
    }
    if (this.#newest && endsStretch(deployment, this.#calls)) this.#seal(this.#newest);
  }

  #pledge(): void {
    const { deployment, shard, calls } = this.#options;
    const stretch = { run: deployment.run, shard, term: this.#term, from: this.#calls };
    calls.bound({ type: 'pledge', ...stretch, pledge: pledgeOf(this.#number(this.#calls)) });
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

  #hear(from: number, computed: number): boolean {
    if (computed <= (this.#heard.get(from) ?? 0)) return false;
    this.#heard.set(from, computed);
    return true;
  }

  #say(to: number, asks: boolean): void {
    const { shard, key, deployment, calls } = this.#options;
    const owner = this.#owners.get(to)?.key;
    if (owner === undefined) return;
    if (owner === key) {
      const frame = { message: shard, callIndex: this.#computed, microbatch: 0, tick: 0, values: [] };
      calls.handOver(to, frame, this.#term);
      return;
    }
    const counter = ++this.#packets;
    const place = { run: runTag(deployment.run), term: this.#term, from: shard, to, keys: 0, counter };
    const packet = new Uint8Array(BORDER_HEAD + BODY_BYTES);
    packet.set(encodeBorderHead(place));
    const body = new DataView(packet.buffer, BORDER_HEAD);
    body.setFloat64(0, this.#computed);
    body.setUint8(8, asks ? 1 : 0);
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
