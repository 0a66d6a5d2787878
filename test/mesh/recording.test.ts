/** A synchronizer's recording, gone through again: the same effects and the same state, or it is said where not. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { embeddedBackplane } from '../../runtime/backplane/embedded.ts';
import { decodePieces, EventLog, eventStream, type Limits } from '../../runtime/net/event-log.ts';
import { RECORDED_PIECE } from '../../runtime/net/recording-shapes.ts';
import { type RecordedPiece, Recording, replay } from '../../runtime/roles/recording.ts';
import { emptySynchronizer, synchronizer } from '../../runtime/roles/synchronizer.ts';
import {
  type RunState,
  type SynchronizerEvent,
  type SynchronizerState,
  storedOf,
} from '../../runtime/roles/synchronizer-state.ts';
import { type SimulationOptions, simulate } from '../../runtime/simulation/simulation.ts';
import { shapeProblem } from '../../runtime/support/shape.ts';
import { removeFolder } from '../support/remove-folder.ts';
import { chain } from './simulated.ts';

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) removeFolder(folder);
});

const CHURN = { latency: 40, jitter: 30, loss: 0.002, lives: 20_000, away: 5_000, synchronizerLives: 15_000 };

function options(seed: number, note: SimulationOptions['note']): SimulationOptions {
  const common = { nodes: 12, faults: CHURN, call: 30, until: 60_000 };
  return { deployment: chain(6, 40, 3, 10), seed, ...common, ...(note ? { note } : {}) };
}

/** As JSON keeps it. */
function kept(pieces: readonly RecordedPiece[]): RecordedPiece[] {
  return pieces.map((piece) => JSON.parse(JSON.stringify(piece)) as RecordedPiece);
}

test.each([1, 2, 3])(
  'a simulated run with kills on both sides replays to the same effects and state, seed %i',
  (seed) => {
    const recording = new Recording();
    const made: string[] = [];
    let last: SynchronizerState | undefined;
    simulate(
      options(seed, (before, event, at, step) => {
        recording.note(before, event, at, step);
        made.push(JSON.stringify(step.effects));
        last = step.state;
      }),
    );
    const pieces = kept(recording.take());
    // It was killed on the way: each life begins with a base.
    expect(pieces.length).toBeGreaterThan(1);
    const steps = [...replay(pieces)];
    expect(steps.map((s) => JSON.stringify(s.effects))).toEqual(made);
    expect(steps.filter((s) => s.difference !== undefined)).toEqual([]);
    expect(JSON.stringify(steps.at(-1)?.state)).toBe(JSON.stringify(last));
  },
);

test('an event that was changed, left out or moved is found', () => {
  const recording = new Recording();
  simulate(options(4, (...noted) => recording.note(...noted)));
  const [first] = kept(recording.take());
  if (!first) throw new Error('nothing was recorded');
  const differs = (events: RecordedPiece['events']): boolean =>
    [...replay([{ ...first, events }])].some((s) => s.difference !== undefined);
  expect(differs(first.events)).toBe(false);
  const indexOf = (is: (event: SynchronizerEvent) => boolean): number => first.events.findIndex(([, e]) => is(e));
  const ready = indexOf((e) => e.kind === 'message' && e.message.type === 'ready');
  const deploy = indexOf((e) => e.kind === 'deploy');
  const [at, event, effects] = first.events[deploy] ?? [];
  if (at === undefined || !event || effects === undefined || ready < 0) throw new Error('it has not begun');
  expect(differs(first.events.toSpliced(ready, 1))).toBe(true);
  expect(differs(first.events.toSpliced(ready, 0, [at, { kind: 'stop', run: 'chain-1' }]))).toBe(true);
  expect(differs(first.events.toSpliced(deploy, 1, [at + 1, event, effects]))).toBe(true);
});

