/** A trainer's own stretches done again, beside what it trains: for auditors whose device gives other bits. */

import type { Again } from '../wire/messages.ts';
import type { StretchName } from '../wire/ticket.ts';
import { fetchPlan, type PlanFetch } from './fetch-plan.ts';
import { readDeployment } from './read-deployment.ts';
import { openRecord, type StretchRecord } from './records/read-record.ts';
import type { RecordStore } from './records/record-store.ts';
import { reproduceStretch } from './records/reproduce.ts';
import { encodeReproduction } from './records/reproduction.ts';
import { MAX_RECORD_BYTES } from './shard-memory.ts';

export interface ReproducerOptions extends PlanFetch {
  readonly store: Pick<RecordStore, 'find'>;
}

export class Reproducer {
  readonly #options: ReproducerOptions;

  constructor(options: ReproducerOptions) {
    this.#options = options;
  }

  /**
   * @returns what is to be shown, as a file; nothing where a record is not kept
   * @throws UserError `plan/memory` where there is no room beside what is trained; `record/damaged`
   */
  async shown(stretch: StretchName, { shards, step }: Again): Promise<Uint8Array | undefined> {
    const { store, ledger, device, blob } = this.#options;
    const { run } = stretch;
    const paths = shards.flatMap((shard) => store.find({ ...stretch, shard }) ?? []);
    if (paths.length < shards.length) return undefined;
    // Counted as a run of its own.
    const places = shards.map((shard) => ({ run: `${run} again`, shard }));
    const records: StretchRecord[] = [];
    try {
      for (const path of paths) records.push(openRecord(path));
      const deployment = readDeployment(await blob(records[0]?.head.deployment ?? '', MAX_RECORD_BYTES), run);
      const sourceOf = (shard: number) => fetchPlan({ run: `${run} again`, shard }, deployment, this.#options);
      return encodeReproduction(await reproduceStretch(records, { deployment, device, blob, sourceOf }, step));
    } finally {
      for (const record of records) record.close();
      for (const place of places) ledger.free(place);
    }
  }
}
