/**
 * One end of the border between two shards in one term: frames become sealed packets and come out at the other end
 * exactly once and in order, whatever is lost, doubled or reordered on the way and however often the connection and
 * its keys are new. It does no input or output: packets go in and out of its calls.
 */
import type { KeyPair } from '../identity/ed25519.ts';
import { keyBytes } from '../identity/key-text.ts';
import { NO_TICK_TIMES, type TickRow, type TickTimes } from '../support/tick-times.ts';
import type { Frame } from '../training/frame.ts';
import { type BadFrame, type Broken, brokenBy, brokenRoot, brokenWindow, unreadable, unsignedBy } from './bad-frame.ts';
import { headerFor, isFromPeer } from './border-headers.ts';
import { type BorderKeys, TAG_BYTES } from './border-keys.ts';
import { valueProblem } from './border-values.ts';
import { dataProblem } from './data-problem.ts';
import { CallPackets, SIGNATURE_BYTES } from './frame-chain.ts';
import { type ContentOptions, FrameContents } from './frame-content.ts';
import type { FrameLog } from './frame-log.ts';
import { HashQueue } from './hash-queue.ts';
import {
  decodePacket,
  encodePacket,
  HEADER_BYTES,
  type Header,
  joinedPayload,
  type Kind,
  MAX_PAYLOAD_BYTES,
  SIGN,
  writeHeader,
} from './header.ts';
import { FRAME_ROOM, PacketPool } from './packet-pool.ts';
import { ends, NOTHING, type Received, refuse } from './received.ts';
import { BORDER_HEAD, decodeHead, writeBorderHead } from './routing.ts';
import type { ToldReads } from './slot-frames.ts';
import { directionOf, parseWindow, signSame, signWindow, type Window, windowBytes, windowHolds } from './window.ts';
import { type ReadsOptions, WindowReads } from './window-reads.ts';

export interface ChannelOptions extends ContentOptions {
  readonly run: string;
  /** First 16 bytes of the SHA-256 of the run's name. */
  readonly runTag: Uint8Array;
  readonly plan: Uint8Array;
  readonly term: number;
  readonly own: number;
  readonly peer: number;
  readonly keys: KeyPair;
  /** Told of every data packet, and of every window that the peer has signed. */
  readonly log?: FrameLog | undefined;
  /** Of schedule `async`: windows are over what was read of the slots, too. */
  readonly reads?: ReadsOptions | undefined;
  /** Where the shard's time is counted. */
  readonly times?: TickTimes;
}

/** Through the gateway, or straight from the other trainer. */
export type Way = 'relay' | 'direct';

/** Packets that may be on their way unconsumed; then the sender keeps its own. */
export const CREDIT = 256;
const ACK_EVERY = 32;
/** Calls of which packets have come and no window: an honest end has two. */
const MAX_OPEN_CALLS = 4096;
/** So often a sender is asked to sign a frame that may not be. */
const MAX_ASKED = 3;

export class BorderChannel {
  readonly #options: ChannelOptions;
  readonly #times: TickTimes;
  readonly #contents: FrameContents;
  #keys: BorderKeys | undefined;
  #peerKey: Uint8Array | undefined;
  #counter = 0;
  /** Sent or to be sent, and not yet consumed: plain packets from number `#first`. */
  readonly #kept: Uint8Array[] = [];
  /** Memory of what is kept, and of what goes out. */
  readonly #plain = new PacketPool();
  readonly #sealed = new PacketPool(FRAME_ROOM);
  #first = 0;
  /** Of them, how many have gone out under the keys of now. */
  #out = 0;
  #expected = 0;
  #acknowledged = 0;
  #refusedAt = -1;
  #askedFor = -1;
  /** Counters of the newest packets, by the way that they came: one way may overtake the other, none itself. */
  #seen: Record<Way, number> = { relay: -1, direct: -1 };
  /** Of the frame that is coming: packets so far, and how many of its call were before them. */
  #frame: { readonly first: Header; readonly before: number; readonly packets: Uint8Array[] } | undefined;
  readonly #unhashed: HashQueue;
  /** Packets that were sent, and neither hashed nor consumed: their memory is used again when they are both. */
  readonly #inUse = new Set<Uint8Array>();
  /** A frame that may not be, until its sender has signed it or does not. */
  #bad: BadFrame | undefined;
  #lastCall = 0;
  readonly #callsOut = new Map<number, CallPackets>();
  readonly #callsIn = new Map<number, CallPackets>();
  readonly #reads: WindowReads;
  /** Closed and not yet answered. */
  readonly #unanswered = new Map<number, Window>();
  #forgotten = 0;
  readonly #windows: Window[] = [];
  /** Windows and signatures that have come while there was other work. */
  readonly #unread: { readonly header: Header; readonly payload: Uint8Array }[] = [];
  bytesSent = 0;
  bytesReceived = 0;

