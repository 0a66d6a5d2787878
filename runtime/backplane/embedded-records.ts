/** Streams of records with their chain, in a database. */
import type Database from 'libsql';
import type { ChainedRecord, StreamRecord } from './backplane.ts';
import { chained, chainProblem, EMPTY, type Head } from './chain.ts';
import { differs } from './chain-errors.ts';
import { openSound } from './open-database.ts';

const TABLE = `
  CREATE TABLE IF NOT EXISTS record (
    stream TEXT NOT NULL, sequence INTEGER NOT NULL, value TEXT NOT NULL, previous TEXT, hash TEXT,
    PRIMARY KEY (stream, sequence)
  ) WITHOUT ROWID;
`;

export interface DatabaseRecords {
  chain(stream: string, from: number, limit: number): Promise<ChainedRecord[]>;
  streams(): Promise<string[]>;
  close(): void;
}

export class EmbeddedRecords {
  readonly #database: Database.Database;
  readonly #sql;

  /** Records of versions that had no chain get theirs. */
  constructor(database: Database.Database) {
    database.exec(TABLE);
    addChain(database);
    this.#database = database;
    this.#sql = {
      head: database.prepare('SELECT sequence, hash FROM record WHERE stream = ? ORDER BY sequence DESC LIMIT 1'),
      // Only behind the record that its hash covers, whichever process has written meanwhile.
      append: database.prepare(
        'INSERT INTO record SELECT ?1, ?2, ?3, ?4, ?5 WHERE ?2 = 1 + (SELECT COALESCE(MAX(sequence), 0) FROM record WHERE stream = ?1)',
      ),
      begin: database.prepare('INSERT INTO record VALUES (?1, ?2, ?3, ?4, ?5)'),
      read: database.prepare(
        'SELECT sequence, value, previous, hash FROM record WHERE stream = ? AND sequence >= ? ORDER BY sequence LIMIT ?',
      ),
      // The last one stays in any case: the next number follows from it.
      trim: database.prepare(
        'DELETE FROM record WHERE stream = ? AND sequence < min(?, (SELECT MAX(sequence) FROM record WHERE stream = ?))',
      ),
      streams: database.prepare('SELECT DISTINCT stream FROM record ORDER BY stream'),
      remove: database.prepare('DELETE FROM record WHERE stream = ?'),
    };
  }

  head(stream: string): Head {
    const row = this.#sql.head.get(stream) as Head | undefined;
    return row ? { sequence: row.sequence, hash: row.hash } : EMPTY;
  }

  /** @returns its sequence */
  append(stream: string, value: string): number {
    for (;;) {
      const record = chained(stream, this.head(stream), value);
      if (this.#sql.append.run(...rowOf(stream, record)).changes === 1) return record.sequence;
    }
  }

  read(stream: string, from: number, limit: number): StreamRecord[] {
    return this.chain(stream, from, limit).map(({ sequence, value }) => ({ sequence, value }));
  }

  chain(stream: string, from: number, limit: number): ChainedRecord[] {
    return (this.#sql.read.all(stream, from, limit) as ChainedRecord[]).map(({ sequence, value, previous, hash }) => ({
      sequence,
      value,
      previous,
      hash,
    }));
  }

  trim(stream: string, before: number): void {
    this.#sql.trim.run(stream, before, stream);
  }

  streams(): string[] {
    return (this.#sql.streams.all() as { readonly stream: string }[]).map(({ stream }) => stream);
  }

  /** All or none. The first one of a stream may have any number. @throws EnvironmentError `chain/differs` */
  restore(stream: string, records: readonly ChainedRecord[]): void {
    this.#database.transaction(() => {
      let behind = this.head(stream);
      for (const record of records) {
        const problem = chainProblem(stream, record, behind.sequence === 0 ? undefined : behind);
        if (problem !== undefined) throw differs(stream, problem);
        this.#sql.begin.run(...rowOf(stream, record));
        behind = record;
      }
    })();
  }

  /** The stream as if it had never been. */
  remove(stream: string): void {
    this.#sql.remove.run(stream);
  }
}

/** Of a mesh that may be running: nothing of it is changed. @throws EnvironmentError `mesh/state-damaged` */
export function openDatabaseRecords(path: string): DatabaseRecords {
  const database = openSound(path, '');
  const records = new EmbeddedRecords(database);
  return {
    chain: async (stream, from, limit) => records.chain(stream, from, limit),
    streams: async () => records.streams(),
    close: () => void database.close(),
  };
}

function rowOf(stream: string, { sequence, value, previous, hash }: ChainedRecord): (string | number)[] {
  return [stream, sequence, value, previous, hash];
}

function addChain(database: Database.Database): void {
  const columns = database.prepare("SELECT name FROM pragma_table_info('record')").all() as { readonly name: string }[];
  if (columns.some(({ name }) => name === 'hash')) return;
  database.transaction(() => {
    database.exec('ALTER TABLE record ADD COLUMN previous TEXT; ALTER TABLE record ADD COLUMN hash TEXT');
    const update = database.prepare('UPDATE record SET previous = ?, hash = ? WHERE stream = ? AND sequence = ?');
    const all = database.prepare('SELECT stream, sequence, value FROM record ORDER BY stream, sequence').all();
    let [of, behind] = ['', EMPTY];
    for (const { stream, sequence, value } of all as (StreamRecord & { readonly stream: string })[]) {
      if (stream !== of) [of, behind] = [stream, { sequence: sequence - 1, hash: EMPTY.hash }];
      const record = chained(stream, behind, value);
      update.run(record.previous, record.hash, stream, sequence);
      behind = record;
    }
  })();
}
