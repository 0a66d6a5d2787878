/** A trainer's own stretches done again, beside what it trains: for auditors whose device gives other bits. */
import type { Again } from '../wire/messages.ts';
import type { StretchName } from '../wire/ticket.ts';
import { fetchPlan, type PlanFetch } from './fetch-plan.ts';
import { readDeployment } from './read-deployment.ts';
import { openRecord, type StretchRecord } from './records/read-record.ts';
import type { RecordStore } from './records/record-store.ts';
import { type Reproduced, reproduceStretch, reproductionOf } from './records/reproduce.ts';
import { encodeReproduction, MAX_SHOWN_BYTES } from './records/reproduction.ts';
import { MAX_RECORD_BYTES } from './shard-memory.ts';

export interface ReproducerOptions extends PlanFetch {
  readonly store: Pick<RecordStore, 'find'>;
}

export class Reproducer {
  readonly #options: ReproducerOptions;
  /** All of the stretch that was last bound to, where there is room for it: it need not be done a third time. */
  #kept: { readonly name: string; readonly reproduced: Reproduced } | undefined;

  constructor(options: ReproducerOptions) {
    this.#options = options;
  }

  /**
   * @returns what is to be shown, as a file; nothing where a record is not kept
   * @throws UserError `plan/memory` where there is no room beside what is trained; `record/damaged`
   */
  async shown(stretch: StretchName, { shards, step }: Again): Promise<Uint8Array | undefined> {
    const name = JSON.stringify([stretch.run, stretch.term, stretch.from, shards]);
    const kept = step !== undefined && this.#kept?.name === name ? this.#kept.reproduced : undefined;
    this.#kept = undefined;
    const reproduced = kept ?? (await this.#reproduced(stretch, { shards, ...(step === undefined ? {} : { step }) }));
    if (reproduced?.isWhole && step === undefined) this.#kept = { name, reproduced };
    return reproduced && encodeReproduction(reproductionOf(reproduced, step));
  }

  async #reproduced(stretch: StretchName, { shards, step }: Again): Promise<Reproduced | undefined> {
    const { store, ledger, device, blob } = this.#options;
    // Counted as a run of its own.
    const run = `${stretch.run} again`;
    const paths = shards.flatMap((shard) => store.find({ ...stretch, shard }) ?? []);
    if (paths.length < shards.length) return undefined;
    const records: StretchRecord[] = [];
    try {
      for (const path of paths) records.push(openRecord(path));
      const deployment = readDeployment(await blob(records[0]?.head.deployment ?? '', MAX_RECORD_BYTES), stretch.run);
      const sourceOf = (shard: number) => fetchPlan({ run, shard }, deployment, this.#options);
      const options = { deployment, device, blob, sourceOf };
      return await reproduceStretch(records, options, step ?? (hasRoom(records) ? 'all' : undefined));
    } finally {
      for (const record of records) record.close();
      for (const shard of shards) ledger.free({ run, shard });
    }
  }
}

/** For a state behind each call, and for as many frames as came. */
function hasRoom(records: readonly StretchRecord[]): boolean {
  const bytes = records.reduce((sum, { head, end, state, taken }) => {
    const frames = taken.reduce((all, { bytes }) => all + bytes, 0);
    return sum + (end.calls - head.from + 1) * state().bytes + frames;
  }, 0);
  return bytes <= MAX_SHOWN_BYTES;
}
