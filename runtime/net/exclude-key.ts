/** A key that audits have found wrong twice may nothing in the mesh any more, by the mesh's own signed word. */
import type { Backplane } from '../backplane/backplane.ts';
import type { KeyPair } from '../identity/ed25519.ts';
import { signExclusion } from '../ledger/signed.ts';
import type { SynchronizerEffect } from '../roles/synchronizer-state.ts';
import { wallNow } from '../support/clock.ts';
import type { FencedBackplane } from './fenced-backplane.ts';
import type { Membership } from './membership.ts';

/** Records of exclusions, each signed. */
export const EXCLUSIONS = 'exclusions';

export interface ExclusionPorts {
  readonly keys: KeyPair;
  readonly backplane: Pick<Backplane, 'append'> & Partial<Pick<FencedBackplane, 'meet'>>;
  readonly membership: Pick<Membership, 'revoke'>;
  /** Ends what a key may not have any more. */
  readonly review: (key: string, reason: string) => void;
  readonly log: (event: Readonly<Record<string, unknown>>) => void;
}

/** As an operator revokes it. */
export async function excludeKey(
  { key, run, reason }: Extract<SynchronizerEffect, { readonly kind: 'revoke' }>,
  { keys, backplane, membership, review, log }: ExclusionPorts,
): Promise<void> {
  try {
    const word = signExclusion({ key, run, reason, at: wallNow() }, keys);
    // Each of several synchronizers writes to it: what others have written meanwhile stands before this.
    await backplane.meet?.(EXCLUSIONS);
    await backplane.append(EXCLUSIONS, JSON.stringify(word));
    await membership.revoke(key);
    review(key, 'its key was revoked');
  } catch (error) {
    // The last operator, who trains as well: the run has excluded it.
    log({ event: 'not-revoked', key, message: String(error) });
  }
}
