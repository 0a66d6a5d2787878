/**
 * The borders of one shard with those of other trainers: keys agreed with their owners, frames out and in, and what
 * becomes of a neighbour that breaks the rules. A term begins with none of them.
 */
import { randomBytes } from 'node:crypto';
import { sizeOf } from '../../spec/program.ts';
import type { ShardSchedule } from '../../spec/schedule.ts';
import type { Neighbour } from '../driver/ports.ts';
import type { KeyPair } from '../identity/ed25519.ts';
import { freeNow } from '../support/free-now.ts';
import { NO_TICK_TIMES, type TickTimes } from '../support/tick-times.ts';
import { allCalls, callAt } from '../training/calls.ts';
import type { Frame, FrameKey } from '../training/frame.ts';
import { freeRepeats } from '../training/free-ticks.ts';
import type { Broken } from '../wire/bad-frame.ts';
import {
  borderKeys,
  type Ephemeral,
  isNewest,
  listenOf,
  newEphemeral,
  type Place,
  signExchange,
  withListen,
} from '../wire/border-keys.ts';
import { BorderChannel, type Way } from '../wire/channel.ts';
import { type Codec, isPacked } from '../wire/codec.ts';
import type { Deployment } from '../wire/deployment.ts';
import type { FrameLog } from '../wire/frame-log.ts';
import { fromHex } from '../wire/hash.ts';
import type { Exchange, Listen } from '../wire/messages.ts';
import { CallReads, encodeReads } from '../wire/reads.ts';
import { runTag } from '../wire/run-tag.ts';
import { SlotChannel } from '../wire/slot-channel.ts';
import type { ToldReads } from '../wire/slot-frames.ts';
import type { Beyond } from './records/stretch-log.ts';

/** Why a border cannot go on in this term, and with whom. */
export interface BorderDispute extends Broken {
  readonly peer: number;
}

export interface BordersOptions {
  readonly deployment: Deployment;
  readonly schedule: ShardSchedule;
  readonly keys: KeyPair;
  readonly codec: Codec;
  readonly listen: Omit<Listen, 'sig'> | undefined;
  /**
   * A packet for another trainer.
   * @param to its key
   * @param left may be called once, when the packet is not read from then on: its memory is used again
   */
  readonly carry: (packet: Uint8Array, to: string, left?: () => void) => void;
  /** @returns why the shard refuses it */
  readonly deliver: (frame: Frame, from: number) => string | undefined;
  /** A sound packet of a neighbour has come, with or without values; absent: it is not asked for. */
  readonly heard?: ((from: number) => void) | undefined;
  /** Where the shard's time is counted. */
  readonly times?: TickTimes;
  /** Something was delivered, or there is room again. */
  readonly news: () => void;
  /** Once a term: after it nothing of any border is taken. */
  readonly dispute: (dispute: BorderDispute) => void;
  readonly log?: FrameLog | undefined;
  /** Messages of which a newer frame replaces an older one (schedule `async`), but for the first tick; absent: none. */
  readonly free?: ReadonlySet<number> | undefined;
  /** Whether a neighbour does not answer, and is done without; absent: all are waited for. */
  readonly isSilent?: (peer: number) => boolean;
}

/** Windows to be closed, and what neighbours have signed, of which more come with each call. */
const MAX_UNREAD = 8;
/** Packets that hold their memory until they are hashed: two frames of 4 MiB. */
const MAX_UNHASHED = 32;

