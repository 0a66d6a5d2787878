/**
 * One end of the border between two shards in one term: frames become sealed packets and come out at the other end
 * exactly once and in order, whatever is lost, doubled or reordered on the way and however often the connection and
 * its keys are new. It does no input or output: packets go in and out of its calls.
 */
import { ed25519, type KeyPair } from '../identity/ed25519.ts';
import { keyBytes } from '../identity/key-text.ts';
import type { BorderKeys } from './border-keys.ts';
import { canonicalBytes } from './canonical.ts';
import { CODEC_BYTES, type Codec, decodeValues, encodeValues, type Tensor } from './codec.ts';
import { fromHex, hex } from './hash.ts';
import { decodePacket, encodePacket, type Header, type Kind, MOST_PAYLOAD } from './header.ts';
import { leafOf, rootOf } from './merkle.ts';
import { BORDER_HEAD, decodeHead, encodeBorderHead } from './routing.ts';

/** A message of the schedule in one tick of one call. */
export interface BorderFrame {
  readonly message: number;
  readonly sequence: number;
  readonly microbatch: number;
  readonly tick: number;
  readonly values: readonly Tensor[];
}

/** The root over one direction's packets of one call, as an end has signed it. */
export interface Window {
  readonly call: number;
  readonly direction: number;
  readonly packets: number;
  readonly root: string;
  readonly sig: string;
}

export interface ChannelOptions {
  readonly run: string;
  /** First 16 bytes of the SHA-256 of the run's name. */
  readonly runTag: Uint8Array;
  readonly plan: Uint8Array;
  readonly term: number;
  readonly own: number;
  readonly peer: number;
  readonly keys: KeyPair;
  readonly codec: Codec;
  /** Elements of each value of a message that the peer sends; nothing for others. */
  readonly lengthsOf: (message: number) => readonly number[] | undefined;
}

/** Through the gateway, or straight from the other trainer. */
export type Way = 'relay' | 'direct';

export interface Received {
  readonly frames: readonly BorderFrame[];
  /** To be sent back. */
  readonly packets: readonly Uint8Array[];
  /** Why the packet was refused: it is counted, nothing of it was taken. */
  readonly refused?: string;
  /** The border cannot go on: the same packet was refused twice, or roots differ. */
  readonly broken?: string;
}

/** Packets that may be on their way unconsumed; then the sender keeps its own. */
export const CREDIT = 256;
const ACK_EVERY = 32;
const NOTHING: Received = { frames: [], packets: [] };

export class BorderChannel {
  readonly #options: ChannelOptions;
  #keys: BorderKeys | undefined;
  #peerKey: Uint8Array | undefined;
  #counter = 0;
  /** Sent or to be sent, and not yet consumed: plain packets from number `#first`. */
  readonly #kept: Uint8Array[] = [];
  #first = 0;
  /** Of them, how many have gone out under the keys of now. */
  #out = 0;
  #expected = 0;
  #acknowledged = 0;
  #refusedAt = -1;
  #askedFor = -1;
  /** Counters of the newest packets, by the way that they came: one way may overtake the other, none itself. */
  #seen: Record<Way, number> = { relay: -1, direct: -1 };
  #chunks: Uint8Array[] = [];
  readonly #leavesOut = new Map<number, Uint8Array[]>();
  readonly #leavesIn = new Map<number, Uint8Array[]>();
  readonly #windows: Window[] = [];
  bytesSent = 0;
  bytesReceived = 0;

  constructor(options: ChannelOptions) {
    this.#options = options;
  }

  /** More is waiting here than the other end has room for: make no more yet. */
  get blocked(): boolean {
    return this.#kept.length > CREDIT;
  }

  /** Windows that both ends have signed, the other's signature: what an auditor asks for. */
  get windows(): readonly Window[] {
    return this.#windows;
  }

