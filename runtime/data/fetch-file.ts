/** One file over HTTP: goes on where an earlier try stopped, checked before it takes its name. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { diskError } from '../support/atomic.ts';
import { EnvironmentError } from '../support/errors.ts';
import { moveFileSoon, openForWriting, removeFileSoon } from '../support/safe-files.ts';
import { ownPath, type SafePath } from '../support/safe-path.ts';
import type { KnownFile } from './known-sets.ts';

export interface FetchOptions {
  /** Called with the bytes that are here so far. */
  readonly onProgress?: (received: number) => void;
  /** Tries per address before the next one (default 3). */
  readonly tries?: number;
  /** Give up a try after this long without a byte (default 30,000 ms). */
  readonly stallMs?: number;
}

/**
 * Downloads to `path`; what is here of it meanwhile is `path` + `.part` and stays when the network fails.
 * EnvironmentError: `data/network` (nothing answers, 404, cut off), `data/checksum` (another file arrived), `disk/…`.
 */
export async function fetchFile(file: KnownFile, path: SafePath, options: FetchOptions = {}): Promise<void> {
  const part = ownPath(`${path}.part`);
  const problems: string[] = [];
  let mismatched = false;
  for (const url of file.urls) {
    for (let attempt = 0; attempt < (options.tries ?? 3); attempt++) {
      const outcome = await attemptFetch(file, url, part, options);
      if (outcome.done) {
        if ((await sha256Of(part)) === file.sha256) {
          await moveFileSoon(part, path);
          return;
        }
        // The partial file is useless: a try that goes on from it would fail again.
        await removeFileSoon(part);
        mismatched = true;
        problems.push(`${url}: the checksum does not agree`);
        break;
      }
      problems.push(`${url}: ${outcome.problem}`);
      if (!outcome.again) break;
    }
  }
  throw mismatched ? wrongFile(file, problems) : noNetwork(file, problems, await sizeOf(part));
}

function wrongFile(file: KnownFile, problems: readonly string[]): EnvironmentError {
  const problem = `${file.name}: the downloaded file is not the known one\n  ${unique(problems)}`;
  return new EnvironmentError('data/checksum', problem, 'try again later, or get the file elsewhere');
}

function noNetwork(file: KnownFile, problems: readonly string[], here: number): EnvironmentError {
  const kept = here > 0 ? `${here} of ${file.bytes} bytes are kept, and the same command goes on from there; or ` : '';
  return new EnvironmentError(
    'data/network',
    `${file.name} could not be downloaded\n  ${unique(problems)}`,
    `${kept}check the network, or put the file into a folder and name it with --data DIR`,
  );
}

const unique = (problems: readonly string[]): string => [...new Set(problems)].join('\n  ');

type Outcome = { readonly done: true } | { readonly done: false; readonly problem: string; readonly again: boolean };

/** One request, appended to what is there of the file. */
async function attemptFetch(file: KnownFile, url: string, part: SafePath, options: FetchOptions): Promise<Outcome> {
  const here = await sizeOf(part);
  if (here === file.bytes) return { done: true };
  const from = here < file.bytes ? here : 0;
  const abort = new AbortController();
  const stall = setTimeout(() => abort.abort(), options.stallMs ?? 30_000);
  try {
    const response = await fetch(url, {
      signal: abort.signal,
      headers: { 'accept-encoding': 'identity', ...(from > 0 ? { range: `bytes=${from}-` } : {}) },
    });
    if (!response.ok || !response.body) {
      await response.body?.cancel();
      if (response.status === 416) await removeFileSoon(part);
      const again = response.status >= 500 || response.status === 416;
      return { done: false, problem: `the server answers ${response.status} ${response.statusText}`.trim(), again };
    }
    const start = startOf(response, from);
    const received = await store(response.body, part, start, file.bytes, (bytes) => {
      stall.refresh();
      options.onProgress?.(bytes);
    });
    if (received === file.bytes) return { done: true };
    return { done: false, problem: `the connection ended after ${received} of ${file.bytes} bytes`, again: true };
  } catch (failure) {
    const disk = diskError(failure, part);
    if (disk instanceof EnvironmentError) throw disk;
    return { done: false, problem: abort.signal.aborted ? 'no data arrive' : networkReason(failure), again: true };
  } finally {
    clearTimeout(stall);
  }
}

/** Where the server begins: it may ignore the request to continue and send everything. */
function startOf(response: Response, requested: number): number {
  if (response.status !== 206) return 0;
  const range = /^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '');
  if (Number(range?.[1]) !== requested) throw new Error('the server sent another part of the file');
  return requested;
}

/** Writes from `start` on; returns the bytes that are there at the end. More than `most` is cut off: a wrong file. */
async function store(
  body: AsyncIterable<Uint8Array>,
  part: SafePath,
  start: number,
  most: number,
  onBytes: (bytes: number) => void,
): Promise<number> {
  const file = await openForWriting(part, start === 0);
  let at = start;
  try {
    for await (const chunk of body) {
      const wanted = chunk.subarray(0, most - at);
      await file.write(wanted, 0, wanted.length, at);
      at += wanted.length;
      onBytes(at);
      if (at === most) break;
    }
    await file.truncate(at);
    await file.sync();
  } finally {
    await file.close();
  }
  return at;
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch {
    return 0;
  }
}

export async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  return hash.digest('hex');
}

/** `fetch` hides the reason one level down. */
function networkReason(failure: unknown): string {
  const inner = failure instanceof Error && failure.cause instanceof Error ? failure.cause : failure;
  if (!(inner instanceof Error)) return String(inner);
  const code = 'code' in inner ? String(inner.code) : '';
  const words: Readonly<Record<string, string>> = {
    ENOTFOUND: 'its name is not found (no network?)',
    EAI_AGAIN: 'its name is not found (no network?)',
    ECONNREFUSED: 'the connection is refused',
    ECONNRESET: 'the connection is reset',
    ETIMEDOUT: 'the connection takes too long',
    UND_ERR_CONNECT_TIMEOUT: 'the connection takes too long',
    UND_ERR_SOCKET: 'the connection broke',
  };
  return words[code] ?? inner.message;
}
