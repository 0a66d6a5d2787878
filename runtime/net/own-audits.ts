/**
 * Audits of a synchronizer, one after the other: the records are asked for by tickets of its own, so that the trainer cannot
 * tell who will do its stretch again. Its own machine does it, or a trainer that was drawn.
 */

import { reasonOf } from '../../spec/reason-of.ts';
import { chainProblem, drawnStep } from '../audit/chain.ts';
import type { AskedAudit, SynchronizerEvent } from '../roles/synchronizer-state.ts';
import { UserError } from '../support/errors.ts';
import { inTurn } from '../support/in-turn.ts';
import type { AuditOrder, Outputs } from '../wire/audit-messages.ts';
import { canonicalBytes } from '../wire/canonical.ts';
import type { Deployment } from '../wire/deployment.ts';
import { hex, sha256 } from '../wire/hash.ts';
import type { AuditAnswer, Auditor, AuditRequest, CutRecords } from './auditor.ts';
import type { RecordTickets } from './record-tickets.ts';
import { unsignedText } from './records/replay.ts';
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
  /** For trainers that do stretches of others again; absent: none is asked. */
  readonly trainers?: {
    readonly put: (holder: object, bytes: Uint8Array) => Promise<string>;
    /** @returns nothing where it does not answer */
    readonly ask: (auditor: string, order: AuditOrder) => Promise<Outputs | undefined>;
  };
}

type Answer = Omit<AuditAnswer, 'verdict' | 'steps'> & {
  readonly verdict: AuditAnswer['verdict'] | 'away';
  readonly auditor?: string;
};

/** Another trainer does it: meanwhile others go on. */
interface Given {
  readonly answer: Promise<Answer>;
}

/** What was brought for one stretch. */
interface Held {
  readonly holder: { readonly key: string };
  readonly brought: string[];
}

const MAX_REASON_CHARACTERS = 300;
/** Records of what a trainer has done again stay so long: where it is settled, the audited trainer is not asked twice. */
const KEPT_MS = 10_000;

export class OwnAudits {
  readonly #options: OwnAuditsOptions;
  readonly #inTurn = inTurn();
  /** By stretch and trainer: lets go what is still held of it. */
  readonly #kept = new Map<string, () => void>();
  #closed = false;

  constructor(options: OwnAuditsOptions) {
    this.#options = options;
  }

  take(asked: AskedAudit): void {
    const { run, term, from, trainer, auditor } = asked;
    const name = JSON.stringify([run, term, from, trainer]);
    const letGoBefore = this.#kept.get(name);
    this.#kept.delete(name);
    void this.#inTurn(async () => {
      if (this.#closed) return;
      const held: Held = { holder: { key: this.#options.key }, brought: [] };
      const end = (answer: Answer): void => {
        letGoBefore?.();
        if (answer.auditor === undefined) this.#options.letGo(held.holder, held.brought);
        else this.#keep(name, held);
        if (!this.#closed) this.#options.done({ kind: 'audited', run, term, from, trainer, ...answer });
      };
      const found = await this.#answer(asked, held);
      if ('answer' in found) void found.answer.then((answer) => end({ ...answer, ...(auditor ? { auditor } : {}) }));
      else end(found);
    });
  }

  close(): void {
    this.#closed = true;
  }

  #keep(name: string, { holder, brought }: Held): void {
    const letGo = (): void => {
      clearTimeout(timer);
      if (this.#kept.get(name) === letGo) this.#kept.delete(name);
      this.#options.letGo(holder, brought);
    };
    const timer = setTimeout(letGo, KEPT_MS).unref();
    this.#kept.set(name, letGo);
  }

  async #answer(asked: AskedAudit, { holder, brought }: Held): Promise<Answer | Given> {
    const { auditor, deployment: deploymentOf } = this.#options;
    const deployment = deploymentOf(asked.run);
    if (!deployment || !auditor?.audit) return { verdict: 'inconclusive', why: 'this synchronizer does nothing again' };
    try {
      const shards: AuditRequest['shards'][number][] = [];
      for (const shard of asked.shards) {
        const record = await this.#bring(holder, asked, shard.shard);
        brought.push(record);
        shards.push({ ...shard, record });
      }
      const { term, from, to, owners, begins } = asked;
      const request = { deployment, term, from, to, owners, begins, shards };
      if (asked.auditor !== undefined) return await this.#given(asked.auditor, request, { holder, brought });
      const { steps, ...answer } = await auditor.audit(request);
      return steps ? await this.#shown(holder, brought, asked, request, { ...answer, steps }) : answer;
    } catch (error) {
      const code = error instanceof UserError ? error.code : '';
      const why = reasonOf(error).slice(0, MAX_REASON_CHARACTERS);
      if (code === 'record/missing' || code === 'record/damaged') return { verdict: 'undelivered', why };
      if (code === 'record/later') return { verdict: 'away', why };
      return code === 'record/away' || code === 'mesh/busy' ? { verdict: 'away' } : { verdict: 'inconclusive', why };
    }
  }

  /** To another trainer goes what went in; what comes out there is held against what was signed here. */
  async #given(key: string, request: AuditRequest, { holder, brought }: Held): Promise<Answer | Given> {
    const { auditor, records, trainers } = this.#options;
    const { term, from } = request;
    const { run } = request.deployment;
    const unanswered: Given = { answer: Promise.resolve({ verdict: 'away' }) };
    if (!auditor?.cut || !trainers) return unanswered;
    const cut = await auditor.cut(request);
    if (!('cuts' in cut)) return cut;
    if (cut.cuts.length === 0) return unanswered;
    const shards: AuditOrder['shards'][number][] = [];
    for (const { shard, bytes } of cut.cuts) {
      const record = await trainers.put(holder, bytes);
      brought.push(record);
      shards.push({ record, ticket: records().issue({ run, shard, term, from }, key) });
    }
    const deployment = hex(sha256(canonicalBytes(request.deployment)));
    const said = trainers.ask(key, { type: 'audit', run, term, from, deployment, shards });
    return { answer: said.then((answer) => findingOf(answer, cut)) };
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

/** `away`: it has computed nothing, and why. */
function findingOf(said: Outputs | undefined, { outputs, unsigned }: CutRecords): Answer {
  if (said?.outputs === undefined)
    return { verdict: 'away', why: (said?.why ?? 'it does not answer').slice(0, MAX_REASON_CHARACTERS) };
  if (said.outputs !== outputs) return { verdict: 'mismatch' };
  return unsigned === 0 ? { verdict: 'match' } : { verdict: 'inconclusive', why: unsignedText(unsigned) };
}
