/**
 * Damaged data files of every format are refused with a UserError or read, never with another throw, and without
 * using absurd time or memory. `NMC_FUZZ=10000` for a long run; a failure prints what to write to see it again.
 */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { type Dataset, type Field, sizeOf } from '../../runtime/data/dataset.ts';
import { openDataset } from '../../runtime/data/open.ts';
import { readInput } from '../../runtime/data/read-input.ts';
import { UserError } from '../../runtime/support/errors.ts';
import { type RandomStream, stream } from '../../spec/random.ts';
import { removeFolder } from '../support/remove-folder.ts';
import { tokenizerJson } from '../support/tokenizer-json.ts';
import { cifar, greyPng, idx, npy, npyF32, npz, parquet, png } from '../unit/data/fixtures.ts';

const RUNS = Number(process.env.NMC_FUZZ ?? 300);
/** Parquet is read in a process of its own, which takes a tenth of a second to start. */
const PARQUET_RUNS = Math.ceil(RUNS / 10);
/** Of processor time: a second of work, with room for a slow machine and the start of a thread. */
const MAX_MILLISECONDS = 2_500;
const MAX_BYTES = 512 * 1024 ** 2;

const folder = mkdtempSync(join(tmpdir(), 'nmc-fuzz-'));
afterAll(() => removeFolder(folder));

const values = Array.from({ length: 64 }, (_, i) => (i * 37) % 256);
const image: Field = { name: 'image', type: 'u8', shape: [4, 4] };
const images = idx(
  [3, 28, 28],
  Array.from({ length: 3 * 784 }, (_, i) => i % 256),
);
const labels = idx([3], [1, 2, 3]);

interface Subject {
  readonly name: string;
  /** The files to write, of which one is damaged. */
  readonly files: Readonly<Record<string, Uint8Array>>;
  readonly open: (under: string) => Promise<Dataset>;
}

const fileSubject = (name: string, bytes: Uint8Array, fields?: readonly Field[]): Subject => ({
  name,
  files: { [name]: bytes },
  open: (under) =>
    openDataset(
      { source: 'file', split: '', path: join(under, name), ...(fields ? { fields } : {}), options: { length: 4 } },
      { seed: 1 },
    ),
});
const builtIn = (source: string, split: string, files: Readonly<Record<string, Uint8Array>>): Subject => ({
  name: source,
  files,
  open: (under) => openDataset({ source, split }, { seed: 1, dataDirectory: under }),
});
const textSubject = (name: string, bytes: Uint8Array, unit: string): Subject => ({
  name: `${unit} of ${name}`,
  files: { [name]: bytes },
  open: (under) =>
    openDataset(
      { source: 'text', split: 'validation', path: join(under, name), options: { window: 4, stride: 2, unit } },
      { seed: 1 },
    ),
});
const tokens = Buffer.from(JSON.stringify(tokenizerJson('To be, or not to be? ', 8)));
/** Its text cannot be damaged by what damages the file of its tokens. */
const tokenSubject: Subject = {
  name: 'tokenizer.json',
  files: { 'tokenizer.json': tokens },
  open: async (under) => {
    const path = join(under, 'book.txt');
    writeFileSync(path, 'To bé, or not to bé? 😀 '.repeat(20));
    const options = { window: 2, tokenizer: join(under, 'tokenizer.json') };
    return openDataset({ source: 'text', split: 'validation', path, options }, { seed: 1 });
  },
};
const inputSubject = (name: string, bytes: Uint8Array): Subject => ({
  name: `input ${name}`,
  files: { [name]: bytes },
  open: async (under) => (await readInput(join(under, name), [image])).dataset,
});

