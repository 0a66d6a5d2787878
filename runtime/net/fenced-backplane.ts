/**
 * The backplane as the leader of runs may use it. A change of an entry names the revision that it replaces, and a record
 * the one that it follows; the next leader replaces and continues all of them before it does anything else. So what a
 * leader still writes that was stopped, and does not know that another one leads, is refused by the store, however late it
 * arrives. A number of the leadership inside the record would have to be read before, and be out of date when it counts.
 */
import type { Backplane } from '../backplane/backplane.ts';
import { chained, type Head } from '../backplane/chain.ts';
import { EnvironmentError } from '../support/errors.ts';
import { type InTurn, inTurn } from '../support/in-turn.ts';

/** Another synchronizer leads: nothing of this one counts any more. */
export class Fenced extends Error {
  override readonly name = 'Fenced';
  constructor(what: string) {
    super(`${what} was changed by another synchronizer, which leads now`);
  }
}

/** @param leads whether it still leads by its own clock */
export function fencedBackplane(backplane: Backplane, leads: () => boolean): Backplane {
  const heads = new Map<string, Head>();
  const turns = new Map<string, InTurn>();
  const assertLeads = (what: string): void => {
    if (!leads()) throw new Fenced(what);
  };
  const append = async (stream: string, value: string): Promise<number> => {
    assertLeads(stream);
    const head = heads.get(stream) ?? (await firstHead(backplane, stream, value));
    if (!heads.has(stream)) {
      heads.set(stream, head);
      return head.sequence;
    }
    const record = chained(stream, head, value);
    try {
      await backplane.restore(stream, [record]);
    } catch (error) {
      throw error instanceof EnvironmentError && error.code === 'chain/differs' ? new Fenced(stream) : error;
    }
    heads.set(stream, record);
    return record.sequence;
  };
  return {
    ...backplane,
    put: async (key, value, expected) => {
      assertLeads(key);
      return backplane.put(key, value, expected);
    },
    remove: async (key, expected) => {
      assertLeads(key);
      return backplane.remove(key, expected);
    },
    removeBlob: async (hash) => {
      assertLeads(`blob ${hash}`);
      return backplane.removeBlob(hash);
    },
    append: (stream, value) => {
      const turn = turns.get(stream) ?? inTurn();
      turns.set(stream, turn);
      return turn(() => append(stream, value));
    },
    trim: async (stream, before) => {
      assertLeads(stream);
      return backplane.trim(stream, before);
    },
  };
}

/** The first record of a leader in a stream goes behind whatever is there. */
async function firstHead(backplane: Backplane, stream: string, value: string): Promise<Head> {
  const sequence = await backplane.append(stream, value);
  const [record] = await backplane.chain(stream, sequence, 1);
  if (record?.sequence !== sequence) throw new Fenced(stream);
  return record;
}
