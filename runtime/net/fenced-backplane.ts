/**
 * The backplane as the leader of runs may use it. A change of an entry names the revision that it replaces, and a record
 * the one that it follows; the next leader replaces and continues all of them before it does anything else. So what a
 * leader still writes that was stopped, and does not know that another one leads, is refused by the store, however late it
 * arrives. A number of the leadership inside the record would have to be read before, and be out of date when it counts.
 */
import type { Backplane } from '../backplane/backplane.ts';
import { chained, EMPTY, type Head } from '../backplane/chain.ts';
import { EnvironmentError } from '../support/errors.ts';
import { inTurnBy } from '../support/in-turn.ts';

/** Another synchronizer leads: nothing of this one counts any more. */
export class Fenced extends Error {
  override readonly name = 'Fenced';
  constructor(what: string) {
    super(`${what} was changed by another synchronizer, which leads now`);
  }
}

export interface FencedBackplane extends Backplane {
  /** Looks where a stream ends: nothing may follow it from now on but what is written here. */
  meet(stream: string): Promise<void>;
  /** The stream is continued by another one. */
  part(stream: string): void;
}

/** @param leads whether it still leads by its own clock what that key, stream or blob belongs to */
export function fencedBackplane(backplane: Backplane, leads: (what: string) => boolean): FencedBackplane {
  const heads = new Map<string, Head>();
  const turn = inTurnBy();
  const assertLeads = (what: string): void => {
    if (!leads(what)) throw new Fenced(what);
  };
  const append = async (stream: string, value: string): Promise<number> => {
    assertLeads(stream);
    const head = heads.get(stream) ?? (await headOf(backplane, stream));
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
    meet: async (stream) => {
      heads.set(stream, await headOf(backplane, stream));
    },
    part: (stream) => {
      heads.delete(stream);
    },
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
    append: (stream, value) => turn(stream, () => append(stream, value)),
    trim: async (stream, before) => {
      assertLeads(stream);
      return backplane.trim(stream, before);
    },
  };
}

/** The last record of a stream: looked for in steps that double, and then between two of them. */
async function headOf(reader: Pick<Backplane, 'chain'>, stream: string): Promise<Head> {
  const at = async (sequence: number): Promise<Head | undefined> => (await reader.chain(stream, sequence, 1))[0];
  let last = await at(1);
  if (!last) return EMPTY;
  let beyond: number | undefined;
  for (let step = 1; beyond === undefined || beyond - last.sequence > 1; step *= 2) {
    const probe: number = beyond === undefined ? last.sequence + step : Math.floor((last.sequence + beyond) / 2);
    const found = await at(probe);
    if (found) last = found;
    else beyond = probe;
  }
  return last;
}
