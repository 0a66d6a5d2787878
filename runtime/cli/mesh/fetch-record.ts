/** The record of a stretch, from the trainer that keeps it, by a ticket of the mesh. */
import { BlobWriter } from '../../backplane/blob-writer.ts';
import { ask } from '../../net/ask.ts';
import type { Link } from '../../net/link.ts';
import { openRecord, type StretchRecord } from '../../net/records/read-record.ts';
import { UserError } from '../../support/errors.ts';
import { ownPath } from '../../support/safe-path.ts';
import type { StretchName } from '../../wire/ticket.ts';

/** @returns its bytes. @throws UserError `record/missing`, `record/away`, `ticket/…` */
export async function fetchRecord(link: Link, stretch: StretchName, out: string): Promise<number> {
  const { ticket } = await ask(link, { what: 'ticket', ...stretch });
  const { blob: hash, bytes } = await ask(link, { what: 'record', ticket });
  const path = ownPath(out);
  await link.getBlobInto(
    hash,
    bytes,
    (size) =>
      new BlobWriter({
        ...{ hash, bytes: size, path, beside: path, durable: false, room: undefined },
      }),
  );
  return bytes;
}

/** @throws UserError `record/damaged` where the trainer has brought something else */
export function openFetched(path: string, { run, shard, term, from }: StretchName): StretchRecord {
  const record = openRecord(path);
  const { head } = record;
  if (head.run === run && head.shard === shard && head.term === term && head.from === from) return record;
  record.close();
  throw new UserError(
    'record/damaged',
    `${path} is the record of another stretch: ${head.run}, shard ${head.shard}, term ${head.term}, call ${head.from}`,
  );
}
