/**
 * Values that a newer frame replaces (schedule `async`; spec/wire.md, 5), beside the border whose frames come exactly
 * once and under keys of their own. A frame that has not gone out gives its place to a newer one of the same message and
 * call; one that was lost is not asked for, and one that cannot be read ends nothing. It does no input or output.
 */
import type { Frame, FrameKey } from '../training/frame.ts';
import { supersedes } from '../training/free-ticks.ts';
import { headerFor, isFromPeer } from './border-headers.ts';
import { type BorderKeys, TAG_BYTES } from './border-keys.ts';
import { valueProblem } from './border-values.ts';
import type { ChannelOptions } from './channel.ts';
import { type PlainCodec, valuesIn, writeValues } from './codec.ts';
import { dataProblem } from './data-problem.ts';
import { plainBytes } from './frame-content.ts';
import {
  decodePacket,
  encodePacket,
  HEADER_BYTES,
  type Header,
  joinedPayload,
  MAX_PAYLOAD_BYTES,
  writeHeader,
  writePosition,
} from './header.ts';
import { FRAME_ROOM, PacketPool } from './packet-pool.ts';
import type { ReadBounds } from './reads.ts';
import { NOTHING, type Received, refuse } from './received.ts';
import { BORDER, BORDER_HEAD, decodeHead, writeBorderHead } from './routing.ts';
import { FramesRead, FramesSent, type ToldReads } from './slot-frames.ts';

export interface SlotOptions
  extends Pick<ChannelOptions, 'runTag' | 'plan' | 'term' | 'own' | 'peer' | 'lengthsOf' | 'log'> {
  /** A frame that goes on from one before it could not take its place. */
  readonly codec: PlainCodec;
  /** Messages of which a newer frame replaces an older one. */
  readonly free: ReadonlySet<number>;
  /** What ticks may read, where it is told and signed; absent: nothing of it is. */
  readonly bounds?: ReadBounds | undefined;
}

/** Packets on their way that the other end has not said to have: what is newer waits in its slot. */
export const SLOT_CREDIT = 64;
const CREDIT_EVERY = 16;
/** Slots that wait: more than a neighbour that reads ever leaves. */
const MAX_WAITING = 256;

interface Held {
  readonly frame: FrameKey;
  /** Plain, in memory of the pool. */
  readonly packets: readonly Uint8Array[];
  sent: boolean;
  /** It has left before, whether it has to go once more or not. */
  hasGone: boolean;
}

export class SlotChannel {
  readonly #options: SlotOptions;
  #keys: BorderKeys | undefined;
  /** The number of the next packet. */
  #counter = 0;
  /** Of those packets so many has the other end, or they are given up. */
  #acknowledged = 0;
  readonly #plain = new PacketPool();
  readonly #sealed = new PacketPool(FRAME_ROOM);
  /** What waits, and the last of each slot that went out. */
  #held: Held[] = [];
  /** Behind the newest packet of the other end. */
  #taken = 0;
  /** Packets with values since it was last told. */
  #untold = 0;
  #coming: { readonly first: Header; readonly packets: Uint8Array[] } | undefined;
  /** Of the frame that came last. */
  #came: readonly Uint8Array[] = [];
  readonly #read: FramesRead | undefined;
  readonly #sent: FramesSent | undefined;
  /** Frames that gave their place to a newer one before they had left. */
  replaced = 0;
  bytesSent = 0;
  bytesReceived = 0;

  constructor(options: SlotOptions) {
    this.#options = options;
    const { peer, log, bounds } = options;
    if (!bounds) return;
    this.#read = new FramesRead(peer, log);
    this.#sent = new FramesSent(peer, log, bounds);
  }

  /** A neighbour that does not read: more would only lie here. */
  get blocked(): boolean {
    return this.#held.length > MAX_WAITING;
  }