const numbers = Array.from({ length: 200 }, (_, i) => i % 7);
const SUBJECTS: readonly Subject[] = [
  fileSubject('a.idx', idx([4, 4, 4], values)),
  fileSubject('a.idx.gz', gzipSync(idx([4, 4, 4], values))),
  fileSubject('f.idx', idx([4, 4], values, 13)),
  fileSubject('a.npy', npyF32([4, 2], [1, 2, 3, 4, 5, 6, 7, 8])),
  fileSubject('f.npy', npy('<i4', [4, 2, 2], Uint8Array.from(values), true)),
  fileSubject('a.npz', npz({ image: npy('|u1', [4, 4, 4], Uint8Array.from(values)), y: npyF32([4], [1, 2, 3, 4]) }), [
    image,
  ]),
  fileSubject('a.csv', Buffer.from('x,y,name\n1,2.5,a\n3,4e2,b\n-5,6,"c"\n')),
  fileSubject('a.tsv', Buffer.from('x[0]\tx[1]\n1\t2\n3\t4\n')),
  fileSubject('a.jsonl', Buffer.from('{"x": [[1, 2], [3, 4]], "y": 5}\n{"x": [1, 2, 3, 4], "y": 6}\n')),
  fileSubject('a.txt', Buffer.from('To be, or not to be.')),
  fileSubject(
    'a.png',
    greyPng(4, 4, (x, y) => 16 * x + y),
  ),
  fileSubject(
    'c.png',
    png(5, 3, (x, y) => [x, y, 200, 100 + x]),
  ),
  fileSubject('plain.parquet', parquet([{ name: 'x', data: numbers, type: 'INT32' }])),
  fileSubject(
    'mixed.parquet',
    parquet([
      { name: 'x', data: numbers.map((n) => n / 2), type: 'DOUBLE' },
      { name: 'y', data: numbers.map(BigInt), type: 'INT64' },
      { name: 'z', data: numbers.map((n) => (n === 3 ? null : String(n))), type: 'STRING' },
      { name: 'p', data: numbers.map((n) => greyPng(1, 1, () => n)), type: 'BYTE_ARRAY' },
    ]),
  ),
  fileSubject(
    'pictures',
    greyPng(4, 4, (x) => x),
  ),
  inputSubject('in.npy', npy('|u1', [4, 4, 4], Uint8Array.from(values))),
  inputSubject('in.jsonl', Buffer.from('{"image": [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]}\n')),
  inputSubject('in.csv', Buffer.from('1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16\n')),
  builtIn('mnist', 'train', {
    'mnist/train-images-idx3-ubyte.gz': gzipSync(images),
    'mnist/train-labels-idx1-ubyte': labels,
  }),
  builtIn('cifar10', 'test', { 'cifar-10/test_batch.bin.gz': gzipSync(cifar(2)) }),
  builtIn('shakespeare', 'train', { 'text/tinyshakespeare.txt.gz': gzipSync('To be, or not to be. '.repeat(20)) }),
  textSubject('book.txt', Buffer.from('To bé, or not to bé? 😀 '.repeat(20)), 'characters'),
  tokenSubject,
  textSubject('book.bin', Buffer.from('To bé, or not to bé? 😀 '.repeat(20)), 'bytes'),
];

/** Damage of the kinds that happen (bits, cuts, repeats) and of the kinds that somebody makes (large numbers). */
const DAMAGE: readonly ((bytes: Buffer, at: number, r: () => number) => Buffer)[] = [
  (bytes, at, r) => set(bytes, at, (bytes[at] ?? 0) ^ (1 << Math.floor(8 * r()))),
  (bytes, at, r) => set(bytes, at, Math.floor(256 * r())),
  (bytes, at, r) => set(bytes, at, r() < 0.5 ? 0 : 255),
  (bytes, at) => bytes.subarray(0, at),
  (bytes, at, r) =>
    Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.min(bytes.length, at + 1 + Math.floor(8 * r())))]),
  (bytes, at, r) => Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.floor(at * r()))]),
  (bytes, at) => large(bytes, at, [0xff, 0xff, 0xff, 0x7f]),
  (bytes, at) => large(bytes, at, [0x7f, 0xff, 0xff, 0xff]),
  (bytes, at) => large(bytes, at, [0xff, 0xff, 0xff, 0xff, 0x0f]),
  (bytes, at, r) => Buffer.concat([bytes.subarray(0, at), text(r), bytes.subarray(at)]),
  () => Buffer.alloc(0),
];

