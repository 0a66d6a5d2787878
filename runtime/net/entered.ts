/** The part of a message that enters the state machine: its signatures are checked here, and evidence is left out. */
import type { SynchronizerEvent, SynchronizerState } from '../roles/synchronizer-state.ts';
import { exchangeHolds } from '../wire/border-keys.ts';
import { canonicalBytes } from '../wire/canonical.ts';
import { verdictOn } from '../wire/evidence.ts';
import { hex, sha256 } from '../wire/hash.ts';
import type { Commit, Message } from '../wire/messages.ts';
import { stateHolds } from '../wire/state-signature.ts';

export function entered(state: SynchronizerState, from: string, message: Message): SynchronizerEvent {
  const event = { kind: 'message', from, message } as const;
  // Its leader looks at the signatures.
  if ('run' in message && state.runs[message.run]?.foreign) return event;
  if (message.type === 'ready') return exchangeHolds(message, message.exchange) ? event : { ...event, proof: 'false' };
  if (message.type === 'commit') return commitsHold(state, from, message) ? event : { ...event, proof: 'false' };
  if (message.type === 'sealed') {
    const hold = message.seals.every((seal) => stateHolds(message, seal.state, from));
    return hold ? event : { ...event, proof: 'false' };
  }
  if (message.type !== 'dispute') return event;
  const { evidence, ...dispute } = message;
  const accused = state.runs[message.run]?.owners[message.peer] ?? '';
  const proof = verdictOn(message, accused, message);
  const digest = evidence === undefined ? '' : hex(sha256(canonicalBytes(evidence)));
  return { ...event, message: dispute, proof, evidence: digest };
}

/** Whether all states are signed by their sender; of one that does not own the shard nothing is taken in any case. */
function commitsHold({ runs }: SynchronizerState, from: string, { run, term, shard, states }: Commit): boolean {
  const known = runs[run];
  if (known?.term !== term || known.owners[shard] !== from) return true;
  return states.every((state) => stateHolds({ run, term, shard }, state, from));
}
