/** Interrupting and going on: whatever the moment, the weights are those of a training that nobody disturbed. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readSnapshot } from '../../runtime/store/snapshots.ts';
import { hashes, jsonLines, nmc, type Outcome, temporaryFolder, writeTiny } from '../support/nmc.ts';

const folder = temporaryFolder();
const model = writeTiny(folder, { epochs: 4, batch: 4 });

/** The newest snapshot's place. */
function position(run: string): { epoch: number; batch: number; finished: boolean } {
  const newest =
    readdirSync(join(folder, run, 'state'))
      .sort()
      .at(-1) ?? '';
  const { epoch, batch, finished } = readSnapshot(join(folder, run), Number(/\d+/.exec(newest)?.[0])).state;
  return { epoch, batch, finished };
}

/** Results that must not depend on interruptions. */
function results(run: string): unknown {
  const rows = readFileSync(join(folder, run, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n');
  const measured = rows.map((line) => {
    const { epoch, energy, accuracy, energyByNode } = JSON.parse(line) as Record<string, unknown>;
    return { epoch, energy, accuracy, energyByNode };
  });
  return { weights: hashes(join(folder, run))['model.safetensors'], measured };
}

/** Ctrl-C when `event` has been seen `count` times, and `wait` milliseconds later. */
function interruptAfter(args: readonly string[], event: string, count: number, wait: number): Promise<Outcome> {
  let seen = 0;
  return nmc([...args, '--json'], {
    cwd: folder,
    onLine: (line, child) => {
      if (!line.startsWith(`{"event":"${event}"`) || ++seen !== count) return;
      setTimeout(() => child.kill('SIGINT'), wait);
    },
  });
}

describe.each([
  { device: 'cpu', limit: '600' },
  { device: 'reference', limit: '80' },
])('on the $device device', ({ device, limit }) => {
  const begin = ['train', model, '--limit', limit, '--device', device];

  test('an interrupted training ends with the bits of an undisturbed one', async () => {
    // One after the other, so that the interruption meets this training alone.
    expect((await nmc([...begin, '--out', `whole-${device}`, '--json'], { cwd: folder })).code).toBe(0);
    const run = `broken-${device}`;
    const first = await interruptAfter([...begin, '--out', run], 'start', 1, 0);
    expect(first.code, first.stderr).toBe(130);
    expect(jsonLines(first).at(-1)).toEqual({ event: 'interrupted', out: run });
    const places = [position(run)];
    // Within the epochs, right behind one, and near the end.
    for (const [event, count, wait] of [
      ['start', 1, 40],
      ['epoch', 1, 0],
      ['epoch', 1, 30],
    ] as const) {
      const outcome = await interruptAfter(['train', '--resume', run], event, count, wait);
      if (outcome.code === 130) places.push(position(run));
      expect([0, 130]).toContain(outcome.code);
    }
    expect((await nmc(['train', '--resume', run, '--json'], { cwd: folder })).code).toBe(0);
    expect(results(run)).toEqual(results(`whole-${device}`));
    expect(position(run)).toMatchObject({ epoch: 4, batch: 0, finished: true });
    expect(places.length).toBeGreaterThan(1);
    if (device === 'cpu') expect(places.some(({ batch }) => batch > 0)).toBe(true);
  });

  test('resuming a finished run changes no file and exits with 0', async () => {
    const run = `whole-${device}`;
    const before = hashes(join(folder, run));
    const outcome = await nmc(['train', '--resume', run, '--json'], { cwd: folder });
    expect(outcome.code).toBe(0);
    expect(jsonLines(outcome).map((line) => line.event)).toEqual(['done']);
    expect(hashes(join(folder, run))).toEqual(before);
    const shown = await nmc(['train', '--resume', run], { cwd: folder });
    expect(shown).toMatchObject({ code: 0, stderr: '' });
    expect(shown.stdout).toContain(`${run} is finished (4 epochs); nothing was changed`);
  });
});

test('the message for people says how to resume, and its command works', async () => {
  let told = false;
  const outcome = await nmc(['train', model, '--limit', '600', '--out', 'told'], {
    cwd: folder,
    onError: (text, child) => {
      if (told || !text.includes('epoch  1/4')) return;
      told = true;
      child.kill('SIGINT');
    },
  });
  expect(outcome.code).toBe(130);
  expect(outcome.stderr).toContain('stopping after this batch; press again to stop at once');
  const command = /go on with: nmc (.+)$/m.exec(outcome.stdout)?.[1]?.split(' ') ?? [];
  expect(command).toEqual(['train', '--resume', 'told']);
  expect((await nmc(command, { cwd: folder })).code).toBe(0);
});

test('the second Ctrl-C ends the process at once, and what was saved before can be resumed', async () => {
  // Large enough that a batch takes longer than two signals.
  const slow = join(folder, 'slow');
  const big = ['--set', 'hidden=3000', '--batch', '3000', '--limit', '3000', '--epochs', '1'];
  let sent = 0;
  const outcome = await nmc(['train', model, ...big, '--out', slow], {
    cwd: folder,
    onLine: (line, child) => {
      if (line.startsWith('run ')) setTimeout(() => child.kill('SIGINT'), 100);
    },
    onError: (text, child) => {
      if (text.includes('press again to stop at once') && sent++ === 0) child.kill('SIGINT');
    },
  });
  // Ended by the signal itself, for which shells report 130.
  expect(outcome.signal).toBe('SIGINT');
  expect(outcome.stdout).not.toContain('saved ');
  const resumed = await interruptAfter(['train', '--resume', slow], 'start', 1, 0);
  expect(resumed.code).toBe(130);
});

test('more epochs of a finished run are those of a longer training', async () => {
  // The other task's rate knows the end of the training, and would begin to move earlier.
  const begin = ['train', model, 'ipc', '--limit', '80', '--device', 'reference', '--json'];
  expect((await nmc([...begin, '--epochs', '3', '--out', 'long'], { cwd: folder })).code).toBe(0);
  expect((await nmc([...begin, '--epochs', '1', '--out', 'grown'], { cwd: folder })).code).toBe(0);
  const grow = ['train', '--resume', 'grown', '--json', '--epochs', '+2'];
  const grown = jsonLines(await nmc(grow, { cwd: folder }));
  expect(grown.filter(({ event }) => event === 'epoch').map(({ epoch }) => epoch)).toEqual([2, 3]);
  expect(results('grown')).toEqual(results('long'));
  const again = jsonLines(await nmc(['train', '--resume', 'grown', '--json'], { cwd: folder }));
  expect(again.map(({ event }) => event)).toEqual(['done']);
  const anew = await nmc([...begin, '--epochs', '+2', '--out', 'none'], { cwd: folder });
  expect([anew.code, jsonLines(anew)[0]?.code]).toEqual([2, 'usage/resume']);
});

test('an option that belongs to the run cannot be given again', async () => {
  for (const extra of [
    [model],
    ['--epochs', '9'],
    ['--seed', '2'],
    ['--set', 'hidden=3'],
    ['--probe'],
    ['--ahead', '1'],
  ]) {
    const outcome = await nmc(['train', '--resume', 'whole-cpu', '--json', ...extra], { cwd: folder });
    expect(outcome.code).toBe(2);
    expect(jsonLines(outcome)).toMatchObject([{ event: 'error', code: 'usage/resume' }]);
  }
});

test('two processes cannot train one run', async () => {
  let second: Promise<Outcome> | undefined;
  const first = await nmc(['train', model, '--limit', '600', '--out', 'shared', '--json'], {
    cwd: folder,
    onLine: (line, child) => {
      if (!line.startsWith('{"event":"epoch"') || second) return;
      child.kill('SIGSTOP');
      second = nmc(['train', '--resume', 'shared', '--json'], { cwd: folder });
      second.finally(() => child.kill('SIGCONT'));
    },
  });
  expect(first.code).toBe(0);
  const refused = await second;
  expect(refused?.code).toBe(2);
  expect(refused && jsonLines(refused)).toMatchObject([{ event: 'error', code: 'run/busy' }]);
});
