/**
 * Work of the synchronizer's own machine for its state machine: looks at the blobs of parts, one after the other, and
 * computes checks again. Neither holds up anything else.
 */
import { reasonOf } from '../../spec/reason-of.ts';
import type { Backplane } from '../backplane/backplane.ts';
import type { SynchronizerEffect, SynchronizerEvent } from '../roles/synchronizer-state.ts';
import type { Deployment } from '../wire/deployment.ts';
import type { CheckAnswer, Checker } from './checker.ts';
import { PartVerifier } from './verify-part.ts';

type Wanted = Extract<SynchronizerEffect, { readonly kind: 'verify' | 'check' }>;

export interface OwnWorkOptions {
  readonly deployment: (run: string) => Deployment | undefined;
  readonly done: (event: SynchronizerEvent) => void;
  /** Of disks, not of what others have sent. */
  readonly failed: (error: unknown, run: string) => void;
}

const MAX_REASON_CHARACTERS = 300;

export class OwnWork {
  readonly #verifier: PartVerifier;
  readonly #checker: Pick<Checker, 'check'> | undefined;
  readonly #options: OwnWorkOptions;
  #verifying: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(backplane: Backplane, checker: Pick<Checker, 'check'> | undefined, options: OwnWorkOptions) {
    this.#verifier = new PartVerifier(backplane);
    this.#checker = checker;
    this.#options = options;
  }

  take(wanted: Wanted): void {
    if (wanted.kind === 'check') {
      void this.#check(wanted);
      return;
    }
    this.#verifying = this.#verifying
      .then(() => this.#verify(wanted))
      .catch((error) => this.#failed(error, wanted.part.run));
  }

  /** Nothing more comes of it. @returns when what it looks at is let go */
  close(): Promise<void> {
    this.#closed = true;
    return this.#verifying;
  }

  async #verify({ part, owner }: Wanted & { kind: 'verify' }): Promise<void> {
    const { run, term, shard, calls } = part;
    const deployment = this.#options.deployment(run);
    if (!deployment || this.#closed) return;
    const problem = await this.#verifier.problemOf(deployment, part, owner);
    const event = { kind: 'verified', run, term, shard, calls } as const;
    this.#done(problem === undefined ? event : { ...event, problem });
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
