/** Records of a trainer's stretches, brought into the mesh for those whose tickets the synchronizer has signed. */
import { createHash } from 'node:crypto';
import { UserError } from '../support/errors.ts';
import { openForReadingSoon } from '../support/safe-files.ts';
import type { SafePath } from '../support/safe-path.ts';
import { hex, sha256 } from '../wire/hash.ts';
import type { Again, Recorded } from '../wire/messages.ts';
import { type StretchName, type Ticket, ticketProblem } from '../wire/ticket.ts';
import type { StreamedBlob } from './bring-blob.ts';
import type { RecordStore } from './records/record-store.ts';
import type { Reproducer } from './reproducer.ts';
import { type Pieces, piecesOf } from './send-blob.ts';

export interface RecordBringerOptions {
  readonly store: Pick<RecordStore, 'find'>;
  /** Its key, while there is a connection. */
  readonly synchronizer: () => string | undefined;
  readonly put: (content: StreamedBlob) => Promise<string>;
  /** Does stretches again. */
  readonly reproducer?: Pick<Reproducer, 'shown'>;
  readonly say: (message: Recorded) => void;
  readonly log: (event: Readonly<Record<string, unknown>>) => void;
}

type Answered = Omit<Recorded, 'type' | keyof StretchName>;

/** Wanted and not brought yet. */
const MAX_WAITING = 8;
const PIECE_BYTES = 256 * 1024;

export class RecordBringer {
  readonly #options: RecordBringerOptions;
  #last: Promise<void> = Promise.resolve();
  #waiting = 0;

  constructor(options: RecordBringerOptions) {
    this.#options = options;
  }

  /** One after the other; each is answered, with a blob or without. */
  wanted(ticket: Ticket, again?: Again): void {
    if (this.#waiting >= MAX_WAITING) {
      this.#answer(ticket, again ? { again: 'later' } : {});
      return;
    }
    this.#waiting++;
    this.#last = this.#last.then(async () => {
      if (again) this.#answer(ticket, await this.#again(ticket, again));
      else {
        const blob = await this.#brought(ticket);
        this.#answer(ticket, blob === undefined ? {} : { blob });
      }
      this.#waiting--;
    });
  }

  #answer({ run, shard, term, from }: Ticket, said: Answered): void {
    this.#options.say({ type: 'record', run, shard, term, from, ...said });
  }

  async #again(ticket: Ticket, again: Again): Promise<Answered> {
    const { synchronizer, put, reproducer, log } = this.#options;
    const seen = { synchronizer: synchronizer() ?? '', bearer: ticket.bearer, now: Number.NEGATIVE_INFINITY };
    const problem = ticketProblem(ticket, ticket, seen);
    if (problem !== undefined) log({ event: 'ticket-refused', problem });
    if (problem !== undefined || !reproducer) return { again: 'shown' };
    try {
      const shown = await reproducer.shown(ticket, again);
      if (!shown) return { again: 'shown' };
      const content = { hash: hex(sha256(shown)), bytes: shown.length, pieces: () => piecesOf(shown) };
      return { blob: await put(content), again: 'shown' };
    } catch (error) {
      log({ event: 'record-not-brought', message: String(error) });
      return { again: error instanceof UserError && error.code === 'plan/memory' ? 'later' : 'shown' };
    }
  }

  async #brought(ticket: Ticket): Promise<string | undefined> {
    const { store, synchronizer, put, log } = this.#options;
    const key = synchronizer();
    // Whose connection the ticket came on, and when it expires, is for the one who has signed it to see.
    const seen = { synchronizer: key ?? '', bearer: ticket.bearer, now: Number.NEGATIVE_INFINITY };
    const problem = ticketProblem(ticket, ticket, seen);
    const path = problem === undefined ? store.find(ticket) : undefined;
    if (problem !== undefined) log({ event: 'ticket-refused', problem });
    if (path === undefined) return undefined;
    try {
      return await withFile(path, put);
    } catch (error) {
      log({ event: 'record-not-brought', message: String(error) });
      return undefined;
    }
  }
}

/** The file stays open until it is in the mesh, though the store may remove it meanwhile. */
async function withFile(path: SafePath, put: RecordBringerOptions['put']): Promise<string> {
  const file = await openForReadingSoon(path);
  try {
    const { size: bytes } = await file.stat();
    const pieces = (): Pieces => {
      let at = 0;
      const piece = new Uint8Array(PIECE_BYTES);
      const next = async (): Promise<Uint8Array | undefined> => {
        const { bytesRead } = await file.read(piece, 0, PIECE_BYTES, at);
        at += bytesRead;
        return bytesRead === 0 ? undefined : piece.subarray(0, bytesRead);
      };
      return { bytes, next };
    };
    const hash = createHash('sha256');
    const all = pieces();
    for (let piece = await all.next(); piece; piece = await all.next()) hash.update(piece);
    return await put({ hash: hash.digest('hex'), bytes, pieces });
  } finally {
    await file.close();
  }
}