test('events of several synchronizers are recorded, and replay', () => {
  const recording = new Recording();
  let state: SynchronizerState = { ...emptySynchronizer(0), presides: false, allotted: { version: 0, lines: {} } };
  let at = 0;
  const enter = (event: SynchronizerEvent): void => {
    at += 1;
    const step = synchronizer(state, event, at);
    recording.note(state, event, at, step);
    state = step.state;
  };
  const capability = { cores: 1, memory: 1e9, rate: 1e9, upload: 0, download: 0, machine: 'm' };
  const member = { type: 'member', name: 'ann', instance: '1'.repeat(16), capability } as const;
  enter({ kind: 'message', from: 'k', message: member, taken: true });
  const heartbeat = { type: 'heartbeat', now: 1, shards: [], refused: 0 } as const;
  const alive = { kind: 'alive', key: 'k', instance: '1'.repeat(16) } as const;
  enter({ kind: 'signs', signs: [alive, { kind: 'message', from: 'k', message: heartbeat }] });
  enter({ kind: 'deploy', deployment: chain(1, 2, 1, 1), hash: '0'.repeat(64) });
  const run = storedOf(state.runs['chain-1'] as RunState);
  enter({
    kind: 'follows',
    run: { ...run, deployment: { ...run.deployment, run: 'other' }, phase: 'waiting', owners: [] },
  });
  enter({ kind: 'allotted', version: 1, lines: { other: { term: 2, memory: { k: 7 } } } });
  enter({ kind: 'outbid', term: run.term, before: { ...run, phase: 'waiting', owners: [], term: 0 } });
  const asked = { run: 'chain-1', term: 1 };
  const audited = { ...asked, from: 0, trainer: 'k', shard: 0, call: 1, what: 'frame', why: 'so' } as const;
  enter({ kind: 'pledged', ...asked, secret: 'x' });
  enter({ kind: 'audited', ...audited, verdict: 'away' });
  enter({ kind: 'overtaken', run: 'chain-1' });
  enter({ kind: 'leads', run });
  enter({ kind: 'presides', presides: true });
  enter({ kind: 'governed', auditRate: 0.05 });
  enter({ kind: 'absent', run: 'other' });
  const pieces = kept(recording.take());
  for (const piece of pieces) expect(shapeProblem(RECORDED_PIECE, piece)).toBeUndefined();
  const steps = [...replay(pieces)];
  expect(steps).toHaveLength(13);
  expect(steps.filter((s) => s.difference !== undefined)).toEqual([]);
});

/** The events of a simulated run through an event log on a real backplane. */
async function logged(limits?: Limits): Promise<{ readonly pieces: RecordedPiece[]; readonly size: number }> {
  const folder = mkdtempSync(join(tmpdir(), 'nmc-events-'));
  folders.push(folder);
  const backplane = embeddedBackplane(folder);
  const noted: [SynchronizerState, SynchronizerEvent, number][] = [];
  simulate(options(5, (before, event, at) => noted.push([before, event, at])));
  const failures: unknown[] = [];
  let log = new EventLog(backplane, (_run, error) => failures.push(error), limits);
  for (const [i, [before, event, at]] of noted.entries()) {
    log.note(before, event, at, synchronizer(before, event, at));
    if (i % 100 === 99) await log.flush();
    // Another process, that finds what the first has left.
    if (i === Math.floor(noted.length / 2)) {
      await log.close();
      log = new EventLog(backplane, (_run, error) => failures.push(error), limits);
    }
  }
  await log.close();
  expect(failures).toEqual([]);
  const records = await backplane.read(eventStream('chain-1'), 1, 100_000);
  await backplane.close();
  const values = records.map((r) => r.value);
  // As it is after a kill in the middle of a write: half a record at the end.
  const pieces = await decodePieces(values);
  expect(await decodePieces([...values, `E${values[0]?.slice(1, 40)}`])).toEqual(pieces);
  return { pieces, size: values.reduce((sum, v) => sum + v.length, 0) };
}

test('an event log brings a run through a restart, and replays', async () => {
  const { pieces } = await logged();
  const steps = [...replay(pieces)];
  expect(steps.length).toBeGreaterThan(500);
  expect(steps.filter((s) => s.difference !== undefined)).toEqual([]);
});

test('an event log is bounded: what remains begins with a base and replays', async () => {
  const whole = await logged();
  const bounded = await logged({ kept: 40_000, part: 8_000 });
  expect(whole.size).toBeGreaterThan(80_000);
  expect(bounded.size).toBeLessThan(80_000);
  expect(bounded.pieces[0]?.base).toBeDefined();
  const steps = [...replay(bounded.pieces)];
  expect(steps.filter((s) => s.difference !== undefined)).toEqual([]);
  const last = [...replay(whole.pieces)].at(-1);
  expect(JSON.stringify(steps.at(-1)?.state)).toBe(JSON.stringify(last?.state));
});
