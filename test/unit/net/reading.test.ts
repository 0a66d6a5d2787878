/** Records that a synchronizer or a command reads again: taken as they were written, refused by name where they differ. */
import { deflateRawSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { ask } from '../../../runtime/net/ask.ts';
import { decodePieces } from '../../../runtime/net/event-log.ts';
import { readLogEntry, readStoredRun } from '../../../runtime/net/run-shapes.ts';
import { type StoredRun, storedOf } from '../../../runtime/roles/synchronizer-state.ts';
import { simulate } from '../../../runtime/simulation/simulation.ts';
import { chain } from '../../mesh/simulated.ts';

/** A run that has ended, as its synchronizer keeps it. */
function kept(): StoredRun {
  let found: StoredRun | undefined;
  const faults = { latency: 20, jitter: 0, loss: 0 };
  simulate({
    ...{ deployment: chain(2, 4, 1, 2), nodes: 2, seed: 1, faults, call: 30, until: 60_000 },
    note: (_before, _event, _at, { state }) => {
      const [run] = Object.values(state.runs);
      if (run) found = storedOf(run);
    },
  });
  if (!found) throw new Error('there is no run');
  return JSON.parse(JSON.stringify(found)) as StoredRun;
}
const run = kept();
const damaged = expect.objectContaining({ code: 'mesh/state-damaged', message: expect.stringContaining('run/a') });

describe('the record of a run', () => {
  test('is read as it was written', () => {
    expect(run.phase).toBe('done');
    expect(readStoredRun('run/a', JSON.stringify(run))).toEqual(run);
  });

  test('is read as an older version has written it', () => {
    const { term, faults: _f, trained: _t, ...older } = run;
    const read = readStoredRun('run/a', JSON.stringify({ ...older, epoch: term }));
    expect(read).toMatchObject({ term, faults: [], trained: [] });
  });

  test.each<[string, unknown]>([
    ['no JSON', undefined],
    ['a list', [run]],
    ['a run in an unknown phase', { ...run, phase: 'thinking' }],
    ['a run without owners', { ...run, owners: undefined }],
    [
      'a snapshot whose parts are not names',
      { ...run, manifests: [{ calls: 1, parts: [7], totals: {}, milliseconds: 1 }] },
    ],
    ['a run without a deployment', { ...run, deployment: {} }],
  ])('is refused by its name: %s', (_what, value) => {
    expect(() => readStoredRun('run/a', value === undefined ? '{' : JSON.stringify(value))).toThrow(damaged);
  });

  test('has a log whose entries have an event and a time', () => {
    const entry = { event: 'start', epoch: 1, time: 5 };
    expect(readLogEntry('a', JSON.stringify(entry))).toEqual(entry);
    for (const text of ['', '3', '{"event":"start"}'])
      expect(() => readLogEntry('a', text)).toThrow(expect.objectContaining({ code: 'mesh/state-damaged' }));
  });
});

describe('a recording', () => {
  const record = (value: unknown): string => `B${deflateRawSync(JSON.stringify(value)).toString('base64')}`;

  test('whose end was cut off gives its whole entries', async () => {
    const piece = { events: [[1, { kind: 'tick' }]], state: 'abc' };
    expect(await decodePieces([record([piece]), 'Enothing'])).toEqual([piece]);
  });

  test.each([
    ['of an unknown event', [{ events: [[1, { kind: 'tock' }]], state: 'abc' }]],
    ['of an event without its fields', [{ events: [[1, { kind: 'stop' }]], state: 'abc' }]],
    ['of an unsound state', [{ base: {}, events: [], state: 'abc' }]],
    ['of something else', 3],
  ])('%s is refused', async (_what, value) => {
    await expect(decodePieces([record(value)])).rejects.toMatchObject({ code: 'mesh/answer' });
  });
});

describe('an answer', () => {
  const answering = (answer: unknown) => ({ ask: async () => answer });

  test('has the type of its question', async () => {
    const { missing } = await ask(answering({ missing: ['a'] }), { what: 'missing', blobs: ['a', 'b'] });
    expect(missing.map((name) => name.length)).toEqual([1]);
    const { until } = await ask(answering({ until: 5 }), {
      what: 'invite',
      id: 'a',
      key: 'k',
      uses: 1,
      milliseconds: 1,
    });
    expect(until + 1).toBe(6);
  });

  test.each([
    ['missing', { what: 'missing', blobs: [] }, { missing: 'all' }],
    ['gc', { what: 'gc', dryRun: true }, { removed: 0 }],
    ['expire', { what: 'expire', key: 'k', milliseconds: 1 }, { expires: '2027' }],
    ['keys', { what: 'keys', after: '' }, { keys: [{ key: 'k', role: 'king' }], invites: [], more: false }],
    ['run', { what: 'run', run: 'a' }, { ...run, manifests: {} }],
    ['stop', { what: 'stop', run: 'a' }, null],
  ] as const)('to %s is refused by name where it has another type', async (_what, question, answer) => {
    await expect(ask(answering(answer), question)).rejects.toMatchObject({ code: 'mesh/answer' });
  });
});
