/** Bytes of a packed frame, written and read one behind the other, little-endian; reading stops where there are no more. */
import { ofPresent, zeroedBytes } from '../support/bounded.ts';

export class PackedWriter {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  /** @param most bytes that are written at most */
  constructor(most: number) {
    this.#bytes = zeroedBytes(ofPresent(most));
    this.#view = new DataView(this.#bytes.buffer);
  }

  byte(value: number): void {
    this.#bytes[this.#at++] = value;
  }

  half(bits: number): void {
    this.#view.setUint16(this.#at, bits, true);
    this.#at += 2;
  }

  /** @param value a whole number from -2^23 to 2^23 - 1 */
  level(value: number): void {
    this.half(value & 0xffff);
    this.byte((value >> 16) & 0xff);
  }

  count(value: number): void {
    this.#view.setUint32(this.#at, value, true);
    this.#at += 4;
  }

  float(value: number): void {
    this.#view.setFloat32(this.#at, value, true);
    this.#at += 4;
  }

  /** All that was written. */
  get written(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }
}

/** Bytes from outside: behind their end there are zeros, and `isOver` says so. */
export class PackedReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;
  /** More was read than there is. */
  isOver = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  byte(): number {
    return this.#has(1) ? (this.#bytes[this.#at - 1] as number) : 0;
  }

  half(): number {
    return this.#has(2) ? this.#view.getUint16(this.#at - 2, true) : 0;
  }

  level(): number {
    const low = this.half();
    return ((this.byte() << 24) >> 8) | low;
  }

  count(): number {
    return this.#has(4) ? this.#view.getUint32(this.#at - 4, true) : 0;
  }

  float(): number {
    return this.#has(4) ? this.#view.getFloat32(this.#at - 4, true) : 0;
  }

  #has(bytes: number): boolean {
    if (this.left < bytes) {
      this.isOver = true;
      return false;
    }
    this.#at += bytes;
    return true;
  }
}