export class ShardBorders {
  /** Packets, and exchanges that were replaced or are not their owner's. */
  refused = 0;
  readonly #options: BordersOptions;
  readonly #times: TickTimes;
  readonly #channels = new Map<number, BorderChannel>();
  /** What is replaced by what is newer goes beside them. */
  readonly #slots = new Map<number, SlotChannel>();
  /** Of each neighbour the newest exchange of this term: none before it is used again. */
  readonly #newest = new Map<number, Exchange>();
  /** With each neighbour, whose keys of which numbers are in use. */
  readonly #agreed = new Map<number, string>();
  /** Whose frames are handed over in this process. */
  readonly #local = new Set<number>();
  /** Of each of them, what ticks have read of its frames. */
  readonly #localReads = new Map<number, CallReads>();
  readonly #lengths: ReadonlyMap<number, readonly number[]>;
  /** By neighbour that does not answer, what ticks of the last call have read of it. */
  readonly #untold = new Map<number, { readonly call: number; readonly reads: ToldReads }>();
  /** Where records are kept: how often in a call each message comes that a newer frame may replace. */
  readonly #told: ReadonlyMap<number, number> | undefined;
  readonly #repeats: ReadonlyMap<number, number>;
  /** Owners of neighbouring shards in other processes, as of the term in which they were told. */
  #owners: { readonly term: number; readonly of: ReadonlyMap<number, Neighbour> } = { term: 0, of: new Map() };
  #term = 0;
  #ephemeral: Ephemeral | undefined;
  #exchange: Exchange | undefined;
  #offers = 0;
  #disputes: number | undefined;

