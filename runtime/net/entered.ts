/** The part of a message that enters the state machine: its signatures are checked here, and evidence is left out. */
import type { SynchronizerEvent, SynchronizerState } from '../roles/synchronizer-state.ts';
import { exchangeHolds } from '../wire/border-keys.ts';
import { canonicalBytes } from '../wire/canonical.ts';
import { verdictOn } from '../wire/evidence.ts';
import { hex, sha256 } from '../wire/hash.ts';
import type { Message } from '../wire/messages.ts';

export function entered(state: SynchronizerState, from: string, message: Message): SynchronizerEvent {
  const event = { kind: 'message', from, message } as const;
  if (message.type === 'ready') return exchangeHolds(message, message.exchange) ? event : { ...event, proof: 'false' };
  if (message.type !== 'dispute') return event;
  const { evidence, ...dispute } = message;
  const accused = state.runs[message.run]?.owners[message.peer] ?? '';
  const proof = verdictOn(message, accused, message);
  const digest = evidence === undefined ? '' : hex(sha256(canonicalBytes(evidence)));
  return { ...event, message: dispute, proof, evidence: digest };
}
