/** Copies of one stream, record by record: what each of them has, and where they part. */
import type { ChainedRecord } from './backplane.ts';
import { chainProblem, EMPTY, type Head } from './chain.ts';

/** Records read at a time. */
const PAGE = 256;

export interface ChainReader {
  chain(stream: string, from: number, limit: number): Promise<ChainedRecord[]>;
}

export interface NamedCopy {
  readonly name: string;
  readonly reader: ChainReader;
}

export interface ComparedCopy {
  readonly name: string;
  /** 0 where there is none. */
  readonly first: number;
  readonly last: number;
  /** Of the last one. */
  readonly hash: string;
  /** Of the chain alone, without the other copies. */
  readonly problem?: string;
}

export interface ComparedStream {
  readonly stream: string;
  readonly copies: readonly ComparedCopy[];
  /** Where two of them have different records, and how many there are. */
  readonly parts?: { readonly at: number; readonly records: number };
}

/**
 * What is wrong with a stream whose first copy is the store's; nothing where one of them only has more.
 * @param forgotten what the store has before this number may be missing
 */
export function differenceOf({ copies, parts }: ComparedStream, forgotten: number): string | undefined {
  const [store, ...others] = copies;
  if (parts) return `record ${parts.at} is not the same in all copies`;
  const damaged = copies.find(({ problem }) => problem !== undefined);
  if (damaged) return `${damaged.problem} (${damaged.name})`;
  const first = store?.first ?? 0;
  const earlier = others.filter((copy) => copy.first > 0 && copy.first < first);
  return first > forgotten && earlier.length > 0 ? `records before ${first} are missing` : undefined;
}

interface Walk {
  readonly name: string;
  readonly records: AsyncIterator<ChainedRecord>;
  next: ChainedRecord | undefined;
  first: number;
  head: Head;
  problem: string | undefined;
}

export async function compareStream(stream: string, copies: readonly NamedCopy[]): Promise<ComparedStream> {
  const walks = await Promise.all(copies.map((copy) => begin(stream, copy)));
  let [at, records] = [0, 0];
  for (;;) {
    const sequence = Math.min(...walks.map((w) => w.next?.sequence ?? Number.POSITIVE_INFINITY));
    if (sequence === Number.POSITIVE_INFINITY) break;
    const here = walks.filter((w) => w.next?.sequence === sequence);
    if (new Set(here.map((w) => w.next && `${w.next.hash}${w.next.previous}${w.next.value}`)).size > 1) {
      at ||= sequence;
      records++;
    }
    for (const walk of here) await step(stream, walk);
  }
  return {
    stream,
    copies: walks.map(({ name, first, head, problem }) => ({
      ...{ name, first, last: head.sequence, hash: head.hash },
      ...(problem === undefined ? {} : { problem }),
    })),
    ...(records > 0 ? { parts: { at, records } } : {}),
  };
}

async function begin(stream: string, { name, reader }: NamedCopy): Promise<Walk> {
  const records = recordsOf(reader, stream);
  const next = (await records.next()).value ?? undefined;
  return { name, records, next, first: next?.sequence ?? 0, head: EMPTY, problem: undefined };
}

async function step(stream: string, walk: Walk): Promise<void> {
  const record = walk.next;
  if (!record) return;
  // The first one may follow others that were forgotten.
  const behind = walk.head.sequence > 0 || record.sequence === 1 ? walk.head : undefined;
  walk.problem ??= chainProblem(stream, record, behind);
  walk.head = { sequence: record.sequence, hash: record.hash };
  walk.next = (await walk.records.next()).value ?? undefined;
}

/** In their order, all that are there. */
export async function* recordsOf(reader: ChainReader, stream: string): AsyncGenerator<ChainedRecord, undefined> {
  for (let from = 1; ; ) {
    const page = await reader.chain(stream, from, PAGE);
    let last = 0;
    for (const record of page) {
      yield record;
      last = record.sequence;
    }
    // A store that gives the same again would have no end.
    if (last < from) return undefined;
    from = last + 1;
  }
}
