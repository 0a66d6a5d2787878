/** `nmc join` reports to the person whose machine it is. */
import { expect, test } from 'vitest';
import { JoinReport } from '../../../runtime/cli/mesh/join-report.ts';
import type { ShardNews } from '../../../runtime/net/trainer-news.ts';
import { createProgress } from '../../../runtime/support/progress.ts';

const AT = { model: 'tiny', epoch: 2, epochs: 5, batch: 40, batches: 80 };
const TRAINING: ShardNews = {
  ...{ run: 'tiny-1', shard: 1, state: 'running', reason: '', busy: 0.5, ticksPerSecond: 90 },
  at: { ...AT, samples: 0 },
};
const STILL: ShardNews = { ...TRAINING, state: 'waiting', reason: 'waits for shard 0 (b)', ticksPerSecond: 0 };

function report({ terminal }: { readonly terminal: boolean }) {
  const lines: string[] = [];
  const written: string[] = [];
  let time = 0;
  const now = (): number => time;
  const stream = { columns: 80, write: (text: string) => written.push(text) };
  const progress = createProgress({ stream, isTerminal: true, now, environment: { NO_COLOR: '1' } });
  const log = (): void => undefined;
  const join = new JoinReport('me', {
    json: false,
    version: '0.3.0',
    terminal,
    progress,
    line: (text) => lines.push(text),
    log,
    now,
  });
  /** Half a second later. */
  const beat = (...shards: readonly ShardNews[]): void => {
    time += 500;
    join.shards(shards);
  };
  return { join, lines, written, beat };
}

test('a pipe gets one line for each phase, and a shard that waits for its neighbour counts as training', () => {
  const { join, lines, beat } = report({ terminal: false });
  join.admitted('me');
  beat();
  beat({ ...TRAINING, state: 'loading', ticksPerSecond: 0 });
  beat(TRAINING);
  beat(STILL);
  beat({ ...TRAINING, at: { ...AT, samples: 640 } });
  for (let i = 0; i < 4; i++) beat(STILL);
  join.away('the mesh is going down');
  expect(lines).toEqual([
    'idle: the mesh has no shard for this machine now',
    'shard 1 of tiny-1 loads',
    'shard 1 of tiny-1 trains  epoch 2/5 40/80  busy 50 %',
    'shard 1 of tiny-1 waits for shard 0 (b)',
    'the mesh is away (the mesh is going down): waits until it is back',
  ]);
});

test('a trainer whose name was taken is told its new name', () => {
  const { join, lines } = report({ terminal: false });
  join.admitted('me-2');
  join.admitted('me-2');
  expect(lines).toEqual(['the mesh has another trainer me: this one is me-2 there']);
});

test('the version of the mesh is printed once, and what another version means', () => {
  const { join, lines } = report({ terminal: false });
  for (const mesh of [undefined, '0.3.0', '0.3.0', '0.4.0']) join.versions(mesh, '2.0');
  expect(lines).toEqual([
    'the mesh runs version 0.3.0, as this trainer does',
    expect.stringMatching(/^the mesh runs version 0\.4\.0, this trainer 0\.3\.0: .*install 0\.4\.0/),
  ]);
});

test('a terminal gets one line of at most 80 columns, which refreshes with the rate of the last seconds', () => {
  const { written, beat } = report({ terminal: true });
  const run = 'r'.repeat(60);
  beat({ ...TRAINING, run });
  beat(TRAINING);
  beat({ ...TRAINING, at: { ...AT, samples: 640 } });
  expect(written.join('')).not.toContain('\n');
  expect(written.at(-1)).toContain('shard 1 of tiny-1 trains  1,280 samples/s  epoch 2/5 40/80  busy 50 %');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what moves the cursor begins with one
  for (const text of written) expect(text.replace(/\x1b\[[0-9;]*[A-Z]|\r/g, '').length).toBeLessThan(80);
});
