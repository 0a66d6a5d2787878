/**
 * How many connections one source may begin. A table of fixed size, into which sources fall by a secret hash: many
 * addresses make it neither larger nor forgetful.
 */
import { createHash, randomBytes } from 'node:crypto';
import { clientAddress } from '../http/hosts.ts';
import { Allowance } from './allowance.ts';

const BUCKETS = 4096;

export class Arrivals {
  readonly #perSecond: number;
  readonly #atOnce: number;
  readonly #secret = randomBytes(16);
  readonly #buckets = new Map<number, Allowance>();

  constructor(perSecond: number, atOnce: number) {
    this.#perSecond = perSecond;
    this.#atOnce = atOnce;
  }

  /** @param now milliseconds. @returns whether this one may go on */
  take(address: string | undefined, now: number): boolean {
    const digest = createHash('sha256').update(this.#secret).update(clientAddress(address)).digest();
    const bucket = digest.readUInt32LE(0) % BUCKETS;
    const allowance = this.#buckets.get(bucket) ?? new Allowance(this.#perSecond, this.#atOnce, now);
    this.#buckets.set(bucket, allowance);
    // Who is refused owes nothing: it may come again as soon as others would.
    if (allowance.wait(now) > 0) return false;
    allowance.take(now);
    return true;
  }
}