  constructor(options: BordersOptions) {
    this.#options = options;
    this.#times = options.times ?? NO_TICK_TIMES;
    const { schedule } = options;
    this.#lengths = new Map(
      schedule.messages.filter((m) => m.to === schedule.shard).map((m) => [m.id, m.values.map((v) => sizeOf(v.shape))]),
    );
    this.#repeats = repeatsOf(schedule);
    if (options.free && options.deployment.stretches) this.#told = freeRepeats(schedule);
  }

  /** A new term: what was agreed before it is forgotten. */
  begin(term: number): void {
    this.#term = term;
    this.#channels.clear();
    this.#slots.clear();
    this.#newest.clear();
    this.#agreed.clear();
    this.#local.clear();
    this.#localReads.clear();
    this.#untold.clear();
    this.#exchange = undefined;
    this.#disputes = undefined;
  }

  get term(): number {
    return this.#term;
  }

  /** A fresh key for all borders of the shard. */
  offer(): Exchange {
    this.#ephemeral = newEphemeral(++this.#offers, randomBytes(32));
    const { keys, listen, schedule } = this.#options;
    const exchange = signExchange(this.#place, schedule.shard, this.#ephemeral, keys);
    this.#exchange = listen ? withListen(this.#place, exchange, listen, keys) : exchange;
    return this.#exchange;
  }

  /** Keys with all neighbours, where theirs or ours are new. */
  setPeers(peers: readonly Exchange[]): void {
    const [own, ephemeral] = [this.#exchange, this.#ephemeral];
    const owners = new Map<number, Neighbour>();
    const rekeyed: (() => void)[] = [];
    const told = new Map(peers.map((p) => [p.shard, p]));
    // The word is of before our newest key: another one follows.
    if (!own || !ephemeral || told.get(this.#options.schedule.shard)?.exchange !== own.exchange) return;
    for (const neighbour of this.#neighbours()) {
      const other = this.#exchangeOf(neighbour, told.get(neighbour));
      if (!other) continue;
      if (other.key === own.key) {
        this.#local.add(neighbour);
        continue;
      }
      owners.set(neighbour, { key: other.key, ...listenOf(this.#place, other) });
      const pair = `${own.number}/${other.number}`;
      if (this.#agreed.get(neighbour) === pair) continue;
      this.#agreed.set(neighbour, pair);
      const keys = borderKeys(this.#place, ephemeral, own, other, 'nmc/border/2', freeNow);
      if (keys) rekeyed.push(() => this.#carry(neighbour, this.#channel(neighbour).rekey(keys, other.key)));
      else this.refused++;
      const slotKeys = this.#options.free && borderKeys(this.#place, ephemeral, own, other, 'nmc/slots/2', freeNow);
      if (slotKeys) rekeyed.push(() => this.#carrySlots(neighbour, this.#slot(neighbour).rekey(slotKeys)));
    }
    this.#owners = { term: this.#term, of: owners };
    for (const send of rekeyed) send();
  }

  /** A relay may replay an old message: then the known keys stay. */
  #exchangeOf(neighbour: number, told: Exchange | undefined): Exchange | undefined {
    const known = this.#newest.get(neighbour);
    if (!told) return known;
    if (!isNewest(this.#place, known, told)) {
      this.refused++;
      return known;
    }
    this.#newest.set(neighbour, told);
    return told;
  }

  /** Of the shards beyond its borders. */
  get owners(): readonly Neighbour[] {
    return [...this.#owners.of.values()];
  }

  /** @returns nothing where that is not known in the term of now */
  ownerOf(shard: number): string | undefined {
    return this.#owners.term === this.#term ? this.#owners.of.get(shard)?.key : undefined;
  }

  /** Who is on the other side of each border in this term. */
  get beyond(): Beyond {
    const owners = Object.fromEntries([...this.#owners.of].map(([shard, { key }]) => [shard, key]));
    return { owners, local: [...this.#local].sort((a, b) => a - b) };
  }

  isLocal(shard: number): boolean {
    return this.#local.has(shard);
  }

  /** The neighbour with whom the border cannot go on. */
  get disputes(): number | undefined {
    return this.#disputes;
  }

  /** A neighbour that does not read what is for it: more would only lie here. */
  get blockedBy(): number | undefined {
    return [...this.#channels, ...this.#slots].find(([, channel]) => channel.blocked)?.[0];
  }

  /** What goes to this trainer takes another way from now on. */
  reroute(owner: string): void {
    for (const [peer, channel] of this.#channels)
      if (this.ownerOf(peer) === owner) this.#carry(peer, channel.reroute());
    for (const [peer, slot] of this.#slots) if (this.ownerOf(peer) === owner) this.#carrySlots(peer, slot.again());
  }

  send(frame: Frame, to: number): void {
    if (this.#options.free?.has(frame.message) && frame.tick > 0) {
      this.#carrySlots(to, this.#slot(to).put(frame));
      return;
    }
    this.#channel(to).send(frame, (packet) => this.#carry(to, [packet]));
  }

  /** A packet of a border of this shard. @param busy the shard has other work: what can wait is left to `settle` */
  receive(from: number, packet: Uint8Array, way: Way, busy = false): void {
    const channel = this.#channels.get(from);
    if (!channel || this.#disputes !== undefined) return;
    const slot = this.#slots.get(from);
    if (slot?.isFor(packet)) {
      this.#receiveSlot(from, slot, packet);
      return;
    }
    const { blocked: was, bytesReceived: known } = channel;
    const received = channel.receive(packet, way, busy);
    if (channel.bytesReceived > known) this.#options.heard?.(from);
    if (received.refused !== undefined) this.refused++;
    this.#carry(from, received.packets);
    for (const frame of received.frames) {
      const before = this.#times.enter('decoding');
      const refusal = this.#outsideSchedule(frame) ?? this.#options.deliver(frame, from);
      this.#times.leave(before);
      if (refusal === undefined) continue;
      // The judge has no schedule, and the frame before it is not kept: it cannot be decided who is right.
      const reason = `a frame of shard ${from} was refused: ${refusal}`;
      this.#dispute({ peer: from, what: 'border', call: frame.callIndex, reason });
      return;
    }
    if (received.broken !== undefined) this.#dispute({ peer: from, ...received.broken });
    else if (received.frames.length > 0 || (was && !channel.blocked)) this.#options.news();
  }

  /** What is not sound is as if it had been lost: nothing is signed here, so nothing is proved. */
  #receiveSlot(from: number, slot: SlotChannel, packet: Uint8Array): void {
    const { blocked: was, bytesReceived: known } = slot;
    const received = slot.receive(packet);
    if (slot.bytesReceived > known) this.#options.heard?.(from);
    this.#carrySlots(from, received.packets);
    let taken = false;
    for (const frame of received.frames) {
      if (this.#outsideSchedule(frame) !== undefined) continue;
      slot.keep(frame);
      if (this.#options.deliver(frame, from) === undefined) taken = true;
    }
    if (received.refused !== undefined || (received.frames.length > 0 && !taken)) this.refused++;
    if (taken || (was && !slot.blocked)) this.#options.news();
  }

  #dispute(dispute: BorderDispute): void {
    this.#disputes = dispute.peer;
    this.#options.dispute(dispute);
  }

  /** What no neighbour ever has to say would wait here for ever. */
  #outsideSchedule({ message, callIndex, microbatch, tick }: Frame): string | undefined {
    const { deployment } = this.#options;
    if (callIndex >= allCalls(deployment)) return 'after-the-end';
    if (microbatch >= Math.max(1, deployment.microbatches)) return 'no-such-microbatch';
    return tick < (this.#repeats.get(message) ?? 0) ? undefined : 'no-such-tick';
  }

  /** A tick of the shard has read the frame of tick `taken` (schedule `async`); nothing: something stood in for it. */
  hasRead(key: FrameKey, taken: number | undefined): void {
    const from = this.#told && this.#options.schedule.messages.find(({ id }) => id === key.message)?.from;
    if (from === undefined) return;
    if (!this.#local.has(from)) {
      this.#slot(from).hasRead(key, taken);
      return;
    }
    const reads = this.#localReads.get(from) ?? new CallReads();
    this.#localReads.set(from, reads);
    reads.read(key, taken);
  }

  /** The call is over. */
  closeWindows(call: number): void {
    for (const [peer, channel] of this.#channels) {
      for (const told of this.#toTell(peer, call)) this.#carry(peer, channel.tellReads(told.call, told.reads));
      this.#carry(peer, channel.closeWindow(call));
    }
    for (const peer of this.#local)
      if (this.#isRead(call, peer, 'in'))
        this.#options.log?.reads(call, peer, encodeReads(this.#localReads.get(peer)?.end(call)));
  }

  /** What ticks have read of a neighbour: while it does not answer nothing is told, but for the last such call behind it. */
  #toTell(peer: number, call: number): { readonly call: number; readonly reads: ToldReads }[] {
    const reads = this.#isRead(call, peer, 'in') ? this.#slot(peer).readsOf(call) : undefined;
    if (!reads) return [];
    const before = this.#untold.get(peer);
    this.#untold.delete(peer);
    if (this.#options.isSilent?.(peer)) {
      this.#untold.set(peer, { call, reads });
      return [];
    }
    return [...(before ? [before] : []), { call, reads }];
  }

  /** Whether the receiver tells behind the call what its ticks have read: of a training, where it reads of this way. */
  #isRead(call: number, peer: number, way: 'in' | 'out'): boolean {
    const { deployment, schedule } = this.#options;
    const told = this.#told;
    if (!told || call >= allCalls(deployment) || callAt(deployment, call).kind !== 'train') return false;
    return schedule.messages.some((m) => told.has(m.id) && (way === 'in' ? m.from : m.to) === peer);
  }

  /** Nothing else is to be done now. */
  settle(): void {
    while (this.settleOne());
  }

  /** One piece of what can wait. @returns whether there was one */
  settleOne(): boolean {
    for (const [peer, channel] of this.#channels) {
      const done = channel.settleOne();
      if (!done) continue;
      this.#carry(peer, done.packets);
      if (done.broken && this.#disputes === undefined) this.#dispute({ peer, ...done.broken });
      return true;
    }
    return [...this.#slots.values()].some((slot) => slot.settleOne());
  }

  /** So much can wait that some of it has to be done. @param over windows that are to be closed */
  isLate(over: number): boolean {
    let [signed, packets] = [over, 0];
    for (const { waiting } of this.#channels.values()) {
      signed += waiting.unread;
      packets += waiting.unhashed;
    }
    return signed > MAX_UNREAD || packets > MAX_UNHASHED;
  }

  /** Asks a neighbour that is silent whether it is there. */
  ask(peer: number): void {
    this.#carry(peer, this.#channels.get(peer)?.requestResume() ?? []);
  }

  /** Nothing has come for long: perhaps it was lost. */
  requestResume(): void {
    for (const [peer, channel] of this.#channels) {
      const { unsigned } = channel;
      if (unsigned && this.#disputes === undefined) this.#dispute({ peer, ...unsigned });
      else this.#carry(peer, channel.requestResume());
    }
    for (const [peer, slot] of this.#slots) this.#carrySlots(peer, slot.ask());
  }

  forgetWindows(before: number): void {
    for (const channel of this.#channels.values()) channel.forgetWindows(before);
  }

  get traffic(): { readonly sent: number; readonly received: number } {
    const all = [...this.#channels.values(), ...this.#slots.values()];
    return {
      sent: all.reduce((sum, c) => sum + c.bytesSent, 0),
      received: all.reduce((sum, c) => sum + c.bytesReceived, 0),
    };
  }

  get #place(): Place {
    return { run: this.#options.deployment.run, term: this.#term };
  }

  #channel(peer: number): BorderChannel {
    const known = this.#channels.get(peer);
    if (known) return known;
    const { deployment, keys, times } = this.#options;
    const { run } = deployment;
    const made = new BorderChannel({
      ...{ run, keys, ...this.#between(peer) },
      ...(times ? { times } : {}),
      log: this.#options.log,
      reads: {
        isRead: (call, way) => this.#isRead(call, peer, way),
        told: (call, payload) => this.#slot(peer).told(call, payload),
      },
    });
    this.#channels.set(peer, made);
    return made;
  }

  #slot(peer: number): SlotChannel {
    const known = this.#slots.get(peer);
    if (known) return known;
    const { codec, deployment, schedule, log } = this.#options;
    if (isPacked(codec)) throw new Error(`${codec}: a newer frame cannot replace one that it goes on from`);
    const told = this.#told;
    const mine = new Set(schedule.messages.flatMap(({ id, to }) => (to === peer ? [id] : [])));
    const bounds = {
      staleness: deployment.staleness ?? 0,
      microbatches: Math.max(1, deployment.microbatches),
      repeatOf: (message: number) => (mine.has(message) ? told?.get(message) : undefined),
    };
    const free = this.#options.free ?? new Set();
    const made = new SlotChannel({ ...this.#between(peer), codec, free, log, ...(told ? { bounds } : {}) });
    this.#slots.set(peer, made);
    return made;
  }

  #between(peer: number) {
    const { deployment, codec, schedule } = this.#options;
    const { run, plan } = deployment;
    return {
      ...{ runTag: runTag(run), plan: fromHex(plan[0]?.blob, 32) ?? new Uint8Array(32), term: this.#term },
      ...{ own: schedule.shard, peer, codec, schedule, lengthsOf: (message: number) => this.#lengths.get(message) },
    };
  }

  #neighbours(): Set<number> {
    const { messages, shard } = this.#options.schedule;
    return new Set(messages.map((m) => (m.from === shard ? m.to : m.from)));
  }

  #carry(to: number, packets: readonly Uint8Array[], channel?: Recycling): void {
    const owner = this.ownerOf(to);
    // Nothing is sealed before the owner and its key are known.
    if (owner === undefined || packets.length === 0) return;
    const before = this.#times.enter('socket');
    const from = channel ?? this.#channels.get(to);
    for (const packet of packets) this.#options.carry(packet, owner, () => from?.recycle(packet));
    this.#times.leave(before);
  }

  #carrySlots(to: number, packets: readonly Uint8Array[]): void {
    this.#carry(to, packets, this.#slots.get(to));
  }
}

type Recycling = Pick<SlotChannel, 'recycle'>;

/** How often in a call each message comes. */
function repeatsOf(schedule: ShardSchedule): ReadonlyMap<number, number> {
  const repeats = new Map<number, number>();
  for (const { stages, after = [] } of schedule.functions)
    for (const { repeat, segments } of [...stages, ...after])
      for (const id of segments.flatMap((s) => s.receive)) repeats.set(id, Math.max(repeat, repeats.get(id) ?? 0));
  return repeats;
}