  /**
   * New keys: what went out under the old ones may be lost, so the last of each slot goes once more.
   * @throws Error for keys of before: under them a counter would begin again
   */
  rekey(keys: BorderKeys): Uint8Array[] {
    if (this.#keys?.name === keys.name) return [];
    if (this.#keys && keys.order <= this.#keys.order) throw new Error('rekey: these keys were replaced');
    this.#keys = keys;
    this.#counter = 0;
    this.#taken = 0;
    this.#untold = 0;
    this.#coming = undefined;
    return this.again();
  }

  /** The last of each slot once more: packets take another way, or nothing has come for long. */
  again(): Uint8Array[] {
    this.#acknowledged = this.#counter;
    for (const held of this.#held) held.sent = false;
    return this.#flush();
  }

  /** @returns packets to be carried; none where the frame waits in its slot */
  put(frame: Frame): Uint8Array[] {
    this.#held = this.#held.filter((held) => {
      if (!this.#isReplaced(held, frame)) return true;
      if (!held.sent) this.replaced++;
      if (held.hasGone) this.#sent?.went(held.frame, held.packets);
      for (const packet of held.packets) this.#plain.give(packet);
      return false;
    });
    const { message, callIndex, microbatch, tick } = frame;
    const key = { message, callIndex, microbatch, tick };
    this.#held.push({ frame: key, packets: this.#packets(frame), sent: false, hasGone: false });
    return this.#flush();
  }

  /** The frame that came last is one that the shard may read. */
  keep(frame: FrameKey): void {
    this.#read?.came(frame, this.#came);
    this.#came = [];
  }

  /** A tick of the shard has read the frame of tick `taken`; nothing: something stood in for it. */
  hasRead(key: FrameKey, taken: number | undefined): void {
    this.#read?.read(key, taken);
  }

  /** The call is over: what its ticks have read, where that is told. */
  readsOf(call: number): ToldReads | undefined {
    return this.#read?.end(call);
  }

  /** The other end has told what it has read. @returns why that cannot be, or leaves */
  told(call: number, payload: Uint8Array): ToldReads | string {
    for (const { frame, packets, hasGone } of this.#held)
      if (hasGone && frame.callIndex === call) this.#sent?.went(frame, packets);
    return this.#sent?.told(call, payload) ?? 'nothing is told here';
  }

  /** A packet of what can wait. @returns whether there was one */
  settleOne(): boolean {
    return this.#read?.settleOne() === true;
  }

  /** Nothing has come for long: the other end is to send the last of each slot once more. */
  ask(): Uint8Array[] {
    return this.#keys ? [this.#seal(this.#credit(1))] : [];
  }

  /** Whether a packet of this border is sealed for the slots. */
  isFor(message: Uint8Array): boolean {
    const head = decodeHead(message);
    return head?.kind === BORDER && this.#keys !== undefined && head.keys === this.#keys.id;
  }

  /** @param message a binary message whose head names this border */
  receive(message: Uint8Array): Received {
    const head = decodeHead(message);
    const keys = this.#keys;
    if (head?.kind !== BORDER) return refuse('no border packet');
    if (head.keys !== keys?.id) return NOTHING;
    const plain = keys.receive.open(head.counter, message.subarray(0, BORDER_HEAD), message.subarray(BORDER_HEAD));
    if (!plain) return refuse('it was not sealed by the other end');
    const packet = decodePacket(plain);
    if (packet?.header.kind !== 'slot' || !isFromPeer(packet.header, this.#options))
      return refuse('its header is of something else');
    this.bytesReceived += message.length;
    const { header, payload } = packet;
    if (header.consumed <= this.#counter) this.#acknowledged = Math.max(this.#acknowledged, header.consumed);
    // Another way has overtaken it, or it was here before.
    if (head.counter < this.#taken) return { frames: [], packets: this.#flush() };
    const followed = head.counter === this.#taken;
    this.#taken = head.counter + 1;
    if (header.chunks === 0) return { frames: [], packets: header.phase === 1 ? this.again() : this.#flush() };
    this.#untold++;
    if (!followed && header.chunk > 0) this.#coming = undefined;
    const taken = this.#take(header, payload, plain);
    const credit = this.#untold >= CREDIT_EVERY ? [this.#seal(this.#credit())] : [];
    return { ...taken, packets: [...this.#flush(), ...credit] };
  }

  /** A packet of this end that has left: its memory is used again. */
  recycle(packet: Uint8Array): void {
    this.#sealed.give(packet);
  }

  /** Of the same slot: it has gone out, or need not go. */
  #isReplaced({ frame, sent }: Held, newer: Frame): boolean {
    if (frame.message !== newer.message || frame.microbatch !== newer.microbatch) return false;
    return sent || supersedes(newer, frame, this.#options.free);
  }

  #take(header: Header, payload: Uint8Array, packet: Uint8Array): Received {
    const { codec, lengthsOf, free } = this.#options;
    if (header.chunk === 0) this.#coming = undefined;
    const lengths = free.has(header.border) ? lengthsOf(header.border) : undefined;
    const bytesOf = lengths && plainBytes(lengths, codec);
    const size = bytesOf === undefined ? undefined : { least: bytesOf, most: bytesOf };
    const problem = dataProblem(header, payload, codec, size, this.#coming);
    if (problem !== undefined) {
      this.#coming = undefined;
      return refuse(problem);
    }
    this.#coming ??= { first: header, packets: [] };
    this.#coming.packets.push(packet);
    if (header.chunk + 1 < header.chunks) return NOTHING;
    this.#came = this.#coming.packets;
    const bytes = joinedPayload(this.#came);
    this.#coming = undefined;
    const values = valuesIn(bytes, lengths ?? [], codec);
    // Nothing is signed here, so nothing is proved: it is as if it had been lost.
    if (values.some((v) => valueProblem(v) !== undefined)) return refuse('a value of it may not cross');
    const { border: message, batch: callIndex, microbatch, tick } = header;
    return { frames: [{ message, callIndex, microbatch, tick, values }], packets: [] };
  }

  #packets({ message: border, callIndex: batch, microbatch, tick, values }: Frame): Uint8Array[] {
    const { codec } = this.#options;
    const bytes = plainBytes(
      values.map((v) => v.length),
      codec,
    );
    const size = plainBytes([1], codec);
    const chunks = Math.max(1, Math.ceil(bytes / MAX_PAYLOAD_BYTES));
    const packets: Uint8Array[] = [];
    for (let chunk = 0; chunk < chunks; chunk++) {
      const from = chunk * MAX_PAYLOAD_BYTES;
      const length = Math.min(MAX_PAYLOAD_BYTES, bytes - from);
      const plain = this.#plain.take(HEADER_BYTES + length);
      const phase = Number(chunk + 1 === chunks);
      writeHeader(plain, { ...this.#header(), border, batch, microbatch, tick, chunk, chunks, phase }, length);
      writeValues(plain.subarray(HEADER_BYTES), values, codec, from / size);
      packets.push(plain);
    }
    return packets;
  }

  #flush(): Uint8Array[] {
    const sealed: Uint8Array[] = [];
    for (const held of this.#held) {
      if (held.sent) continue;
      const onTheWay = this.#counter - this.#acknowledged;
      if (!this.#keys || (onTheWay > 0 && onTheWay + held.packets.length > SLOT_CREDIT)) break;
      for (const packet of held.packets) sealed.push(this.#seal(packet));
      held.sent = true;
      held.hasGone = true;
    }
    return sealed;
  }

  #seal(plain: Uint8Array): Uint8Array {
    const { runTag: run, term, own: from, peer: to } = this.#options;
    const keys = this.#keys;
    if (!keys) throw new Error('seal: no keys yet');
    const counter = this.#counter++;
    // Said when it goes out, however long it waited.
    writePosition(plain, { consumed: this.#taken, sequence: counter });
    const message = this.#sealed.take(BORDER_HEAD + plain.length + TAG_BYTES);
    writeBorderHead(message, { run, term, from, to, keys: keys.id, counter });
    keys.send.seal(counter, message, plain);
    this.#untold = 0;
    this.bytesSent += message.length;
    return message;
  }

  /** No values: says how far the other end has come. @param phase 1: it is to send again */
  #credit(phase = 0): Uint8Array {
    return encodePacket({ ...this.#header(), phase }, new Uint8Array(0));
  }

  #header(): Header {
    return { ...headerFor(this.#options, 'slot'), chunks: 0 };
  }
}
