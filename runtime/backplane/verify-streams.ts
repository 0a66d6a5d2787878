/** Compares all copies of all streams, and says in words what differs. */
import { type ChainReader, type ComparedStream, compareStream, differenceOf } from './compare-streams.ts';

export interface CopyOfStreams {
  readonly name: string;
  readonly reader: ChainReader & { streams(): Promise<string[]> };
}

export interface StreamDifference {
  readonly stream: string;
  readonly code: 'chain/behind' | 'chain/differs';
  readonly told: string;
  readonly copies: ComparedStream['copies'];
}

export interface VerifiedStreams {
  readonly streams: number;
  /** Of all streams, as the first copy has them. */
  readonly records: number;
  readonly differences: readonly StreamDifference[];
}

/** @param copies the store first: the others may lag behind it; @param forgotten before this number it may have forgotten */
export async function verifyStreams(
  copies: readonly CopyOfStreams[],
  forgotten: (stream: string) => Promise<number>,
): Promise<VerifiedStreams> {
  const names = new Set((await Promise.all(copies.map(({ reader }) => reader.streams()))).flat());
  const differences: StreamDifference[] = [];
  let records = 0;
  for (const stream of [...names].sort()) {
    const compared = await compareStream(stream, copies);
    const [store] = compared.copies;
    if (store && store.last > 0) records += store.last - store.first + 1;
    const difference = await differenceIn(compared, forgotten);
    if (difference) differences.push(difference);
  }
  return { streams: names.size, records, differences };
}

async function differenceIn(
  compared: ComparedStream,
  forgotten: (stream: string) => Promise<number>,
): Promise<StreamDifference | undefined> {
  const { stream, copies } = compared;
  const told = differenceOf(compared, await forgotten(stream));
  if (told !== undefined) return { stream, code: 'chain/differs', told, copies };
  const [store, ...others] = copies;
  const longest = others.reduce((a, b) => (b.last > a.last ? b : a), { name: '', last: 0 });
  if (!store || store.last >= longest.last) return undefined;
  const words = `${store.name} ends at record ${store.last}, ${longest.name} has ${longest.last}`;
  return { stream, code: 'chain/behind', told: words, copies };
}
