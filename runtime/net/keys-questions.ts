/** Questions of operators about keys and invites; connections of keys that they change are ended. */
import type { SynchronizerState } from '../roles/synchronizer-state.ts';
import type { Question } from '../wire/messages.ts';
import { answerTo, type KeysPage } from './answers.ts';
import type { Membership, Revoked } from './membership.ts';

export type KeysQuestion = Extract<Question, { readonly what: 'keys' | 'allow' | 'revoke' | 'expire' | 'invite' }>;

export interface KeysContext {
  /** Key of the operator who asks. */
  readonly by: string;
  readonly membership: Membership;
  readonly state: SynchronizerState;
  /** Ends what a key may not have any more. */
  readonly review: (key: string, reason: string) => void;
}

/** Of one answer, so that it fits into a message. */
const PAGE = 500;

export async function answerKeys(question: KeysQuestion, context: KeysContext): Promise<unknown> {
  const { by, membership } = context;
  switch (question.what) {
    case 'keys':
      return answerTo('keys', pageOf(question.after, context));
    case 'allow':
      await membership.allow(question.key, question.role, by, question.fresh);
      changed(question.key, `its key is ${question.role} now`, context);
      return {};
    case 'revoke': {
      const revoked: Revoked = await membership.revoke(question.key);
      changed(question.key, 'its key was revoked', context);
      return answerTo('revoke', revoked);
    }
    case 'expire':
      return answerTo('expire', { expires: await membership.expire(question.key, question.milliseconds) });
    case 'invite': {
      const { id, key, uses, milliseconds } = question;
      return answerTo('invite', { until: await membership.addInvite(id, key, uses, milliseconds, by) });
    }
  }
}

/** An operator that has taken a role from itself still gets the answer. */
function changed(key: string, reason: string, { by, review }: KeysContext): void {
  if (key === by) setImmediate(() => review(key, reason));
  else review(key, reason);
}

function pageOf(after: string, { membership, state }: KeysContext): KeysPage {
  const found = membership.list(after, PAGE + 1);
  return {
    keys: found.slice(0, PAGE).map((listed) => {
      const { name = '', connected = false } = state.members[listed.key] ?? {};
      return connected && name !== '' ? { ...listed, trainer: name } : listed;
    }),
    invites: after === '' ? membership.openInvites() : [],
    more: found.length > PAGE,
  };
}
