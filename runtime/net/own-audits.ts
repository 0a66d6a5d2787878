/**
 * Audits of a synchronizer's own machine, one after the other: the records are asked for by tickets of its own, so that the
 * trainer cannot tell who will do its stretch again.
 */

import { reasonOf } from '../../spec/reason-of.ts';
import { chainProblem, drawnStep } from '../audit/chain.ts';
import type { AskedAudit, SynchronizerEvent } from '../roles/synchronizer-state.ts';
import { UserError } from '../support/errors.ts';
import { inTurn } from '../support/in-turn.ts';
import type { Deployment } from '../wire/deployment.ts';
import type { AuditAnswer, Auditor, AuditRequest } from './auditor.ts';
import type { RecordTickets } from './record-tickets.ts';
import { decodeReproduction } from './records/reproduction.ts';

export interface OwnAuditsOptions {
  /** Of this synchronizer. */
  readonly key: string;
  readonly auditor: Partial<Auditor> | undefined;
  readonly records: () => Pick<RecordTickets, 'issue' | 'bring' | 'bringAgain'>;
  readonly blob: (hash: string) => Promise<Uint8Array | undefined>;
  readonly deployment: (run: string) => Deployment | undefined;
  /** These were brought for it, and are of no use any more. */
  readonly letGo: (holder: object, blobs: readonly string[]) => void;
  readonly done: (event: SynchronizerEvent) => void;
}

const MAX_REASON_CHARACTERS = 300;

export class OwnAudits {
  readonly #options: OwnAuditsOptions;
  readonly #inTurn = inTurn();
  #closed = false;

  constructor(options: OwnAuditsOptions) {
    this.#options = options;
  }

  take(asked: AskedAudit): void {
    void this.#inTurn(async () => {
      if (this.#closed) return;
      const answer = await this.#answer(asked);
      const { run, term, from, trainer } = asked;
      if (!this.#closed) this.#options.done({ kind: 'audited', run, term, from, trainer, ...answer });
    });
  }

  close(): void {
    this.#closed = true;
  }

  async #answer(
    asked: AskedAudit,
  ): Promise<Omit<AuditAnswer, 'verdict'> & { verdict: AuditAnswer['verdict'] | 'away' }> {
    const { auditor, deployment: deploymentOf, letGo, key } = this.#options;
    const deployment = deploymentOf(asked.run);
    if (!deployment || !auditor?.audit) return { verdict: 'inconclusive', why: 'this synchronizer does nothing again' };
    const holder = { key };
    const brought: string[] = [];
    try {
      const shards: AuditRequest['shards'][number][] = [];
      for (const shard of asked.shards) {
        const record = await this.#bring(holder, asked, shard.shard);
        brought.push(record);
        shards.push({ ...shard, record });
      }
      const { term, from, to, owners, begins } = asked;
      const request = { deployment, term, from, to, owners, begins, shards };
      const { steps, ...answer } = await auditor.audit(request);
      return steps ? await this.#shown(holder, brought, asked, request, { ...answer, steps }) : answer;
    } catch (error) {
      const code = error instanceof UserError ? error.code : '';
      const why = reasonOf(error).slice(0, MAX_REASON_CHARACTERS);
      if (code === 'record/missing' || code === 'record/damaged') return { verdict: 'undelivered', why };
      return code === 'record/away' || code === 'mesh/busy' ? { verdict: 'away' } : { verdict: 'inconclusive', why };
    } finally {
      letGo(holder, brought);
    }
  }

  /** Of another class of device: its trainer binds itself to all states of the stretch, and shows the step that is drawn then. */
  async #shown(
    holder: { readonly key: string },
    brought: string[],
    asked: AskedAudit,
    request: AuditRequest,
    { steps, ...answer }: AuditAnswer & Required<Pick<AuditAnswer, 'steps'>>,
  ): Promise<AuditAnswer> {
    const { auditor, records, blob } = this.#options;
    const { run, term, from, trainer, seed, second } = asked;
    if (!auditor?.auditStep || seed === undefined) return answer;
    const shards = asked.shards.map(({ shard }) => shard);
    const ticket = records().issue({ run, shard: shards[0] ?? 0, term, from }, holder.key);
    const again = async (step?: number): Promise<string | undefined> => {
      const shown = await records().bringAgain(holder, ticket, {
        trainer,
        shards,
        ...(step === undefined ? {} : { step }),
      });
      if (shown !== undefined) brought.push(shown);
      return shown;
    };
    const bound = await again();
    // A program of an earlier version cannot.
    if (bound === undefined) return answer;
    const { chains } = decodeReproduction((await blob(bound)) ?? new Uint8Array(0));
    const problem = chainProblem(chains, steps.ends, steps.count);
    if (problem !== undefined) return { verdict: 'undelivered', why: problem };
    const step = drawnStep(seed, chains, steps.count);
    const shown = await again(step);
    if (shown === undefined) return answer;
    return await auditor.auditStep({ ...request, chains, step, shown, seed, second });
  }

  async #bring(holder: { readonly key: string }, { run, term, from }: AskedAudit, shard: number): Promise<string> {
    const records = this.#options.records();
    const ticket = records.issue({ run, shard, term, from }, holder.key);
    return (await records.bring(holder, ticket)).blob;
  }
}
