/**
 * Capabilities of one machine: the line that `nmc doctor --json` prints, and what a trainer announces.
 * `capability.schema.json` is the same as a schema.
 */

import type { Costs } from './costs.ts';
import type { HalfUnit } from './precision.ts';

/** A major version that differs is refused; unknown fields of a newer minor one are ignored. */
export const CAPABILITY_FORMAT = '1.2';

export interface Capability {
  readonly format: string;
  /** Of the machine. */
  readonly name: string;
  readonly platform: string;
  readonly arch: string;
  /** Logical processors that this process may use. */
  readonly cores: number;
  readonly memoryBytes: number;
  /** Bytes per second to and from the network; absent where they were not measured. */
  readonly upload?: number;
  readonly download?: number;
  readonly devices: readonly DeviceCapability[];
  readonly crypto?: CryptoSpeed;
  /** The device that `--device auto` takes, and why. */
  readonly auto: { readonly device: string; readonly why: string };
}

export interface DeviceCapability {
  /** `cpu`, `webgpu` or `reference`. */
  readonly device: string;
  readonly available: boolean;
  readonly description: string;
  /** Why it is not available, or why `auto` does not take it. */
  readonly reason?: string;
  /** A repair. */
  readonly repair?: string;
  readonly adapter?: AdapterCapability;
  readonly measured?: Measured;
}

export interface AdapterCapability {
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  /** The driver's own words, its version among them. */
  readonly description: string;
  /** A processor that plays a GPU: right, but slow. */
  readonly software: boolean;
  readonly features: readonly string[];
  /** Units that it was seen to multiply f16 with, the fastest first. */
  readonly halves?: readonly HalfUnit[];
  readonly limits: Readonly<Record<string, number>>;
}

export interface Measured {
  /** Of one product of 512 x 512 by 512 x 512 in f32, 10⁹ operations a second. */
  readonly gflops: number;
  /** Read and written by one copy, 10⁹ bytes a second. */
  readonly gigabytesPerSecond: number;
  /** Empty pieces of work, one after the other. */
  readonly dispatchesPerSecond: number;
  /** Counted pieces of a shard's work there. Records of before it was measured do not say it. */
  readonly costs?: Costs;
}

/** One thread hashes (SHA-256) and seals (AES-256-GCM) so many megabytes a second. */
export interface CryptoSpeed {
  readonly hash: number;
  readonly seal: number;
}
