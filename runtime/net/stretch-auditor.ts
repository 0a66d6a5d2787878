/** A trainer's machine behind its role as an auditor: records as auditors get them, and the device that it trains on. */

import { reasonOf } from '../../spec/reason-of.ts';
import { outputsHash } from '../audit/outputs.ts';
import { type AuditorEvent, type AuditorState, auditor, IDLE_AUDITOR, type Repeated } from '../roles/auditor.ts';
import type { AuditOrder, Outputs } from '../wire/audit-messages.ts';
import { ticketProblem } from '../wire/ticket.ts';
import { fetchPlan, type PlanFetch } from './fetch-plan.ts';
import { readDeployment } from './read-deployment.ts';
import { MAX_CUT_BYTES } from './records/cut-record.ts';
import { type CutRecord, cutRecordIn } from './records/read-record.ts';
import { repeatStretch } from './records/repeat.ts';
import { notOfClass, notTogether } from './records/replay.ts';
import { MAX_RECORD_BYTES } from './shard-memory.ts';

export interface StretchAuditorOptions extends PlanFetch {
  /** Of this trainer. */
  readonly key: string;
  /** Of its program. */
  readonly version: string;
  /** Its key, while there is a connection. */
  readonly synchronizer: () => string | undefined;
  readonly say: (message: Outputs) => void;
  readonly log: (event: Readonly<Record<string, unknown>>) => void;
}

const MAX_REASON_CHARACTERS = 300;

export class StretchAuditor {
  readonly #options: StretchAuditorOptions;
  #state: AuditorState = IDLE_AUDITOR;

  constructor(options: StretchAuditorOptions) {
    this.#options = options;
  }

  asked(order: AuditOrder): void {
    const problem = this.#problemOf(order);
    if (problem !== undefined) this.#options.log({ event: 'ticket-refused', problem });
    this.#enter({ kind: 'asked', order, ...(problem === undefined ? {} : { problem }) });
  }

  disconnected(): void {
    this.#enter({ kind: 'disconnected' });
  }

  #enter(event: AuditorEvent): void {
    const { state, effects } = auditor(this.#state, event);
    this.#state = state;
    for (const effect of effects) {
      if (effect.kind === 'say') this.#options.say(effect.message);
      else void repeatOrder(effect.order, this.#options).then((found) => this.#enter({ kind: 'repeated', found }));
    }
  }

  /** Only what this mesh has asked this trainer for, of one stretch. */
  #problemOf({ run, term, from, shards }: AuditOrder): string | undefined {
    const seen = { synchronizer: this.#options.synchronizer() ?? '', bearer: this.#options.key };
    for (const { ticket } of shards) {
      const asked = { run, shard: ticket.shard, term, from };
      // When it expires is for the one to see who has signed it.
      const problem = ticketProblem(ticket, asked, { ...seen, now: Number.NEGATIVE_INFINITY });
      if (problem !== undefined) return problem;
    }
    return undefined;
  }
}

/** What comes out where it is done again on this device. */
export async function repeatOrder(
  order: AuditOrder,
  { version, ledger, device, blob, openPlan }: Omit<StretchAuditorOptions, 'say' | 'log' | 'synchronizer' | 'key'>,
): Promise<Repeated> {
  // Counted as a run of its own.
  const run = `${order.run} of others`;
  const shards = order.shards.map(({ ticket }) => ticket.shard);
  const records: CutRecord[] = [];
  try {
    const deployment = readDeployment(await blob(order.deployment, MAX_RECORD_BYTES), order.run);
    for (const { record } of order.shards) records.push(cutRecordIn(await blob(record, MAX_CUT_BYTES)));
    const other = notTogether(records) ?? notOfClass(records, { deployment, device, version });
    if (other !== undefined) return { why: other };
    const fetch = { ledger, device, blob, openPlan };
    const sourceOf = (shard: number) => fetchPlan({ run, shard }, deployment, fetch);
    return { outputs: outputsHash(await repeatStretch(records, { deployment, device, blob, sourceOf })) };
  } catch (error) {
    return { why: reasonOf(error).slice(0, MAX_REASON_CHARACTERS) };
  } finally {
    for (const record of records) record.close();
    for (const shard of shards) ledger.free({ run, shard });
  }
}
