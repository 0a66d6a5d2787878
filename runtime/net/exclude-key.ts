/** A key that audits have found wrong twice may nothing in the mesh any more, by the mesh's own signed word. */
import type { Backplane } from '../backplane/backplane.ts';
import { ed25519, type KeyPair } from '../identity/ed25519.ts';
import type { SynchronizerEffect } from '../roles/synchronizer-state.ts';
import { wallNow } from '../support/clock.ts';
import { canonicalBytes } from '../wire/canonical.ts';
import { hex } from '../wire/hash.ts';
import type { Membership } from './membership.ts';

/** Records of exclusions, each signed. */
export const EXCLUSIONS = 'exclusions';

export interface ExclusionPorts {
  readonly keys: KeyPair;
  readonly backplane: Pick<Backplane, 'append'>;
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
    const at = wallNow();
    const sig = hex(ed25519.sign(canonicalBytes(['nmc/exclusion/1', key, run, reason, at]), keys.secretKey));
    await backplane.append(EXCLUSIONS, JSON.stringify({ key, run, reason, at, sig }));
    await membership.revoke(key);
    review(key, 'its key was revoked');
  } catch (error) {
    // The last operator, who trains as well: the run has excluded it.
    log({ event: 'not-revoked', key, message: String(error) });
  }
}
