/**
 * Work of the synchronizer's own machine for its state machine: looks at the blobs of parts, one after the other,
 * computes checks again, and does stretches again that were drawn. None of it holds up anything else.
 */
import { reasonOf } from '../../spec/reason-of.ts';
import { secretOf } from '../audit/seal.ts';
import type { Backplane } from '../backplane/backplane.ts';
import type { KeyPair } from '../identity/ed25519.ts';
import { keyText } from '../identity/key-text.ts';
import type { SynchronizerEffect, SynchronizerEvent } from '../roles/synchronizer-state.ts';
import type { Outputs } from '../wire/audit-messages.ts';
import type { Deployment } from '../wire/deployment.ts';
import { AskedAuditors, type AskedAuditorsOptions } from './asked-auditors.ts';
import type { CheckAnswer, Checker } from './checker.ts';
import { OwnAudits, type OwnAuditsOptions } from './own-audits.ts';
import { PartVerifier } from './verify-part.ts';

type Wanted = Extract<SynchronizerEffect, { readonly kind: 'verify' | 'check' | 'audit' | 'pledge' }>;

export interface OwnWorkOptions {
  readonly deployment: (run: string) => Deployment | undefined;
  readonly done: (event: SynchronizerEvent) => void;
  readonly audits: { readonly keys: KeyPair } & Pick<OwnAuditsOptions, 'records' | 'letGo'> & {
      readonly hold: (holder: object, blobs: readonly string[]) => void;
      readonly send: AskedAuditorsOptions['send'];
    };
  /** Of disks, not of what others have sent. */
  readonly failed: (error: unknown, run: string) => void;
}

const MAX_REASON_CHARACTERS = 300;

export class OwnWork {
  readonly #verifier: PartVerifier;
  readonly #checker: Pick<Checker, 'check'> | undefined;
  readonly #options: OwnWorkOptions;
  #verifying: Promise<void> = Promise.resolve();
  readonly #audits: OwnAudits;
  readonly #auditors: AskedAuditors;
  #closed = false;

  constructor(
    backplane: Backplane,
    checker: Pick<Checker, 'check' | 'audit' | 'cut' | 'auditStep'> | undefined,
    options: OwnWorkOptions,
  ) {
    this.#verifier = new PartVerifier(backplane);
    this.#checker = checker;
    this.#options = options;
    const { deployment, done, audits } = options;
    this.#auditors = new AskedAuditors({ send: audits.send });
    const put = async (holder: object, bytes: Uint8Array): Promise<string> => {
      const blob = await backplane.putBlob(bytes);
      audits.hold(holder, [blob]);
      return blob;
    };
    this.#audits = new OwnAudits({
      ...audits,
      trainers: { put, ask: (key, order) => this.#auditors.ask(key, order) },
      deployment,
      done,
      key: keyText(audits.keys.publicKey),
      auditor: checker,
      blob: (hash) => backplane.getBlob(hash),
    });
  }

  take(wanted: Wanted): void {
    switch (wanted.kind) {
      case 'check':
        void this.#check(wanted);
        return;
      case 'audit':
        this.#audits.take(wanted);
        return;
      case 'pledge': {
        const { run, term } = wanted;
        this.#done({ kind: 'pledged', run, term, secret: secretOf(this.#options.audits.keys.secretKey, run, term) });
        return;
      }
      case 'verify':
        this.#verifying = this.#verifying
          .then(() => this.#verify(wanted))
          .catch((error) => this.#failed(error, wanted.part.run));
    }
  }

  /** What a trainer says of a stretch of another one. */
  heard(from: string, said: Outputs): void {
    this.#auditors.heard(from, said);
  }

  /** The trainer is not connected any more. */
  gone(key: string): void {
    this.#auditors.gone(key);
  }

  /** Nothing more comes of it. @returns when what it looks at is let go */
  close(): Promise<void> {
    this.#closed = true;
    this.#audits.close();
    return this.#verifying;
  }

  async #verify({ part, owner }: Wanted & { kind: 'verify' }): Promise<void> {
    const { run, term, shard, calls } = part;
    const deployment = this.#options.deployment(run);
    if (!deployment || this.#closed) return;
    const problem = await this.#verifier.problemOf(deployment, part, owner);
    const event = { kind: 'verified', run, term, shard, calls } as const;
    const moved = problem === undefined ? this.#verifier.movesOf(part) : undefined;
    this.#done({ ...event, ...(problem === undefined ? {} : { problem }), ...(moved ? { moved } : {}) });
  }

  async #check({ run, calls, parts }: Wanted & { kind: 'check' }): Promise<void> {
    const deployment = this.#options.deployment(run);
    const answer = await this.#answer(deployment, parts);
    this.#done({ kind: 'checked', run, calls, ...answer });
  }

  async #answer(deployment: Deployment | undefined, parts: readonly string[]): Promise<CheckAnswer> {
    if (!deployment || !this.#checker) return { problem: 'the synchronizer computes nothing' };
    try {
      return await this.#checker.check({ deployment, parts });
    } catch (error) {
      return { problem: reasonOf(error).slice(0, MAX_REASON_CHARACTERS) };
    }
  }

  #done(event: SynchronizerEvent): void {
    if (!this.#closed) this.#options.done(event);
  }

  #failed(error: unknown, run: string): void {
    if (!this.#closed) this.#options.failed(error, run);
  }
}
