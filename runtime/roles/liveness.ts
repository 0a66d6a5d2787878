/** How long a trainer may be silent before it counts as gone: long enough for a busy one, short enough for a dead one. */
import type { MemberState } from './synchronizer-state.ts';

/** Milliseconds. */
export const HEARTBEAT_MS = 500;
export const LAPSE_MS = 2500;
/** The same for one whose connection stands and that has no pulse: it may be busy, a killed process closes its sockets. */
export const SILENT_MS = 10_000;
/** With a pulse, so many of its own longest gaps, between the two: no computation holds a pulse up, only its machine. */
const GAPS = 4;
/** A pulse has to have come so often: while a process starts on a busy machine it may stay away for seconds. */
const PROVEN = 8;
/** How fast a gap is forgotten: half of it in seventeen seconds of heartbeats and pulses. */
const FORGET = 0.99;

/** Milliseconds of silence after which it counts as gone. */
export function patienceWith({ connected, pulses, gap }: MemberState): number {
  if (!connected) return LAPSE_MS;
  return pulses >= PROVEN ? Math.min(SILENT_MS, Math.max(LAPSE_MS, GAPS * gap)) : SILENT_MS;
}

/** A sign of it has come. */
export function heard(member: MemberState, now: number): MemberState {
  return { ...member, seen: now, gap: Math.max(now - member.seen, FORGET * member.gap) };
}
