/**
 * A synchronizer's own copy of the streams: SQLite, each commit flushed. What does not fit to it is kept beside it, with
 * the reason, until somebody decides which of the two holds.
 */
import { join } from 'node:path';
import type Database from 'libsql';
import { wallNow } from '../support/clock.ts';
import { makePrivateFolder } from '../support/safe-files.ts';
import { ownPath } from '../support/safe-path.ts';
import type { ChainedRecord } from './backplane.ts';
import type { Head } from './chain.ts';
import { BREAK_CODES, type BreakCode } from './chain-errors.ts';
import { EmbeddedRecords } from './embedded-records.ts';
import { openSound } from './open-database.ts';

const DATABASE = 'copy.db';
const TABLES = `
  CREATE TABLE IF NOT EXISTS broken (
    stream TEXT PRIMARY KEY, code TEXT NOT NULL, told TEXT NOT NULL, found TEXT NOT NULL, milliseconds INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS aside (
    stream TEXT NOT NULL, milliseconds INTEGER NOT NULL, sequence INTEGER NOT NULL, record TEXT NOT NULL
  );
`;

export interface Broken {
  readonly stream: string;
  readonly code: BreakCode;
  readonly told: string;
}

/** @param folder made where it is not there. @throws EnvironmentError `mesh/state-damaged` */
export function openStreamCopy(folder: string): StreamCopy {
  makePrivateFolder(ownPath(folder));
  return new StreamCopy(openSound(join(folder, DATABASE), ''));
}

export class StreamCopy {
  readonly #database: Database.Database;
  readonly #records: EmbeddedRecords;

  constructor(database: Database.Database) {
    database.exec(TABLES);
    this.#database = database;
    this.#records = new EmbeddedRecords(this.#database);
  }

  head(stream: string): Head {
    return this.#records.head(stream);
  }

  async chain(stream: string, from: number, limit: number): Promise<ChainedRecord[]> {
    return this.#records.chain(stream, from, limit);
  }

  async streams(): Promise<string[]> {
    return this.#records.streams();
  }

  /** @throws EnvironmentError `chain/differs` where they do not follow what is there */
  add(stream: string, records: readonly ChainedRecord[]): void {
    this.#records.restore(stream, records);
  }

  /** The mesh has forgotten the records before this one. */
  trim(stream: string, before: number): void {
    this.#records.trim(stream, before);
  }

  /** @param found of the stream, where it is not as it is here */
  break(
    broken: { readonly stream: string; readonly code: string; readonly told: string },
    found: readonly ChainedRecord[],
  ): void {
    this.#database
      .prepare('INSERT OR IGNORE INTO broken VALUES (?, ?, ?, ?, ?)')
      .run(broken.stream, broken.code, broken.told, JSON.stringify(found), wallNow());
  }

  broken(): Broken[] {
    const rows = this.#database.prepare('SELECT stream, code, told FROM broken ORDER BY stream').all() as Broken[];
    return rows.map(({ stream, code, told }) => ({
      ...{ stream, told },
      code: BREAK_CODES.find((each) => each === code) ?? 'chain/differs',
    }));
  }

  /** What is here of a stream goes aside, where it stays; the copy of it begins anew. */
  setAside(stream: string): void {
    this.#database.transaction(() => {
      const keep = this.#database.prepare('INSERT INTO aside VALUES (?, ?, ?, ?)');
      const now = wallNow();
      for (const record of this.#records.chain(stream, 1, Number.MAX_SAFE_INTEGER))
        keep.run(stream, now, record.sequence, JSON.stringify(record));
      this.#records.remove(stream);
      this.#database.prepare('DELETE FROM broken WHERE stream = ?').run(stream);
    })();
  }

  close(): void {
    this.#database.close();
  }
}