function set(bytes: Buffer, at: number, value: number): Buffer {
  if (at < bytes.length) bytes[at] = value;
  return bytes;
}

function large(bytes: Buffer, at: number, word: readonly number[]): Buffer {
  bytes.set(word.slice(0, Math.max(0, bytes.length - at)), at);
  return bytes;
}

const WORDS = [
  '9'.repeat(400),
  '-',
  '"',
  '\n',
  '\0',
  '[',
  '{',
  ',',
  'nan',
  '1e999',
  '__proto__',
  '\ud800',
  '99999999999',
  '\x1f\x8b',
];
const text = (r: () => number): Buffer => Buffer.from(WORDS[Math.floor(WORDS.length * r())] ?? '', 'utf8');

function damage(original: Uint8Array, rng: RandomStream, run: number): Buffer {
  let counter = run * 64;
  const r = (): number => rng.uniform(counter++);
  let bytes = Buffer.from(original);
  const times = 1 + Math.floor(3 * r());
  for (let k = 0; k < times; k++) {
    const change = DAMAGE[Math.floor(DAMAGE.length * r())];
    // Headers and footers are where counts are: half of the damage goes there.
    const place = r();
    const near = Math.floor(32 * r());
    const anywhere = Math.floor(bytes.length * r());
    const at = place < 0.3 ? near : place < 0.5 ? bytes.length - near : anywhere;
    if (change) bytes = Buffer.from(change(bytes, Math.max(0, Math.min(at, bytes.length)), r));
  }
  return bytes;
}

function readEverything(dataset: Dataset): void {
  const rows = Math.min(dataset.length, 100);
  const indices = Array.from({ length: rows }, (_, i) => (i === rows - 1 ? dataset.length - 1 : i));
  for (const field of dataset.fields) {
    const length = rows * sizeOf(field);
    const out =
      field.type === 'u8'
        ? new Uint8Array(length)
        : field.type === 'i32'
          ? new Int32Array(length)
          : new Float32Array(length);
    dataset.gather(field.name, indices, out);
  }
}

describe('damaged files', () => {
  for (const subject of SUBJECTS) {
    it(`of ${subject.name} are refused with a message or read`, { timeout: 60_000 + 100 * RUNS }, async () => {
      const runs = subject.name.endsWith('.parquet') ? PARQUET_RUNS : RUNS;
      const rng = stream(7, `fuzz/${subject.name}`);
      const under = join(folder, subject.name.replace(/\W/g, '-'));
      const names = Object.keys(subject.files);
      const before = process.resourceUsage().maxRSS;
      let refused = 0;
      for (let run = 0; run < runs; run++) {
        const victim = names[run % names.length];
        let broken: Buffer | undefined;
        for (const [name, original] of Object.entries(subject.files)) {
          const bytes = name === victim ? damage(original, rng, run) : original;
          if (name === victim) broken = Buffer.from(bytes);
          mkdirSync(dirname(join(under, name)), { recursive: true });
          writeFileSync(join(under, name), bytes);
        }
        const start = process.cpuUsage();
        try {
          readEverything(await subject.open(under));
        } catch (failure) {
          refused++;
          const detail = failure instanceof Error ? failure.stack : String(failure);
          const again = `run ${run}, ${victim}, hex ${broken?.toString('hex').slice(0, 4000)}`;
          expect(failure instanceof UserError, `${detail}\n${again}`).toBe(true);
          expect(String(failure), again).toContain(victim === undefined ? '' : under);
        }
        const spent = process.cpuUsage(start);
        expect(
          (spent.user + spent.system) / 1000,
          `run ${run}: time\nhex ${broken?.toString('hex').slice(0, 4000)}`,
        ).toBeLessThan(MAX_MILLISECONDS);
      }
      expect(refused).toBeGreaterThan(runs / 20);
      expect((process.resourceUsage().maxRSS - before) * 1024, 'memory').toBeLessThan(MAX_BYTES);
    });
  }
});
