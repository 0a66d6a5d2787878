/** Most messages are a node with a few names. */
const FIRST_BYTES = 128;
/** Buffers of messages that have become parts of others: a graph has thousands of messages. */
const spare: Uint8Array[] = [];
const MAX_SPARE = 16;
const NOTHING = new Uint8Array();
const encoder = new TextEncoder();
const SHORT = 64;
const PLAIN = /^[\x20-\x7e]*$/;

/**
 * The little of Protocol Buffers that an ONNX model needs, written straight to bytes: a general library took longer to
 * load than all of compiling does.
 */
export class ProtoWriter {
  #bytes = spare.pop() ?? new Uint8Array(FIRST_BYTES);
  #length = 0;

  /** Wire type 0. */
  varint(field: number, value: number): this {
    this.#tag(field, 0);
    this.#number(value);
    return this;
  }

  /** Wire type 5, IEEE single precision. */
  float(field: number, value: number): this {
    this.#tag(field, 5);
    this.#reserve(4);
    new DataView(this.#bytes.buffer).setFloat32(this.#length, value, true);
    this.#length += 4;
    return this;
  }

  text(field: number, value: string): this {
    const { length } = value;
    // Names are short and plain: written as they are they take a fifth of the encoder's time.
    if (length > SHORT || !PLAIN.test(value)) return this.raw(field, encoder.encode(value));
    this.#tag(field, 2);
    this.#number(length);
    this.#reserve(length);
    for (let i = 0; i < length; i++) this.#bytes[this.#length++] = value.charCodeAt(i);
    return this;
  }

  /** @param value ends with this: its buffer goes to another message */
  message(field: number, value: ProtoWriter): this {
    this.raw(field, value.#bytes.subarray(0, value.#length));
    value.#end();
    return this;
  }

  raw(field: number, value: Uint8Array): this {
    this.#tag(field, 2);
    this.#number(value.length);
    this.#reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
    return this;
  }

  /** All that was written, which ends with this. */
  finish(): Uint8Array {
    const bytes = this.#bytes.slice(0, this.#length);
    this.#end();
    return bytes;
  }

  #end(): void {
    if (spare.length < MAX_SPARE) spare.push(this.#bytes);
    this.#bytes = NOTHING;
    this.#length = 0;
  }

  #tag(field: number, wire: number): void {
    this.#number(field * 8 + wire);
  }

  /** Negative numbers take the ten bytes of a 64-bit two's complement. */
  #number(value: number): void {
    this.#reserve(10);
    if (value >= 0 && value < 128) {
      this.#bytes[this.#length++] = value;
      return;
    }
    if (value >= 0 && value < 2 ** 31) {
      let rest = value;
      for (; rest >= 128; rest >>>= 7) this.#bytes[this.#length++] = (rest & 127) | 128;
      this.#bytes[this.#length++] = rest;
      return;
    }
    let rest = value < 0 ? BigInt.asUintN(64, BigInt(value)) : BigInt(value);
    while (rest >= 128n) {
      this.#bytes[this.#length++] = Number(rest & 127n) | 128;
      rest >>= 7n;
    }
    this.#bytes[this.#length++] = Number(rest);
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + count));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}
