/** Synchronizers that run say where their copies of the streams end, when they are asked, and are held to the store. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { parsedJson } from '../support/parsed-json.ts';
import { count, flag, follows, list, object, text } from '../support/shape.ts';
import type { Backplane } from './backplane.ts';
import type { Head } from './chain.ts';
import type { ChainReader } from './compare-streams.ts';
import type { StreamCopy } from './stream-copy.ts';
import type { StreamDifference } from './verify-streams.ts';

const ASKED = 'heads-asked';
const TOLD = 'heads';
/** A busy one begins to answer within this, and goes on. */
const WAIT_MS = 1_500;
/** The last of its answers is not waited for any longer. */
const MAX_WAIT_MS = 30_000;
/** Streams in one message. */
const PAGE = 500;

const HEAD = object({ stream: text, sequence: count, hash: text });
const ANSWER = object({ question: text, name: text, heads: list(HEAD), last: flag });

/** Of one synchronizer. */
export interface ToldHeads {
  readonly name: string;
  readonly heads: ReadonlyMap<string, Head>;
  /** It has said all of it. */
  readonly isWhole: boolean;
}

/** @param name of this process, for people. @returns what ends it */
export function answerHeads(
  backplane: Pick<Backplane, 'publish' | 'subscribe'>,
  copy: StreamCopy,
  name: string,
): () => void {
  const answer = async (question: string): Promise<void> => {
    const streams = await copy.streams();
    for (let at = 0; at === 0 || at < streams.length; at += PAGE) {
      const heads = streams.slice(at, at + PAGE).map((stream) => ({ stream, ...copy.head(stream) }));
      const last = at + PAGE >= streams.length;
      await backplane.publish(TOLD, JSON.stringify({ question, name, heads, last }));
    }
  };
  // Who asked hears less then, and says so.
  return backplane.subscribe(ASKED, (question) => void answer(question).catch(() => undefined));
}

/** By their names, of all that answer. */
export async function askHeads(
  backplane: Pick<Backplane, 'publish' | 'subscribe'>,
  waitMs = WAIT_MS,
): Promise<readonly ToldHeads[]> {
  const question = randomUUID();
  const told = new Map<string, { heads: Map<string, Head>; isWhole: boolean }>();
  const end = backplane.subscribe(TOLD, (message) => {
    const answer = parsedJson(message);
    if (!follows(ANSWER, answer) || answer.question !== question) return;
    const known = told.get(answer.name) ?? { heads: new Map<string, Head>(), isWhole: false };
    for (const { stream, sequence, hash } of answer.heads) known.heads.set(stream, { sequence, hash });
    known.isWhole = answer.last;
    told.set(answer.name, known);
  });
  try {
    await backplane.publish(ASKED, question);
    await sleep(waitMs);
    for (let waited = 0; waited < MAX_WAIT_MS && [...told.values()].some((t) => !t.isWhole); waited += waitMs)
      await sleep(waitMs);
  } finally {
    end();
  }
  return [...told].map(([name, of]) => ({ name, ...of })).sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** @param forgotten before this number the store may have forgotten a stream */
export async function headDifferences(
  store: ChainReader,
  { name, heads }: ToldHeads,
  forgotten: (stream: string) => Promise<number>,
): Promise<readonly StreamDifference[]> {
  const differences: StreamDifference[] = [];
  for (const [stream, { sequence, hash }] of heads) {
    const [kept] = await store.chain(stream, sequence, 1);
    if (kept?.sequence === sequence && kept.hash === hash) continue;
    if (kept && kept.sequence > sequence && (await forgotten(stream)) > sequence) continue;
    const copies = [{ name, first: 0, last: sequence, hash }];
    if (!kept)
      differences.push({
        stream,
        copies,
        code: 'chain/behind',
        told: `nats ends before record ${sequence} of ${name}`,
      });
    else if (kept.sequence > sequence)
      differences.push({ stream, copies, code: 'chain/differs', told: `record ${sequence} of ${name} is missing` });
    else
      differences.push({ stream, copies, code: 'chain/differs', told: `record ${sequence} is another one in ${name}` });
  }
  return differences;
}
