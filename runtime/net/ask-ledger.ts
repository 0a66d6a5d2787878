/** The ledger of a mesh, page by page. */
import type { ChainedRecord } from '../backplane/backplane.ts';
import { ask, unlike } from './ask.ts';
import type { Link } from './link.ts';

/**
 * All records in their order, as the mesh has them: whether they hold together is for the reader to see.
 * @param first number of the first one
 */
export async function* askLedger(link: Pick<Link, 'ask'>, first = 1): AsyncGenerator<ChainedRecord> {
  for (let from = first; ; ) {
    const { records } = await ask(link, { what: 'ledger', from });
    for (const record of records) {
      // So that reading ends even with a faulty mesh.
      if (record.sequence < from) throw unlike(`its ledger: record ${record.sequence} comes behind ${from - 1}`);
      from = record.sequence + 1;
      yield record;
    }
    if (records.length === 0) return;
  }
}
