/**
 * Parquet is read by a library that trusts the counts in a file: a damaged one makes it fill memory or run on, and a
 * full heap ends the process. So it works in a process of its own, with bounded memory and time, and what a file does
 * there cannot hurt this one.
 */
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

/** Values of one column: typed arrays, or arrays of numbers, booleans, nested arrays, byte arrays, objects. */
export type ParquetValues = ArrayLike<unknown>;

export interface ParquetReply {
  /** As the file announces them. */
  readonly rows: number;
  /** Values by column, in pieces. */
  readonly columns: ReadonlyMap<string, readonly ParquetValues[]>;
  /** Why the file could not be read. */
  readonly problem?: string;
}

type Message =
  | { readonly kind: 'ready' }
  | { readonly kind: 'values'; readonly name: string; readonly values: ParquetValues }
  | { readonly kind: 'done'; readonly rows: number }
  | { readonly kind: 'problem'; readonly problem: string };

/** What the process runs: plain JavaScript, so that it starts from text on every supported Node. */
const PROGRAM = `
const zlib = require('node:zlib');
const send = (message) => new Promise((resolve) => process.send(message, resolve));
process.once('disconnect', () => process.exit());
process.once('message', async ({ bytes, library, most }) => {
  try {
    const { parquetMetadata, parquetRead, snappyUncompress } = await import(library);
    await send({ kind: 'ready' });
    const file = new Uint8Array(bytes).buffer;
    const metadata = parquetMetadata(file);
    const rows = Number(metadata.num_rows);
    if (!(rows <= most)) throw new Error('it announces ' + rows + ' rows');
    const bounded = (unpack) => (input, length) => {
      if (!(length >= 0 && length <= 16 * most)) throw new Error('a page announces ' + length + ' bytes');
      return unpack(input, length);
    };
    const native = (unpack) =>
      bounded((input, length) => new Uint8Array(unpack(input, { maxOutputLength: Math.max(1, length) })));
    const compressors = {
      SNAPPY: bounded((input, length) => {
        const out = new Uint8Array(length);
        snappyUncompress(input, out);
        return out;
      }),
      GZIP: native(zlib.gunzipSync),
      BROTLI: native(zlib.brotliDecompressSync),
      ...(zlib.zstdDecompressSync ? { ZSTD: native(zlib.zstdDecompressSync) } : {}),
    };
    const pieces = [];
    const onChunk = ({ columnName, columnData }) => pieces.push([columnName, columnData]);
    await parquetRead({ file, metadata, compressors, onChunk, utf8: false });
    for (const [name, values] of pieces) await send({ kind: 'values', name, values });
    await send({ kind: 'done', rows });
  } catch (failure) {
    await send({ kind: 'problem', problem: failure instanceof Error ? failure.message : String(failure) });
  }
});
`;

/** Reads all columns. Never rejects for what is in the file: that comes back as `problem`. */
export async function readParquetColumns(bytes: Uint8Array): Promise<ParquetReply> {
  const library = pathToFileURL(createRequire(import.meta.url).resolve('hyparquet')).href;
  const megabytes = Math.ceil(bytes.length / 1024 ** 2);
  const { NODE_OPTIONS: _, ...environment } = process.env;
  const child = spawn(process.execPath, [`--max-old-space-size=${64 * (1 + megabytes)}`, '-e', PROGRAM], {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    serialization: 'advanced',
    env: environment,
  });
  const columns = new Map<string, ParquetValues[]>();
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<ParquetReply>((resolve) => {
      const fail = (problem: string): void => resolve({ rows: 0, columns, problem });
      child.on('message', (message: Message) => {
        if (message.kind === 'problem') fail(message.problem);
        else if (message.kind === 'done') resolve({ rows: message.rows, columns });
        else if (message.kind === 'values') {
          const pieces = columns.get(message.name) ?? [];
          pieces.push(message.values);
          columns.set(message.name, pieces);
        } else timer = setTimeout(() => fail('reading it takes too long'), 1_000 + bytes.length / 500);
      });
      child.on('error', (failure) => fail(failure.message));
      child.on('exit', () => fail('reading it takes too much memory'));
      child.send({ bytes, library, most: 1_000_000 + 1000 * bytes.length });
    });
  } finally {
    clearTimeout(timer);
    child.kill('SIGKILL');
  }
}
