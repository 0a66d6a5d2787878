/** The root over one direction's packets of one call, signed by both ends (spec/wire.md, 5). */
import { ed25519, type KeyPair } from '../identity/ed25519.ts';
import { canonicalBytes, canonicalList } from './canonical.ts';
import { fromHex, hex } from './hash.ts';
import { rootOf } from './merkle.ts';

export interface Window {
  readonly call: number;
  /** 0 from the lower shard to the higher one, 1 back. */
  readonly direction: number;
  readonly packets: number;
  readonly root: string;
  readonly sig: string;
}

/** Where a border is: its two shards, in any order. */
export interface Between {
  readonly run: string;
  readonly term: number;
  readonly own: number;
  readonly peer: number;
}

const MAX_WINDOW_BYTES = 1024;

export function directionOf(from: number, to: number): number {
  return from < to ? 0 : 1;
}

export function signWindow(
  between: Between,
  call: number,
  direction: number,
  leaves: readonly Uint8Array[],
  keys: KeyPair,
): Window {
  return signSame(between, { call, direction, packets: leaves.length, root: hex(rootOf(leaves)) }, keys);
}

/** The same window, whose root was found to be right, by the other end. */
export function signSame(between: Between, window: Omit<Window, 'sig'>, keys: KeyPair): Window {
  const { call, direction, packets, root } = window;
  const sig = hex(ed25519.sign(windowText(between, window), keys.secretKey));
  return { call, direction, packets, root, sig };
}

export function windowHolds(between: Between, window: Window, key: Uint8Array): boolean {
  const signature = fromHex(window.sig, 64);
  return signature !== undefined && ed25519.verify(windowText(between, window), signature, key);
}

export function windowBytes({ call, direction, packets, root, sig }: Window): Uint8Array {
  return canonicalBytes({ call, direction, packets, root, sig });
}

export function parseWindow(bytes: Uint8Array): Window | undefined {
  if (bytes.length > MAX_WINDOW_BYTES) return undefined;
  try {
    return windowOf(JSON.parse(new TextDecoder().decode(bytes)));
  } catch {
    return undefined;
  }
}

/** @returns a window of sound form, or nothing */
export function windowOf(value: unknown): Window | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { call, direction, packets, root, sig } = value as Record<string, unknown>;
  if (!isCount(call) || !isCount(packets) || (direction !== 0 && direction !== 1)) return undefined;
  if (!fromHex(root, 32) || !fromHex(sig, 64)) return undefined;
  return { call, direction, packets, root: root as string, sig: sig as string };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function windowText({ run, term, own, peer }: Between, window: Omit<Window, 'sig'>): Uint8Array {
  const { call, direction, packets, root } = window;
  const shards = [Math.min(own, peer), Math.max(own, peer)];
  return canonicalList(['nmc/window/2', run, term, ...shards, direction, call, packets, root]);
}
