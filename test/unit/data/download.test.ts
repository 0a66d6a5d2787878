import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { createGzip } from 'node:zlib';
import { pack } from 'tar-stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type DownloadProgress, getDataset, listDatasets } from '../../../runtime/data/download.ts';
import { KNOWN_SETS, type KnownFile, type KnownSet } from '../../../runtime/data/known-sets.ts';
import { temporaryFolder } from './fixtures.ts';

const root = temporaryFolder();
const content = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * i) % 251));
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

type Answer = (request: IncomingMessage, response: ServerResponse) => void;
let server: Server;
let requests: { range: string | undefined }[] = [];
let answer: Answer;
let folderNumber = 0;
let directory = '';

beforeEach(async () => {
  requests = [];
  directory = join(root, String(folderNumber++));
  server = createServer((request, response) => {
    requests.push({ range: request.headers.range });
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const address = (path = 'data.bin'): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}/${path}`;

function setOf(file: Partial<KnownFile>): readonly KnownSet[] {
  const known = { name: 'data.bin', urls: [address()], bytes: content.length, sha256: sha256(content), ...file };
  return [{ name: 'toy-set', folder: 'toy', title: 'for tests', files: [known] }];
}
const get = (sets: readonly KnownSet[], onProgress?: (p: DownloadProgress) => void) =>
  getDataset('toy-set', directory, onProgress, { sets, tries: 2, stallMs: 2_000 });
const files = (): string[] => readdirSync(join(directory, 'toy')).sort();
const keepPart = (bytes: Uint8Array): void => {
  mkdirSync(join(directory, 'toy'), { recursive: true });
  writeFileSync(join(directory, 'toy', 'data.bin.part'), bytes);
};

/** A server that knows ranges, as most do. */
const ranged: Answer = (request, response) => {
  const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
  const partial = request.headers.range !== undefined;
  response.writeHead(partial ? 206 : 200, {
    'content-length': content.length - from,
    ...(partial ? { 'content-range': `bytes ${from}-${content.length - 1}/${content.length}` } : {}),
  });
  response.end(content.subarray(from));
};

describe('getDataset', () => {
  it('downloads, reports and leaves nothing else behind', async () => {
    answer = ranged;
    const seen: DownloadProgress[] = [];
    const result = await get(setOf({}), (progress) => seen.push(progress));
    expect(result).toEqual({ folder: join(directory, 'toy'), files: ['data.bin'] });
    expect(readFileSync(join(directory, 'toy', 'data.bin')).equals(content)).toBe(true);
    expect(files()).toEqual(['data.bin']);
    expect(seen.at(-1)).toEqual({ file: 'data.bin', received: content.length, total: content.length });
    expect(seen.map((p) => p.received)).toEqual(seen.map((p) => p.received).sort((a, b) => a - b));
    expect((await listDatasets(directory, setOf({})))[0]).toMatchObject({ name: 'toy-set', present: true });
  });

  it('leaves files alone that are there, packed or not', async () => {
    answer = ranged;
    mkdirSync(join(directory, 'toy'), { recursive: true });
    writeFileSync(join(directory, 'toy', 'data.bin.gz'), 'mine');
    expect((await get(setOf({}))).files).toEqual([]);
    expect(requests).toEqual([]);
  });

  it('goes on where it stopped', async () => {
    answer = ranged;
    keepPart(content.subarray(0, 100_000));
    await get(setOf({}));
    expect(requests).toEqual([{ range: 'bytes=100000-' }]);
    expect(readFileSync(join(directory, 'toy', 'data.bin')).equals(content)).toBe(true);
  });

  it('begins again where the server knows no ranges, or the local part is too long', async () => {
    answer = (_, response) => response.end(content);
    keepPart(content.subarray(0, 100_000));
    await get(setOf({}));
    expect(readFileSync(join(directory, 'toy', 'data.bin')).equals(content)).toBe(true);
    directory = join(root, 'too-long');
    keepPart(Buffer.concat([content, content]));
    await get(setOf({}));
    expect(readFileSync(join(directory, 'toy', 'data.bin')).equals(content)).toBe(true);
  });

  it('goes on by itself when the connection breaks', async () => {
    answer = (request, response) => {
      if (request.headers.range !== undefined) return ranged(request, response);
      response.writeHead(200, { 'content-length': content.length });
      response.write(content.subarray(0, 50_000), () => setTimeout(() => response.destroy(), 50));
    };
    await get(setOf({}));
    expect(requests).toEqual([{ range: undefined }, { range: 'bytes=50000-' }]);
    expect(readFileSync(join(directory, 'toy', 'data.bin')).equals(content)).toBe(true);
  });

  it('keeps what it has when the connection breaks for good', async () => {
    answer = (_, response) => {
      response.writeHead(200, { 'content-length': content.length });
      response.write(content.subarray(0, 50_000), () => setTimeout(() => response.destroy(), 50));
    };
    await expect(get(setOf({}))).rejects.toMatchObject({
      name: 'EnvironmentError',
      code: 'data/network',
      repair: expect.stringContaining('50000 of 300000 bytes are kept'),
    });
    expect(files()).toEqual(['data.bin.part']);
  });

  it('refuses a file with another hash and keeps nothing of it', async () => {
    answer = (_, response) => response.end(Buffer.alloc(content.length));
    await expect(get(setOf({}))).rejects.toMatchObject({ name: 'EnvironmentError', code: 'data/checksum' });
    expect(files()).toEqual([]);
  });

  it('recovers from a damaged beginning at the second address', async () => {
    answer = ranged;
    keepPart(Buffer.alloc(1000));
    await get(setOf({ urls: [address('a'), address('b')] }));
    expect(requests).toEqual([{ range: 'bytes=1000-' }, { range: undefined }]);
  });

  it('stops at the known size', async () => {
    answer = (_, response) => response.end(Buffer.concat([content, content]));
    await get(setOf({}));
    expect(readFileSync(join(directory, 'toy', 'data.bin')).length).toBe(content.length);
  });

  it('takes the next address after a 404 and tells of all when none serves', async () => {
    answer = (request, response) => {
      if (request.url === '/good') return ranged(request, response);
      response.writeHead(404);
      response.end('gone');
    };
    await get(setOf({ urls: [address('bad'), address('good')] }));
    directory = join(root, 'none');
    await expect(get(setOf({ urls: [address('bad'), address('worse')] }))).rejects.toMatchObject({
      code: 'data/network',
      message: expect.stringMatching(/bad: the server answers 404[\s\S]*worse: the server answers 404/),
    });
  });

  it('says so where no server listens or nothing arrives', async () => {
    const sets = setOf({});
    await new Promise((resolve) => server.close(resolve));
    await expect(get(sets)).rejects.toMatchObject({
      name: 'EnvironmentError',
      code: 'data/network',
      message: expect.stringContaining('the connection is refused'),
      repair: expect.stringContaining('check the network'),
    });
  });

  it('gives up on a server that falls silent', async () => {
    answer = (_, response) => {
      response.writeHead(200, { 'content-length': content.length });
      response.write(content.subarray(0, 1000));
    };
    const options = { sets: setOf({}), tries: 1, stallMs: 100 };
    await expect(getDataset('toy-set', directory, undefined, options)).rejects.toThrow('no data arrive');
  });

  it('takes the members out of an archive', async () => {
    const tar = pack();
    for (const name of ['cifar/readme.html', 'cifar/a.bin', '../../b.bin']) tar.entry({ name }, `content of ${name}`);
    tar.finalize();
    const archive = await buffer(tar.pipe(createGzip()));
    answer = (_, response) => response.end(archive);
    const known = { name: 'x.tar.gz', bytes: archive.length, sha256: sha256(archive) };
    await get(setOf({ ...known, members: ['a.bin', 'b.bin'] }));
    expect(files()).toEqual(['a.bin', 'b.bin']);
    expect(readFileSync(join(directory, 'toy', 'a.bin'), 'utf8')).toBe('content of cifar/a.bin');
    expect(existsSync(join(directory, '..', '..', 'b.bin'))).toBe(false);
    directory = join(root, 'incomplete');
    await expect(get(setOf({ ...known, members: ['c.bin'] }))).rejects.toMatchObject({ code: 'data/archive' });
  });

  it('knows which data sets there are', async () => {
    await expect(getDataset('imagenet', directory)).rejects.toMatchObject({ name: 'UserError', code: 'data/unknown' });
    const names = (await listDatasets(directory)).map(({ name, present }) => `${name} ${present}`);
    expect(names).toEqual(['mnist false', 'fashion-mnist false', 'cifar-10 false', 'shakespeare false']);
    for (const file of KNOWN_SETS.flatMap((set) => set.files)) {
      expect(file.sha256).toMatch(/^[0-9a-f]{64}$/);
      expect(file.bytes).toBeGreaterThan(0);
      for (const url of file.urls) expect(URL.canParse(url)).toBe(true);
    }
  });
});