  /** New keys: of a first connection, or after a break. @param peer identity of the other end */
  rekey(keys: BorderKeys, peer: string): Uint8Array[] {
    this.#keys = keys;
    this.#peerKey = keyBytes(peer);
    this.#counter = 0;
    this.#seen = { relay: -1, direct: -1 };
    this.#out = 0;
    return [this.#seal(this.#control('resume', 0)), ...this.#flush()];
  }

  send(frame: BorderFrame): Uint8Array[] {
    const { codec } = this.#options;
    const bytes = encodeValues(frame.values, codec);
    const chunks = Math.max(1, Math.ceil(bytes.length / MOST_PAYLOAD));
    for (let chunk = 0; chunk < chunks; chunk++) {
      const payload = bytes.subarray(chunk * MOST_PAYLOAD, (chunk + 1) * MOST_PAYLOAD);
      const { message: border, sequence: batch, microbatch, tick } = frame;
      this.#keep(this.#packet('data', payload, { codec, border, batch, microbatch, tick, chunk, chunks }), batch);
    }
    return this.#flush();
  }

  /** Nothing has come for long: asks for what is expected next, and says what has come. */
  nudge(): Uint8Array[] {
    return this.#keys ? [this.#seal(this.#control('resume', 0))] : [];
  }

  /** The call is over: the other end gets the root of what it was sent, and signs it too. */
  closeWindow(call: number): Uint8Array[] {
    const leaves = this.#leavesOut.get(call);
    if (!leaves) return [];
    this.#leavesOut.delete(call);
    const window = this.#signWindow(call, this.#direction(), leaves);
    this.#keep(this.#packet('window', windowBytes(window), { batch: call }), undefined);
    return this.#flush();
  }

  /** Packets take another way from now on: what the other end has not said to have goes out once more, in order. */
  reroute(): Uint8Array[] {
    if (!this.#keys) return [];
    this.#out = 0;
    return [this.#seal(this.#control('resume', 0)), ...this.#flush()];
  }

  /** @param message a binary message whose head names this border */
  receive(message: Uint8Array, way: Way = 'relay'): Received {
    const head = decodeHead(message);
    const keys = this.#keys;
    if (head?.kind !== 1) return refuse('no border packet');
    // Under keys that are not ours any more, or not yet: the other end will send it again.
    if (head.keys !== keys?.id) return NOTHING;
    const plain = keys.receive.open(head.counter, message.subarray(0, BORDER_HEAD), message.subarray(BORDER_HEAD));
    if (!plain) return this.#again('it was not sealed by the other end');
    const packet = decodePacket(plain);
    if (!packet || !this.#isOurs(packet.header)) return this.#again('its header is of something else');
    if (head.counter <= this.#seen[way]) return refuse('it was here before');
    this.#seen[way] = head.counter;
    this.bytesReceived += message.length;
    this.#consumed(packet.header.consumed);
    switch (packet.header.kind) {
      case 'ack':
        return { frames: [], packets: this.#flush() };
      case 'again':
      case 'resume':
        return this.#resume(packet.header);
      default:
        return this.#take(packet.header, packet.payload, plain);
    }
  }

  #take(header: Header, payload: Uint8Array, plain: Uint8Array): Received {
    if (header.sequence < this.#expected) return NOTHING;
    if (header.sequence > this.#expected) return this.#again('packets before it are missing', false);
    if (header.kind === 'window') return this.#takeWindow(header, payload);
    const problem = this.#dataProblem(header, payload);
    if (problem !== undefined) return this.#again(problem);
    append(this.#leavesIn, header.batch, leafOf(plain));
    this.#expected++;
    this.#chunks.push(payload.slice());
    if (header.chunk + 1 < header.chunks) return { frames: [], packets: this.#acks() };
    const bytes = Buffer.concat(this.#chunks);
    this.#chunks = [];
    const values = decodeValues(bytes, this.#options.lengthsOf(header.border) ?? [], header.codec);
    const { border: message, batch: sequence, microbatch, tick } = header;
    return { frames: [{ message, sequence, microbatch, tick, values }], packets: this.#acks() };
  }

  #dataProblem(header: Header, payload: Uint8Array): string | undefined {
    const lengths = this.#options.lengthsOf(header.border);
    if (!lengths) return 'there is no such border';
    if (header.codec !== this.#options.codec) return `its codec is ${header.codec}`;
    const bytes = lengths.reduce((sum, n) => sum + n, 0) * CODEC_BYTES[header.codec];
    const chunks = Math.max(1, Math.ceil(bytes / MOST_PAYLOAD));
    if (header.chunks !== chunks || header.chunk !== this.#chunks.length) return 'its chunks do not follow each other';
    const length = header.chunk + 1 < chunks ? MOST_PAYLOAD : bytes - (chunks - 1) * MOST_PAYLOAD;
    return payload.length === length ? undefined : `it has ${payload.length} bytes, not ${length}`;
  }

  /** The other end has closed a window: its root has to be ours; then it gets our signature. */
  #takeWindow(header: Header, payload: Uint8Array): Received {
    this.#expected++;
    const window = parseWindow(payload);
    const broken = (why: string): Received => ({
      frames: [],
      packets: [],
      broken: `window of call ${header.batch}: ${why}`,
    });
    if (!window || window.call !== header.batch || !this.#windowHolds(window)) return broken('its signature is wrong');
    if (header.phase === 1) {
      this.#windows.push(window);
      return { frames: [], packets: this.#acks() };
    }
    const leaves = this.#leavesIn.get(window.call) ?? [];
    this.#leavesIn.delete(window.call);
    if (window.packets !== leaves.length || window.root !== hex(rootOf(leaves))) return broken('roots differ');
    this.#windows.push(window);
    const signed = this.#signWindow(window.call, window.direction, leaves);
    this.#keep(this.#packet('window', windowBytes(signed), { batch: window.call, phase: 1 }), undefined);
    return { frames: [], packets: [...this.#flush(), ...this.#acks()] };
  }

  /** Windows before this call belong to a snapshot that is no longer kept. */
  forgetWindows(before: number): void {
    const kept = this.#windows.filter((w) => w.call >= before);
    this.#windows.splice(0, this.#windows.length, ...kept);
  }

  #resume(header: Header): Received {
    this.#consumed(header.sequence);
    this.#out = Math.max(0, header.sequence - this.#first);
    const answer = header.kind === 'resume' && header.phase === 0 ? [this.#seal(this.#control('resume', 1))] : [];
    return { frames: [], packets: [...answer, ...this.#flush()] };
  }

  /** Asked for once more; a second time in the same place ends the border. @param counts a gap may close by itself */
  #again(why: string, counts = true): Received {
    if (counts && this.#refusedAt === this.#expected)
      return { frames: [], packets: [], refused: why, broken: `packet ${this.#expected} was refused twice: ${why}` };
    if (counts) this.#refusedAt = this.#expected;
    // One gap shows itself in every packet behind it: asked for once.
    else if (this.#askedFor === this.#expected) return NOTHING;
    this.#askedFor = this.#expected;
    return { frames: [], packets: [this.#seal(this.#control('again', 0))], refused: why };
  }

  #acks(): Uint8Array[] {
    if (this.#expected - this.#acknowledged < ACK_EVERY) return [];
    return [this.#seal(this.#control('ack', 0))];
  }

  #consumed(position: number): void {
    if (position <= this.#first || position > this.#first + this.#kept.length) return;
    const count = position - this.#first;
    this.#kept.splice(0, count);
    this.#first = position;
    this.#out = Math.max(0, this.#out - count);
  }

  #keep(plain: Uint8Array, call: number | undefined): void {
    if (call !== undefined) append(this.#leavesOut, call, leafOf(plain));
    this.#kept.push(plain);
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
    const head = encodeBorderHead({ run, term, from, to, keys: keys.id, counter });
    const message = Buffer.concat([head, keys.send.seal(counter, head, plain)]);
    this.#acknowledged = this.#expected;
    this.bytesSent += message.length;
    return message;
  }

  /** `sequence` of a control packet is what is expected next. */
  #control(kind: Kind, phase: number): Uint8Array {
    return encodePacket({ ...this.#headerOf(kind), phase, sequence: this.#expected }, new Uint8Array(0));
  }

  #packet(kind: Kind, payload: Uint8Array, fields: Partial<Header>): Uint8Array {
    return encodePacket({ ...this.#headerOf(kind), ...fields, sequence: this.#first + this.#kept.length }, payload);
  }

  #headerOf(kind: Kind): Header {
    const { runTag: run, plan, term, codec } = this.#options;
    const rest = { border: 0, batch: 0, microbatch: 0, tick: 0, sequence: 0, chunk: 0, chunks: 1, phase: 0 };
    return { kind, codec, direction: this.#direction(), run, plan, term, consumed: this.#expected, ...rest };
  }

  #direction(): number {
    return this.#options.own < this.#options.peer ? 0 : 1;
  }

  #isOurs(header: Header): boolean {
    const { runTag, plan, term } = this.#options;
    const theirs = header.direction !== this.#direction() && header.direction <= 1;
    return theirs && header.term === term && equal(header.run, runTag) && equal(header.plan, plan);
  }

  #signWindow(call: number, direction: number, leaves: readonly Uint8Array[]): Window {
    const unsigned = { call, direction, packets: leaves.length, root: hex(rootOf(leaves)) };
    return { ...unsigned, sig: hex(ed25519.sign(this.#windowText(unsigned), this.#options.keys.secretKey)) };
  }

  #windowHolds(window: Window): boolean {
    const [signature, key] = [fromHex(window.sig, 64), this.#peerKey];
    return signature !== undefined && key !== undefined && ed25519.verify(this.#windowText(window), signature, key);
  }

  #windowText({ call, direction, packets, root }: Omit<Window, 'sig'>): Uint8Array {
    const { run, term, own, peer } = this.#options;
    const shards = [Math.min(own, peer), Math.max(own, peer)];
    return canonicalBytes(['nmc/window/2', run, term, ...shards, direction, call, packets, root]);
  }
}

function windowBytes({ call, direction, packets, root, sig }: Window): Uint8Array {
  return canonicalBytes({ call, direction, packets, root, sig });
}

function parseWindow(bytes: Uint8Array): Window | undefined {
  if (bytes.length > 1024) return undefined;
  try {
    const value = JSON.parse(new TextDecoder().decode(bytes)) as Window | null;
    if (value === null) return undefined;
    const { call, direction, packets, root, sig } = value;
    if (![call, direction, packets].every((n) => Number.isSafeInteger(n))) return undefined;
    return fromHex(root, 32) && fromHex(sig, 64) ? { call, direction, packets, root, sig } : undefined;
  } catch {
    return undefined;
  }
}

function refuse(refused: string): Received {
  return { ...NOTHING, refused };
}

function append(map: Map<number, Uint8Array[]>, key: number, leaf: Uint8Array): void {
  const list = map.get(key);
  if (list) list.push(leaf);
  else map.set(key, [leaf]);
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