  constructor(options: ChannelOptions) {
    this.#options = options;
    this.#times = options.times ?? NO_TICK_TIMES;
    this.#unhashed = new HashQueue(this.#times);
    this.#contents = new FrameContents(options);
    this.#reads = new WindowReads(options.reads);
  }

  /** More is waiting here than the other end has room for: make no more yet. */
  get blocked(): boolean {
    return this.#kept.length > CREDIT;
  }

  /** Windows that both ends have signed, the other's signature: what an auditor asks for. */
  get windows(): readonly Window[] {
    return this.#windows;
  }

  /**
   * New keys: of a first connection, or after a break. Those of now go on where they are: no counter goes back.
   * @param peer identity of the other end
   * @throws Error for keys of before: under them a counter would begin again
   */
  rekey(keys: BorderKeys, peer: string): Uint8Array[] {
    if (this.#keys?.name === keys.name) return [];
    if (this.#keys && keys.order <= this.#keys.order) throw new Error('rekey: these keys were replaced');
    [this.#keys, this.#peerKey] = [keys, keyBytes(peer)];
    this.#counter = 0;
    this.#seen = { relay: -1, direct: -1 };
    this.#out = 0;
    return [this.#seal(this.#control('resume', 0)), ...this.#flush()];
  }

  /** @param carry takes each packet as soon as it is sealed: it is opened while the next is made; absent: all are returned */
  send(frame: Frame, carry?: (packet: Uint8Array) => void): Uint8Array[] {
    const packets: Uint8Array[] = [];
    const { bytes, write } = this.#in('encoding', () => this.#contents.of(frame));
    const chunks = Math.max(1, Math.ceil(bytes / MAX_PAYLOAD_BYTES));
    const { message: border, callIndex: batch, microbatch, tick } = frame;
    const call = this.#callOf(this.#callsOut, batch, this.#options.own, this.#options.peer);
    for (let chunk = 0; chunk < chunks; chunk++) {
      const from = chunk * MAX_PAYLOAD_BYTES;
      const length = Math.min(MAX_PAYLOAD_BYTES, bytes - from);
      const phase = Number(chunk + 1 === chunks);
      const encoding = this.#times.enter('encoding');
      const plain = this.#plain.take(HEADER_BYTES + length);
      const sequence = this.#first + this.#kept.length;
      const fields = { border, batch, microbatch, tick, sequence, chunk, chunks, phase };
      writeHeader(plain, { ...headerFor(this.#options, 'data', this.#expected), ...fields }, length);
      write(plain.subarray(HEADER_BYTES), from);
      this.#times.leave(encoding);
      // Hashed when there is nothing else to do, and signed with the call: its reader need not wait for either.
      this.#inUse.add(plain);
      this.#unhashed.add(call, plain, (leaf) => {
        this.#options.log?.sent(batch, this.#options.peer, plain.subarray(0, HEADER_BYTES), leaf);
        this.#leave(plain);
      });
      this.#kept.push(plain);
      for (const packet of this.#flush()) carry ? carry(packet) : packets.push(packet);
    }
    return packets;
  }

  /** A packet of this end that has left: its memory is used again. */
  recycle(packet: Uint8Array): void {
    this.#sealed.give(packet);
  }

  /**
   * A piece of what can wait while there is nothing else to do: hashes a packet that has gone or come, or reads what the
   * other end has signed.
   * @returns answers, and what a window has shown; nothing where nothing waits
   */
  settleOne(): Received | undefined {
    if (this.#unhashed.settleOne()) return NOTHING;
    const signed = this.#unread.shift();
    return signed && this.#in('signing', () => this.#read(signed.header, signed.payload));
  }

  /** Windows and signatures that have come and wait to be read, and packets that wait to be hashed. */
  get waiting(): { readonly unread: number; readonly unhashed: number } {
    return { unread: this.#unread.length, unhashed: this.#unhashed.pending };
  }

  /** A packet is hashed, or consumed: behind both nothing reads it. Those that are not hashed are only consumed. */
  #leave(packet: Uint8Array): void {
    if (!this.#inUse.delete(packet)) this.#plain.give(packet);
  }

  /** Nothing has come for long: asks for what is expected next, and says what has come. */
  requestResume(): Uint8Array[] {
    if (!this.#keys) return [];
    return [this.#bad ? this.#askToSign(this.#bad) : this.#seal(this.#control('resume', 0))];
  }

  /** A frame that may not be, and that its sender does not sign though it was asked again and again. */
  get unsigned(): Broken | undefined {
    return this.#bad && this.#bad.asked >= MAX_ASKED ? unsignedBy(this.#bad) : undefined;
  }

  /** The call is over: the other end gets the root of what it was sent, and signs it too. */
  closeWindow(call: number): Uint8Array[] {
    const sent = this.#callsOut.get(call);
    const read = sent && this.#reads.closing(call);
    if (!read) return [];
    this.#callsOut.delete(call);
    this.#sign(call, sent);
    const window = this.#in('signing', () =>
      signWindow(
        this.#options,
        call,
        directionOf(this.#options.own, this.#options.peer),
        [...sent.leaves, ...read],
        this.#options.keys,
      ),
    );
    this.#unanswered.set(call, window);
    this.#kept.push(this.#packet('window', windowBytes(window), { batch: call }));
    return this.#flush();
  }

  /** The call is over: the other end is told what this shard's ticks have read of its slots, and closes the window then. */
  tellReads(call: number, told: ToldReads): Uint8Array[] {
    this.#reads.tell(call, told);
    this.#kept.push(this.#packet('reads', told.payload, { batch: call }));
    return this.#flush();
  }

  #sign(call: number, sent: CallPackets): void {
    const signature = this.#in('signing', () => sent.sign(this.#options.keys));
    if (signature) this.#kept.push(this.#packet('signature', signature, { batch: call }));
  }

  /** Packets take another way from now on: what the other end has not said to have goes out once more, in order. */
  reroute(): Uint8Array[] {
    if (!this.#keys) return [];
    this.#out = 0;
    return [this.#seal(this.#control('resume', 0)), ...this.#flush()];
  }

  /**
   * @param message a binary message whose head names this border
   * @param busy there is other work: what can wait is left to `settle`
   */
  receive(message: Uint8Array, way: Way = 'relay', busy = false): Received {
    const head = decodeHead(message);
    const keys = this.#keys;
    if (head?.kind !== 1) return refuse('no border packet');
    // Under keys that are not ours any more, or not yet: the other end will send it again.
    if (head.keys !== keys?.id) return NOTHING;
    const plain = this.#in('opening', () =>
      keys.receive.open(head.counter, message.subarray(0, BORDER_HEAD), message.subarray(BORDER_HEAD)),
    );
    if (!plain) return this.#nack('it was not sealed by the other end');
    const packet = decodePacket(plain);
    if (!packet || !isFromPeer(packet.header, this.#options)) return this.#nack('its header is of something else');
    if (head.counter <= this.#seen[way]) return refuse('it was here before');
    this.#seen[way] = head.counter;
    this.bytesReceived += message.length;
    this.#consumed(packet.header.consumed);
    switch (packet.header.kind) {
      case 'ack':
        return { frames: [], packets: this.#flush() };
      case 'nack':
      case 'resume':
        return this.#resume(packet.header);
      default:
        return this.#take(packet.header, packet.payload, plain, busy);
    }
  }

  #take(header: Header, payload: Uint8Array, packet: Uint8Array, busy: boolean): Received {
    if (header.sequence < this.#expected) return NOTHING;
    if (header.sequence > this.#expected) return this.#nack('packets before it are missing', false);
    this.#lastCall = header.batch;
    if (header.kind !== 'data' && header.kind !== 'slot') return this.#takeSigned(header, payload, busy);
    const problem = this.#dataProblem(header, payload);
    if (problem !== undefined) return this.#nack(problem);
    const call = this.#callOf(this.#callsIn, header.batch, this.#options.peer, this.#options.own);
    this.#frame ??= { first: header, before: call.length, packets: [] };
    this.#frame.packets.push(packet);
    this.#unhashed.add(call, packet, () => this.#options.log?.taken(header.batch, this.#options.peer, packet));
    this.#expected++;
    if (header.chunk + 1 < header.chunks) return { frames: [], packets: this.#acks() };
    const { packets, before } = this.#frame;
    this.#frame = undefined;
    // Nothing behind a frame that may not be is of use.
    if (this.#bad) return { frames: [], packets: this.#acks() };
    return this.#in('decoding', () => this.#takeFrame(header, call, packets, before));
  }

  #takeFrame(header: Header, call: CallPackets, packets: readonly Uint8Array[], before: number): Received {
    const bytes = joinedPayload(packets);
    const { border: message, batch: callIndex, microbatch, tick } = header;
    const values = this.#contents.read({ message, callIndex, microbatch, tick }, bytes);
    if (!values) return ends(unreadable(header));
    if (values.some((v) => valueProblem(v) !== undefined)) {
      this.#bad = { header, call, packets, before, asked: 0 };
      return { frames: [], packets: [this.#askToSign(this.#bad)] };
    }
    return { frames: [{ message, callIndex, microbatch, tick, values }], packets: this.#acks() };
  }

  /** Its signature over the frame proves who has sent it. */
  #askToSign(bad: BadFrame): Uint8Array {
    bad.asked++;
    return this.#seal(this.#control('resume', SIGN, bad.header.batch));
  }

  #readSignature({ batch }: Header, payload: Uint8Array): Received {
    const call = this.#callsIn.get(batch);
    if (!call) return ends(brokenWindow(batch, 'it is signed behind its end'));
    // In a record it stands behind what it signs.
    this.#in('hashing', () => call.settle());
    call.signature = payload;
    this.#options.log?.signed(batch, this.#options.peer, payload);
    if (this.#bad?.call === call) return ends(brokenBy(this.#bad, this.#peerKey));
    return { frames: [], packets: this.#acks() };
  }

  #dataProblem(header: Header, payload: Uint8Array): string | undefined {
    const open = this.#callsIn;
    if (open.size >= MAX_OPEN_CALLS && !open.has(header.batch)) return 'too many calls have no window';
    return dataProblem(header, payload, this.#options.codec, this.#contents.sizeOf(header.border), this.#frame);
  }

  /** Two signatures that are looked at and one that is made take longer than a frame. */
  #takeSigned(header: Header, payload: Uint8Array, busy: boolean): Received {
    const signs = payload.length === SIGNATURE_BYTES && !this.#frame && this.#callsIn.has(header.batch);
    if (header.kind === 'signature' && !signs) return this.#nack('it signs nothing');
    this.#expected++;
    // Within a frame that has not ended. When it is read, another may be on its way.
    if (this.#frame) return ends(brokenWindow(header.batch, 'nothing of it has come'));
    this.#unread.push({ header, payload });
    if (busy && !this.#bad) return { frames: [], packets: this.#acks() };
    return this.#in('signing', () => this.#readAll());
  }

  #readAll(): Received {
    const packets: Uint8Array[] = [];
    for (const { header, payload } of this.#unread.splice(0)) {
      const received = this.#read(header, payload);
      packets.push(...received.packets);
      if (received.broken) return { ...received, packets };
    }
    return { frames: [], packets };
  }

  #read(header: Header, payload: Uint8Array): Received {
    if (header.kind === 'reads') return this.#readTold(header.batch, payload);
    return header.kind === 'window' ? this.#readWindow(header, payload) : this.#readSignature(header, payload);
  }

  #readTold(call: number, payload: Uint8Array): Received {
    const problem = this.#reads.told(call, payload);
    if (problem !== undefined) return ends(brokenWindow(call, problem));
    const closed = this.#reads.isOver(call) ? this.closeWindow(call) : [];
    return { frames: [], packets: [...closed, ...this.#acks()] };
  }

  /** The other end has closed a window: its root has to be ours; then it gets our signature. */
  #readWindow(header: Header, payload: Uint8Array): Received {
    const { batch: call } = header;
    const window = parseWindow(payload);
    const key = this.#peerKey;
    const broken = (why: string): Received => ends(brokenWindow(call, why));
    if (!window || !key || window.call !== call || !windowHolds(this.#options, window, key))
      return broken('its signature is wrong');
    if (header.phase === 1) return this.#takeAnswer(window) ?? broken('its answer is not what was sent');
    const taken = this.#callsIn.get(call);
    this.#callsIn.delete(call);
    if (!taken || window.direction === directionOf(this.#options.own, this.#options.peer))
      return broken('nothing of it has come');
    // One look at the newest signature is one at all: from here on what was taken is proved to be the sender's.
    if (!taken.isSignedBy(key)) return broken('its frames are not signed by their sender');
    const read = this.#reads.takenOf(call);
    if (!read) return broken('it came before it was told what was read');
    const other = brokenRoot(window, taken, read);
    if (other) return ends(other);
    this.#windows.push(window);
    this.#options.log?.window(this.#options.peer, window);
    const signed = signSame(this.#options, window, this.#options.keys);
    this.#kept.push(this.#packet('window', windowBytes(signed), { batch: call, phase: 1 }));
    return { frames: [], packets: [...this.#flush(), ...this.#acks()] };
  }

  /** @returns nothing for an answer to something else than was asked */
  #takeAnswer(window: Window): Received | undefined {
    if (window.call < this.#forgotten) return { frames: [], packets: this.#acks() };
    const ours = this.#unanswered.get(window.call);
    this.#unanswered.delete(window.call);
    const { direction, packets, root } = window;
    if (ours?.direction !== direction || ours.packets !== packets || ours.root !== root) return undefined;
    this.#windows.push(window);
    this.#options.log?.window(this.#options.peer, window);
    return { frames: [], packets: this.#acks() };
  }

  /** Windows before this call belong to a snapshot that is no longer kept. */
  forgetWindows(before: number): void {
    const kept = this.#windows.filter((w) => w.call >= before);
    this.#windows.splice(0, this.#windows.length, ...kept);
    this.#forgotten = before;
    for (const call of this.#unanswered.keys()) if (call < before) this.#unanswered.delete(call);
  }

  #resume(header: Header): Received {
    this.#consumed(header.sequence);
    this.#out = Math.max(0, header.sequence - this.#first);
    const sent = header.kind === 'resume' && header.phase === SIGN ? this.#callsOut.get(header.batch) : undefined;
    if (sent) this.#sign(header.batch, sent);
    const answer = header.kind === 'resume' && header.phase === 0 ? [this.#seal(this.#control('resume', 1))] : [];
    return { frames: [], packets: [...answer, ...this.#flush()] };
  }

  /** Asked for once more; a second time in the same place ends the border. @param counts a gap may close by itself */
  #nack(why: string, counts = true): Received {
    if (counts && this.#refusedAt === this.#expected)
      return {
        ...ends({
          what: 'border',
          call: this.#lastCall,
          reason: `packet ${this.#expected} was refused twice: ${why}`,
        }),
        refused: why,
      };
    if (counts) this.#refusedAt = this.#expected;
    // One gap shows itself in every packet behind it: asked for once.
    else if (this.#askedFor === this.#expected) return NOTHING;
    this.#askedFor = this.#expected;
    return { frames: [], packets: [this.#seal(this.#control('nack', 0))], refused: why };
  }

  #acks(): Uint8Array[] {
    if (this.#expected - this.#acknowledged < ACK_EVERY) return [];
    return [this.#seal(this.#control('ack', 0))];
  }

  #consumed(position: number): void {
    if (position <= this.#first || position > this.#first + this.#kept.length) return;
    const count = position - this.#first;
    for (const plain of this.#kept.splice(0, count)) this.#leave(plain);
    this.#first = position;
    this.#out = Math.max(0, this.#out - count);
  }

  #callOf(calls: Map<number, CallPackets>, call: number, from: number, to: number): CallPackets {
    const known = calls.get(call);
    if (known) return known;
    const { run, term } = this.#options;
    const made = new CallPackets({ run, term, from, to, call });
    calls.set(call, made);
    return made;
  }

  #flush(): Uint8Array[] {
    const sealed: Uint8Array[] = [];
    while (this.#keys && this.#out < Math.min(CREDIT, this.#kept.length))
      sealed.push(this.#seal(this.#kept[this.#out++] as Uint8Array));
    return sealed;
  }

  #seal(plain: Uint8Array): Uint8Array {
    const { runTag: run, term, own: from, peer: to } = this.#options;
    const keys = this.#keys;
    if (!keys) throw new Error('seal: no keys yet');
    const counter = this.#counter++;
    const sealing = this.#times.enter('sealing');
    const message = this.#sealed.take(BORDER_HEAD + plain.length + TAG_BYTES);
    writeBorderHead(message, { run, term, from, to, keys: keys.id, counter });
    keys.send.seal(counter, message, plain);
    this.#times.leave(sealing);
    this.#acknowledged = this.#expected;
    this.bytesSent += message.length;
    return message;
  }

  /** `sequence` of a control packet is what is expected next. */
  #control(kind: Kind, phase: number, batch = 0): Uint8Array {
    const header = headerFor(this.#options, kind, this.#expected);
    return encodePacket({ ...header, phase, batch, sequence: this.#expected }, new Uint8Array(0));
  }

  #packet(kind: Kind, payload: Uint8Array, fields: Partial<Header>): Uint8Array {
    const sequence = this.#first + this.#kept.length;
    return encodePacket({ ...headerFor(this.#options, kind, this.#expected), ...fields, sequence }, payload);
  }

  #in<T>(row: TickRow, work: () => T): T {
    const before = this.#times.enter(row);
    const result = work();
    this.#times.leave(before);
    return result;
  }
}
