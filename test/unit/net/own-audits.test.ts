/** Audits of a synchronizer's own machine: what becomes of a record that does not come, and of one that does. */
import { expect, test } from 'vitest';
import type { AuditAnswer, AuditRequest } from '../../../runtime/net/auditor.ts';
import { OwnAudits } from '../../../runtime/net/own-audits.ts';
import type { AskedAudit, SynchronizerEvent } from '../../../runtime/roles/synchronizer-state.ts';
import { UserError } from '../../../runtime/support/errors.ts';
import type { StretchName } from '../../../runtime/wire/ticket.ts';
import { chain } from '../../mesh/simulated.ts';

const ASKED: AskedAudit = {
  ...{ kind: 'audit', run: 'chain-1', term: 1, from: 4, to: 6, trainer: 'ann', second: false },
  shards: [0, 2].map((shard) => ({ shard, hash: `hash ${shard}`, windows: `windows ${shard}` })),
  ...{ owners: ['ann', 'ben', 'ann'], begins: { calls: 0, hashes: [] } },
};

/** What comes of one audit. @param bring a blob, or a code of its failure */
async function outcome(bring: (shard: number) => string, answer?: AuditAnswer) {
  const [requests, tickets, letGo]: [AuditRequest[], StretchName[], string[][]] = [[], [], []];
  const event = await new Promise<SynchronizerEvent>((resolve) => {
    const audits = new OwnAudits({
      key: 'the synchronizer',
      auditor: answer && {
        audit: async (request) => {
          requests.push(request);
          return answer;
        },
      },
      records: () => ({
        issue: (stretch, bearer) => {
          tickets.push(stretch);
          return { ...stretch, bearer, expires: 0, sig: '' };
        },
        bring: async ({ key }, { shard, bearer }) => {
          expect([key, bearer]).toEqual(['the synchronizer', 'the synchronizer']);
          const blob = bring(shard);
          if (blob.includes('/')) throw new UserError(blob as 'record/away', 'it is so');
          return { blob, bytes: 1 };
        },
        bringAgain: async () => undefined,
      }),
      blob: async () => undefined,
      deployment: () => chain(3, 4, 1, 2),
      letGo: (_holder, blobs) => letGo.push([...blobs]),
      done: resolve,
    });
    audits.take(ASKED);
  });
  return { event, requests, tickets, letGo };
}

test('all records of the stretch are brought, done again, and let go', async () => {
  const answer: AuditAnswer = { verdict: 'mismatch', shard: 2, call: 5, what: 'frame' };
  const { event, requests, tickets, letGo } = await outcome((shard) => `blob ${shard}`, answer);
  const place = { kind: 'audited', run: 'chain-1', term: 1, from: 4, trainer: 'ann' };
  expect(event).toEqual({ ...place, ...answer });
  expect(tickets).toEqual([0, 2].map((shard) => ({ run: 'chain-1', shard, term: 1, from: 4 })));
  expect(requests[0]?.shards.map(({ record, windows }) => [record, windows])).toEqual([
    ['blob 0', 'windows 0'],
    ['blob 2', 'windows 2'],
  ]);
  expect(letGo).toEqual([['blob 0', 'blob 2']]);
});

test.each([
  ['record/missing', 'undelivered', 'it is so'],
  ['record/away', 'away', undefined],
  ['record/later', 'away', 'it is so'],
  ['mesh/busy', 'away', undefined],
  ['mesh/run', 'inconclusive', 'it is so'],
] as const)(
  'where a record does not come (%s) the outcome is %s, and what came before it is let go',
  async (code, verdict, why) => {
    const bring = (shard: number): string => (shard === 2 ? code : 'blob');
    const { event, letGo } = await outcome(bring, { verdict: 'match' });
    expect(event).toMatchObject({ verdict, ...(why === undefined ? {} : { why }) });
    expect('why' in event).toBe(why !== undefined);
    expect(letGo).toEqual([['blob']]);
  },
);

test('a synchronizer that does nothing again says so', async () => {
  expect((await outcome(() => 'blob')).event).toMatchObject({ verdict: 'inconclusive' });
});
