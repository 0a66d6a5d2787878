/** Tests that every backplane has to pass. */
import { createHash } from 'node:crypto';
import { beforeEach, expect, test } from 'vitest';
import type { Backplane, ChainedRecord } from '../../runtime/backplane/backplane.ts';
import { chained, chainProblem, EMPTY } from '../../runtime/backplane/chain.ts';

export interface Subject {
  /** A fresh one. */
  open(): Promise<Backplane>;
  /** The same again, as another process finds it after a kill: nothing was closed. */
  reopen(): Promise<Backplane>;
}

export function backplaneSuite(subject: Subject): void {
  let backplane: Backplane;
  beforeEach(async () => {
    backplane = await subject.open();
    return () => backplane.close();
  });

  test('a key is made once and changed only from its present revision', async () => {
    expect(await backplane.get('run/a')).toBeUndefined();
    expect(await backplane.put('run/a', 'one', 0)).toBe(1);
    expect(await backplane.put('run/a', 'two', 0)).toBeUndefined();
    expect(await backplane.put('run/a', 'two', 1)).toBe(2);
    expect(await backplane.put('run/a', 'three', 1)).toBeUndefined();
    expect(await backplane.get('run/a')).toEqual({ key: 'run/a', value: 'two', revision: 2 });
    expect(await backplane.remove('run/a', 1)).toBe(false);
    expect(await backplane.remove('run/a', 2)).toBe(true);
    expect(await backplane.get('run/a')).toBeUndefined();
  });

  test('one of many changes to the same revision wins', async () => {
    await backplane.put('k', '-', 0);
    const won = await Promise.all(Array.from({ length: 50 }, (_, i) => backplane.put('k', String(i), 1)));
    expect(won.filter((revision) => revision !== undefined)).toEqual([2]);
    expect((await backplane.get('k'))?.value).toBe(String(won.indexOf(2)));
  });

  test('keys are listed in order by their prefix', async () => {
    for (const key of ['run/b', 'run/a', 'runs', 'role/x', 'run/%']) await backplane.put(key, key, 0);
    expect((await backplane.list('run/')).map((e) => e.key)).toEqual(['run/%', 'run/a', 'run/b']);
  });

  test('blobs are kept once, by their content', async () => {
    const bytes = Uint8Array.from({ length: 300_000 }, (_, i) => i % 251);
    const hash = await backplane.putBlob(bytes);
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
    expect(await backplane.putBlob(bytes.slice())).toBe(hash);
    expect(Buffer.from((await backplane.getBlob(hash)) ?? []).equals(bytes)).toBe(true);
    expect(await backplane.hasBlob(hash)).toBe(true);
    const missing = hash.replace(/^./, (c) => (c === '0' ? '1' : '0'));
    expect(await backplane.hasBlob(missing)).toBe(false);
    for (const name of [missing, '../../state.db', '', 'x'.repeat(64)])
      expect(await backplane.getBlob(name)).toBeUndefined();
  });

  test('a blob comes and goes in pieces, and is kept when it is whole and matches its name', async () => {
    const bytes = Uint8Array.from({ length: 700_000 }, (_, i) => (i * 7) % 251);
    const hash = createHash('sha256').update(bytes).digest('hex');
    const sink = await backplane.writeBlob(hash, bytes.length);
    sink.write(bytes.subarray(0, 300_000));
    expect(await backplane.hasBlob(hash)).toBe(false);
    sink.write(bytes.subarray(300_000));
    expect(() => sink.write(Uint8Array.of(1))).toThrow();
    expect(await sink.finish()).toBe(true);
    const source = await backplane.readBlob(hash);
    const pieces: Uint8Array[] = [];
    for (let piece = await source?.next(); piece; piece = await source?.next()) pieces.push(piece.slice());
    await source?.close();
    expect(source?.bytes).toBe(bytes.length);
    expect(Math.max(...pieces.map((p) => p.length))).toBeLessThan(bytes.length);
    expect(Buffer.concat(pieces).equals(bytes)).toBe(true);

    const [short, wrong, left] = [0, 1, 2].map((i) => createHash('sha256').update(String(i)).digest('hex'));
    const tooShort = await backplane.writeBlob(String(short), 5);
    tooShort.write(Uint8Array.of(1));
    expect(await tooShort.finish()).toBe(false);
    const other = await backplane.writeBlob(String(wrong), 1);
    other.write(Uint8Array.of(9));
    expect(await other.finish()).toBe(false);
    const abandoned = await backplane.writeBlob(String(left), 1);
    abandoned.write(Uint8Array.of(50));
    abandoned.abandon();
    expect((await backplane.listBlobs()).map((b) => b.hash)).toEqual([hash]);
    expect(await backplane.readBlob(String(left))).toBeUndefined();
  });

  test('blobs are listed, touched and removed', async () => {
    const [a, b] = [await backplane.putBlob(Uint8Array.of(1)), await backplane.putBlob(Uint8Array.of(2, 3))];
    const listed = await backplane.listBlobs();
    expect(listed.map(({ hash, bytes }) => [hash, bytes]).sort()).toEqual(
      [
        [a, 1],
        [b, 2],
      ].sort(),
    );
    const before = listed.find((k) => k.hash === a)?.touched ?? 0;
    expect(await backplane.touchBlob(a)).toBe(true);
    expect((await backplane.listBlobs()).find((k) => k.hash === a)?.touched).toBeGreaterThanOrEqual(Math.floor(before));
    const source = await backplane.readBlob(b);
    const gone = backplane.removeBlob(b);
    expect(await backplane.hasBlob(b)).toBe(false);
    await gone;
    expect(await backplane.touchBlob(b)).toBe(false);
    // Whoever has begun to read it reads it to its end.
    expect(await source?.next()).toEqual(Uint8Array.of(2, 3));
    await source?.close();
    await backplane.removeBlob(b);
    expect(await backplane.putBlob(Uint8Array.of(2, 3))).toBe(b);
    expect(await backplane.hasBlob(b)).toBe(true);
  });

  test('a stream numbers its records without gaps and independently of other streams', async () => {
    const sequences = await Promise.all(Array.from({ length: 20 }, (_, i) => backplane.append('log', `r${i}`)));
    expect([...sequences].sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    expect(await backplane.append('other', 'x')).toBe(1);
    const page = await backplane.read('log', 4, 3);
    expect(page.map((r) => r.sequence)).toEqual([4, 5, 6]);
    expect(page[0]?.value).toBe(`r${sequences.indexOf(4)}`);
    expect(await backplane.read('log', 21, 3)).toEqual([]);
  });

  test('a stream forgets its first records, up to all but the last, and counts on', async () => {
    for (const value of ['a', 'b', 'c', 'd']) await backplane.append('log', value);
    await backplane.append('other', 'x');
    await backplane.trim('log', 3);
    expect(await backplane.read('log', 1, 9)).toEqual([
      { sequence: 3, value: 'c' },
      { sequence: 4, value: 'd' },
    ]);
    await backplane.trim('log', 9);
    expect(await backplane.read('log', 1, 9)).toEqual([{ sequence: 4, value: 'd' }]);
    expect(await backplane.append('log', 'e')).toBe(5);
    expect(await backplane.read('other', 1, 9)).toHaveLength(1);
    await backplane.trim('nothing', 5);
  });

  test('records of a stream are a chain of hashes, which what is forgotten does not break', async () => {
    for (const value of ['a', 'b', 'c']) await backplane.append('log/\u00e4', value);
    await backplane.append('other', 'a');
    const all = await backplane.chain('log/\u00e4', 1, 9);
    expect(all.map((record, i) => chainProblem('log/\u00e4', record, all[i - 1] ?? EMPTY))).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(new Set(all.map((r) => r.hash)).size).toBe(3);
    expect((await backplane.chain('other', 1, 9))[0]?.hash).not.toBe(all[0]?.hash);
    await backplane.trim('log/\u00e4', 2);
    await backplane.append('log/\u00e4', 'd');
    const left = await backplane.chain('log/\u00e4', 1, 9);
    expect(left.slice(0, 2)).toEqual(all.slice(1));
    expect(left[2]).toMatchObject({ sequence: 4, previous: all[2]?.hash });
    expect(await backplane.streams()).toEqual(['log/\u00e4', 'other']);
  });

  test('records of another place are taken over with their numbers, and only where they follow', async () => {
    const kept: ChainedRecord[] = [];
    for (const value of ['c', 'd', 'e'])
      kept.push(chained('log', kept.at(-1) ?? { sequence: 2, hash: 'f'.repeat(64) }, value));
    const [c, d, e] = kept as [ChainedRecord, ChainedRecord, ChainedRecord];
    await backplane.restore('log', [c, d]);
    await expect(backplane.restore('log', [d])).rejects.toMatchObject({ code: 'chain/differs' });
    await expect(backplane.restore('log', [{ ...e, value: 'x' }])).rejects.toMatchObject({ code: 'chain/differs' });
    await backplane.restore('log', [e]);
    expect(await backplane.chain('log', 1, 9)).toEqual(kept);
    expect(await backplane.append('log', 'f')).toBe(6);
    expect((await backplane.chain('log', 6, 1))[0]?.previous).toBe(e.hash);
  });

  test('writes that were confirmed survive a kill, and streams go on from there', async () => {
    await backplane.put('k', 'v', 0);
    const hash = await backplane.putBlob(Uint8Array.of(1, 2, 3));
    await backplane.append('log', 'a');
    const again = await subject.reopen();
    expect(await again.get('k')).toMatchObject({ value: 'v', revision: 1 });
    expect(await again.put('k', 'w', 1)).toBe(2);
    expect(await again.hasBlob(hash)).toBe(true);
    expect(await again.append('log', 'b')).toBe(2);
    await again.close();
  });

  test('messages reach all listeners, and none that has stopped', async () => {
    const [one, two]: [string[], string[]] = [[], []];
    const stop = backplane.subscribe('s', (m) => one.push(m));
    backplane.subscribe('s', (m) => two.push(m));
    await backplane.publish('s', 'a');
    await backplane.publish('t', 'b');
    stop();
    await backplane.publish('s', 'c');
    await expect.poll(() => two).toEqual(['a', 'c']);
    expect(one).toEqual(['a']);
  });
}
