/** What a simulated mesh is told of audits, and what its trainers and its synchronizer make of that. */
import { LIMITS, type Limits } from '../roles/limits.ts';
import type { SynchronizerEvent } from '../roles/synchronizer-state.ts';
import type { Member, Message } from '../wire/messages.ts';
import type { SaysOf } from './virtual-devices.ts';

/** Trainers seal their stretches, and such a share of these is audited. */
export interface SimulatedAudits {
  readonly rate: number;
  readonly lie?: (node: number, calls: number) => boolean;
  /** Operators have listed all keys, and trainers do stretches of others again: what one says. Absent: none does. */
  readonly says?: SaysOf;
  /** Of audits that a trainer can do. */
  readonly given?: number;
}

/** All devices give the same bits. */
const ONE_CLASS = 'c'.repeat(64);

/** What a trainer says of itself. */
export function wordOf(audits: SimulatedAudits | undefined): Pick<Member, 'audits' | 'auditor'> {
  return { ...(audits ? { audits: true } : {}), ...(audits?.says ? { auditor: ONE_CLASS } : {}) };
}

/** A message of a trainer, with what operators have said of its key. */
export function received(from: string, message: Message, audits: SimulatedAudits | undefined): SynchronizerEvent {
  return { kind: 'message', from, message, ...(audits?.says ? { vouched: true } : {}) };
}

export function limitsFor({ rate, given }: SimulatedAudits = { rate: 0 }): Limits {
  return { ...LIMITS, auditRate: rate, ...(given === undefined ? {} : { givenAudits: given }) };
}
