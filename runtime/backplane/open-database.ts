/**
 * The database of the embedded backplane, and beside it, in a file of its own, how many changes it has confirmed. A
 * write-ahead log that is lost or damaged, or a copy put back, leaves a database that opens well and knows less: the
 * count beside it shows that.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'libsql';
import { errorCode, writeFileAtomic } from '../support/atomic.ts';
import { EnvironmentError } from '../support/errors.ts';
import { ownPath } from '../support/safe-path.ts';

const SETTINGS = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA busy_timeout = 5000;
`;
const TABLES = `
  CREATE TABLE IF NOT EXISTS entry (key TEXT PRIMARY KEY, value TEXT NOT NULL, revision INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS change (one INTEGER PRIMARY KEY CHECK (one = 1), count INTEGER NOT NULL);
  INSERT INTO change VALUES (1, 0) ON CONFLICT DO NOTHING;
  CREATE TRIGGER IF NOT EXISTS entry_made AFTER INSERT ON entry BEGIN UPDATE change SET count = count + 1; END;
  CREATE TRIGGER IF NOT EXISTS entry_changed AFTER UPDATE ON entry BEGIN UPDATE change SET count = count + 1; END;
  CREATE TRIGGER IF NOT EXISTS entry_removed AFTER DELETE ON entry BEGIN UPDATE change SET count = count + 1; END;
`;
const DATABASE = 'state.db';
const COUNT = 'state.count';

export interface OpenedDatabase {
  readonly database: Database.Database;
  /** Behind each change of an entry that is durable: writes beside it how many there are. */
  confirm(): void;
  /** All of it in one file, then closed. */
  close(): void;
}

/**
 * @param acceptOlder goes on with what is there, and tells `onOlder`
 * @throws EnvironmentError `mesh/state-damaged`, `mesh/state-older`
 */
export function openDatabase(folder: string, acceptOlder: boolean, onOlder: (message: string) => void): OpenedDatabase {
  const database = openSound(join(folder, DATABASE), TABLES);
  const counted = database.prepare('SELECT count FROM change');
  const countOf = (): number => (counted.get() as { readonly count: number }).count;
  const countFile = join(folder, COUNT);
  const confirm = (): void => {
    try {
      writeFileAtomic(ownPath(countFile), `${countOf()}\n`);
    } catch (error) {
      // It lags behind then, and shows less: no reason to lose what the database has confirmed.
      if (!(error instanceof EnvironmentError)) throw error;
    }
  };
  const [found, confirmed] = [countOf(), readCount(countFile)];
  if (found < confirmed) {
    const message = `${join(folder, DATABASE)} is an older state: it has ${found} of ${confirmed} confirmed changes; its log was lost or damaged, or an older copy was restored`;
    if (!acceptOlder) {
      database.close();
      throw new EnvironmentError(
        'mesh/state-older',
        message,
        `restore ${folder} as a whole, or go on with what is there: --accept-older-state`,
      );
    }
    onOlder(message);
  }
  if (found !== confirmed) confirm();
  return {
    database,
    confirm,
    close: () => {
      database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
      database.close();
    },
  };
}

/**
 * Each commit is flushed, and what is there was looked through.
 * @throws EnvironmentError `mesh/state-damaged`
 */
export function openSound(path: string, tables: string): Database.Database {
  try {
    const database = new Database(path);
    database.exec(SETTINGS + tables);
    const { quick_check: said } = database.prepare('PRAGMA quick_check(1)').get() as { readonly quick_check: string };
    if (said === 'ok') return database;
    database.close();
    throw damaged(path, said.replace(/\s+/g, ' '));
  } catch (error) {
    if (/^SQLITE_(NOTADB|CORRUPT)/.test(errorCode(error) ?? '')) throw damaged(path, (error as Error).message);
    throw error;
  }
}

function damaged(path: string, why: string): EnvironmentError {
  return new EnvironmentError(
    'mesh/state-damaged',
    `${path} is damaged: ${why}`,
    'restore its folder from a copy, or begin anew with another --state: runs are lost then, blobs can stay',
  );
}

/** 0 where nothing was counted yet. */
function readCount(path: string): number {
  if (!existsSync(path)) return 0;
  const count = Number(readFileSync(path, 'utf8'));
  return Number.isSafeInteger(count) && count >= 0 ? count : 0;
}
