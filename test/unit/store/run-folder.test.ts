import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createRun } from '../../../runtime/store/create-run.ts';
import { openRun, resumeRun } from '../../../runtime/store/run-folder.ts';
import { readSafetensors } from '../../../runtime/store/safetensors.ts';
import { listSnapshots, snapshotPath } from '../../../runtime/store/snapshots.ts';
import { CONFIG, codeOf, NOON, stateAt, temporaryFolder } from './fixtures.ts';
import { parseEvents } from './parse-events.ts';

const now = (): number => NOON;
const newRun = (directory = join(temporaryFolder(), 'run')) =>
  createRun({ directory }, CONFIG, stateAt(0), { now, files: new Map([['program.txt', 'a program\n']]) });

const eventsOf = (directory: string): number[] => {
  const name = readdirSync(directory).find((entry) => entry.includes('tfevents')) ?? '';
  return parseEvents(readFileSync(join(directory, name))).map(({ step }) => step);
};

describe('createRun', () => {
  it('makes a folder that has everything, including its first snapshot', () => {
    const run = newRun();
    const names = readdirSync(run.directory).sort();
    const seconds = Math.floor(NOON / 1000);
    expect(names).toEqual([
      'README.md',
      'config.json',
      `events.out.tfevents.${seconds}.nmc`,
      'lock',
      'metrics.jsonl',
      'model.safetensors',
      'program.txt',
      'state',
    ]);
    expect(openRun(run.directory).config).toEqual(CONFIG);
    expect(run.latestSnapshot()).toEqual(stateAt(0));
    expect(run.readParameters()).toEqual(stateAt(0).parameters);
    expect(eventsOf(run.directory)).toEqual([0]);
    run.close();
    expect(readdirSync(run.directory)).not.toContain('lock');
  });

  it('numbers default folders by model and day, and never takes one that exists', () => {
    const parent = join(temporaryFolder(), 'runs');
    const names = [1, 2, 3].map(() => createRun({ parent }, CONFIG, stateAt(0), { now }).directory);
    expect(names).toEqual([1, 2, 3].map((number) => join(parent, `digits-20261122-${number}`)));
    mkdirSync(join(parent, 'digits-20261122-4'));
    expect(createRun({ parent }, CONFIG, stateAt(0), { now }).directory).toMatch(/-5$/);
    expect(readdirSync(parent).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  it('fills an empty folder, and one whose creation was killed, but no other', () => {
    const directory = temporaryFolder();
    newRun(directory).close();
    expect(codeOf(() => newRun(directory))).toBe('run/exists');
    expect(() => newRun(directory)).toThrow('already holds a run');
    rmSync(join(directory, 'config.json'));
    writeFileSync(join(directory, '.config.json.123-4.tmp'), '{');
    newRun(directory).close();
    expect(openRun(directory).latestSnapshot().update).toBe(0);

    const foreign = temporaryFolder();
    writeFileSync(join(foreign, 'thesis.tex'), 'precious');
    expect(codeOf(() => newRun(foreign))).toBe('run/exists');
    expect(codeOf(() => newRun(join(foreign, 'thesis.tex')))).toBe('run/exists');
    expect(readdirSync(foreign)).toEqual(['thesis.tex']);
  });

  it('leaves a README of the user alone', () => {
    const directory = temporaryFolder();
    writeFileSync(join(directory, 'README.md'), 'mine');
    expect(codeOf(() => newRun(directory))).toBe('run/exists');
    expect(readFileSync(join(directory, 'README.md'), 'utf8')).toBe('mine');
  });

  it('removes the hidden folder of a creation that was killed', () => {
    const parent = temporaryFolder();
    const abandoned = join(parent, '.nmc-new-1-aaaa');
    mkdirSync(abandoned);
    writeFileSync(join(abandoned, 'lock'), '');
    newRun(join(parent, 'run'));
    expect(readdirSync(parent)).toEqual(['run']);
  });
});

describe('snapshots', () => {
  it('come back as they were, keep the last two, and agree with model.safetensors', () => {
    const run = newRun();
    for (let update = 1; update <= 5; update += 1) {
      run.saveSnapshot(stateAt(update));
      expect(run.latestSnapshot()).toEqual(stateAt(update));
      expect(run.readParameters()).toEqual(stateAt(update).parameters);
    }
    expect(listSnapshots(run.directory)).toEqual([5, 4]);
    expect(readdirSync(join(run.directory, 'state'))).toHaveLength(2);
  });

  it('keep totals that are not finite numbers', () => {
    const run = newRun();
    const totals = { a: Number.NaN, b: Number.POSITIVE_INFINITY, c: 1e-310 };
    run.saveSnapshot({ ...stateAt(1), totals });
    expect(run.latestSnapshot().totals).toEqual(totals);
  });

  it('that a disk has damaged give way to the one before, with a warning', () => {
    const run = newRun();
    run.saveSnapshot(stateAt(1));
    run.saveSnapshot(stateAt(2));
    run.close();
    const path = snapshotPath(run.directory, 2);
    const bytes = readFileSync(path);
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1);
    writeFileSync(path, bytes);
    expect(openRun(run.directory).latestSnapshot()).toEqual(stateAt(1));
    const again = resumeRun(run.directory, { now });
    expect(again.resumedFrom).toEqual(stateAt(1));
    expect(again.repairs.join('\n')).toContain('going on from update 1');
    expect(again.readParameters()).toEqual(stateAt(1).parameters);
    again.saveSnapshot(stateAt(2));
    expect(listSnapshots(run.directory)).toEqual([2, 1]);
    expect(existsSync(`${path}.corrupt`)).toBe(true);
  });

  it('are an error of the user when none is sound', () => {
    const run = newRun();
    run.close();
    writeFileSync(snapshotPath(run.directory, 0), 'rubbish');
    expect(codeOf(() => resumeRun(run.directory))).toBe('run/no-snapshot');
    expect(readdirSync(run.directory)).not.toContain('lock');
  });

  it('have their weights repaired when a kill came between them', () => {
    const run = newRun();
    run.saveSnapshot(stateAt(1));
    const weights = readFileSync(join(run.directory, 'model.safetensors'));
    run.saveSnapshot(stateAt(2));
    run.close();
    writeFileSync(join(run.directory, 'model.safetensors'), weights);
    const again = resumeRun(run.directory);
    expect(again.repairs).toEqual(['model.safetensors was not of the latest snapshot and is now']);
    expect(readSafetensors(join(run.directory, 'model.safetensors')).tensors).toEqual(stateAt(2).parameters);
  });
});

describe('metrics', () => {
  it('are cut back to the snapshot, torn lines and all, in both files', () => {
    const run = newRun();
    run.finishEpoch({ epoch: 1, energy: 0.5, accuracy: 0.9, energyByNode: { h1: 0.1 } }, stateAt(1));
    run.finishEpoch({ epoch: 2, energy: 0.4, accuracy: Number.NaN }, stateAt(2));
    const before = readFileSync(join(run.directory, 'metrics.jsonl'));
    run.appendMetrics({ epoch: 3, energy: 0.3 });
    run.close();
    appendFileSync(join(run.directory, 'metrics.jsonl'), '{"epoch":4,"ene');
    expect(eventsOf(run.directory)).toEqual([0, 1, 2, 3]);
    expect(
      openRun(run.directory)
        .readMetrics()
        .map(({ epoch }) => epoch),
    ).toEqual([1, 2, 3]);

    const again = resumeRun(run.directory, { now });
    expect(again.repairs).toEqual(['metrics of 1 unsaved epoch(s) taken back']);
    expect(readFileSync(join(run.directory, 'metrics.jsonl'))).toEqual(before);
    expect(eventsOf(run.directory)).toEqual([0, 1, 2]);
    again.finishEpoch({ epoch: 3, energy: 0.25 }, stateAt(3));
    expect(again.readMetrics().map(({ epoch, energy }) => [epoch, energy])).toEqual([
      [1, 0.5],
      [2, 0.4],
      [3, 0.25],
    ]);
    expect(eventsOf(run.directory)).toEqual([0, 1, 2, 3]);
  });

  it('of a TensorBoard file with a torn record are made whole', () => {
    const run = newRun();
    run.finishEpoch({ epoch: 1, energy: 0.5 }, stateAt(1));
    run.close();
    const name = readdirSync(run.directory).find((entry) => entry.includes('tfevents')) ?? '';
    const whole = readFileSync(join(run.directory, name));
    writeFileSync(join(run.directory, name), whole.subarray(0, whole.length - 5));
    resumeRun(run.directory);
    expect(readFileSync(join(run.directory, name))).toEqual(whole);
  });

  it('take an epoch once', () => {
    const run = newRun();
    run.appendMetrics({ epoch: 1, energy: 1 });
    expect(() => run.appendMetrics({ epoch: 1, energy: 1 })).toThrow('epoch 1 after epoch 1');
  });
});

describe('opening', () => {
  it('a folder that is not a run says why', () => {
    const parent = temporaryFolder();
    writeFileSync(join(parent, 'file'), '');
    mkdirSync(join(parent, 'empty'));
    mkdirSync(join(parent, 'foreign'));
    writeFileSync(join(parent, 'foreign', 'config.json'), '{"model_type":"bert"}');
    const open = (name: string) => () => openRun(join(parent, name));
    expect(open('gone')).toThrow('no such folder');
    expect(open('file')).toThrow('it is a file');
    expect(open('empty')).toThrow('it is empty');
    expect(open('.')).toThrow('has no config.json');
    expect(open('foreign')).toThrow('not the config.json of a training run');
    for (const name of ['gone', 'file', 'empty', '.', 'foreign']) {
      expect(codeOf(open(name))).toBe('run/not-a-run');
      expect(codeOf(() => resumeRun(join(parent, name)))).toBe('run/not-a-run');
    }
    expect(readdirSync(join(parent, 'empty'))).toEqual([]);
  });

  it('a config.json that is changed, broken or newer is noticed', () => {
    const run = newRun();
    const path = join(run.directory, 'config.json');
    const text = readFileSync(path, 'utf8');
    const code = (changed: string): unknown => {
      writeFileSync(path, changed);
      return codeOf(() => openRun(run.directory));
    };
    expect(code(text.replace('a comment', 'another comment'))).toBe('run/config-corrupt');
    expect(code(text.slice(0, 50))).toBe('run/config-corrupt');
    expect(code(text.replace('"seed": 1', '"seed": "1"'))).toBe('run/config-corrupt');
    expect(code(text.replace('nmc-run-1', 'nmc-run-2'))).toBe('run/version');
  });

  it('a run is trained by one process, and read by any', () => {
    const run = newRun();
    expect(codeOf(() => resumeRun(run.directory))).toBe('run/busy');
    expect(() => resumeRun(run.directory)).toThrow(`process ${process.pid}`);
    expect(openRun(run.directory).latestSnapshot().update).toBe(0);
    run.close();
    const again = resumeRun(run.directory);
    expect(again.repairs).toEqual([]);
    run.close();
    expect(codeOf(() => resumeRun(run.directory))).toBe('run/busy');
    again.close();
  });

  it('a finished run says so', async () => {
    const run = newRun();
    run.finishEpoch({ epoch: 1, energy: 0.5, accuracy: 0.91 }, stateAt(1));
    const results = [{ metric: 'accuracy', data: 'glyphs | test', value: 0.9794, requirement: '>= 0.97', holds: true }];
    await run.finish(stateAt(1), { epochs: 1, seconds: 75, device: 'cpu', results });
    run.close();
    expect(resumeRun(run.directory).resumedFrom).toEqual({ ...stateAt(1), finished: true });
    const card = readFileSync(join(run.directory, 'README.md'), 'utf8');
    expect(card).toMatch(/^---\nlibrary_name: neuromesh\n/);
    expect(card).toContain('| accuracy | glyphs \\| test | 0.9794 | >= 0.97 | holds |');
    expect(card).toContain('1 epochs in 1 min 15 s on cpu');
    expect(card).toContain('nmc predict');
    expect(card).toContain(`\`\`\`\`\n${CONFIG.source.text.trimEnd()}\n\`\`\`\``);
    expect(readFileSync(join(run.directory, 'curve.svg'), 'utf8')).toContain('Test accuracy');
  });
});
