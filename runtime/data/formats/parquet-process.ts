/**
 * Parquet is read by a library that trusts the counts in a file: a damaged one makes it fill memory or run on, and a
 * full heap ends the process. So it works in a process of its own, with bounded memory and time, and what a file does
 * there cannot hurt this one.
 */
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { processorSeconds } from '../../support/processor-seconds.ts';

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
  | { readonly kind: 'ready'; readonly need: Need }
  /** Not read: the process has less memory than its values may take. */
  | { readonly kind: 'larger'; readonly need: Need }
  | { readonly kind: 'values'; readonly name: string; readonly values: ParquetValues }
  | { readonly kind: 'done'; readonly rows: number }
  | { readonly kind: 'problem'; readonly problem: string };

/** Memory for reading all values, by the sizes that the file announces. */
interface Need {
  /** Bytes of the heap. */
  readonly heap: number;
  /** Seconds of processor. */
  readonly seconds: number;
}

const MEGABYTE = 1024 ** 2;
const FIRST_HEAP = 256 * MEGABYTE;
/** However much a file announces. */
const MAX_HEAP_BYTES = 8 * 1024 * MEGABYTE;

/** The program of the process: plain JavaScript, so that it starts from text on every supported Node. */
const PROGRAM = `
const zlib = require('node:zlib');
const { createRequire } = require('node:module');
const send = (message) => new Promise((resolve) => process.send(message, resolve));
process.once('disconnect', () => process.exit());
process.once('message', async ({ bytes, library, from, most, heap, maxHeap }) => {
  try {
    const { parquetMetadata, parquetRead, snappyUncompress } = await import(library);
    const file = new Uint8Array(bytes).buffer;
    const metadata = parquetMetadata(file);
    const rows = Number(metadata.num_rows);
    if (!(rows <= most)) throw new Error('it announces ' + rows + ' rows');
    const columns = metadata.row_groups.flatMap((group) => group.columns.map((column) => column.meta_data));
    const sum = (name) => columns.reduce((total, column) => total + Number(column?.[name] ?? 0), 0);
    const [unpacked, values] = [sum('total_uncompressed_size'), sum('num_values')];
    // An element of a list is a number in an array of its own; bytes lie there twice while they are unpacked.
    const need = { heap: 64 * 2 ** 20 + 3 * unpacked + 24 * values, seconds: 5 + unpacked / 2e7 + values / 2e6 };
    if (!(need.heap <= maxHeap)) throw new Error('it announces ' + values + ' values in ' + unpacked + ' bytes');
    if (need.heap > heap) return await send({ kind: 'larger', need });
    await send({ kind: 'ready', need });
    const bounded = (unpack) => (input, length) => {
      if (!(length >= 0 && length <= unpacked)) throw new Error('a page announces ' + length + ' bytes');
      const output = unpack(input, length);
      if (output.length !== length) throw new Error('a page announces ' + length + ' bytes and holds ' + output.length);
      return output;
    };
    // Piece by piece, so that what a page announces bounds what it can take. Older versions of Node have none of their own.
    const unpackZstd = bounded((input, length) => {
      const { Decompress } = createRequire(from)('fzstd');
      const output = new Uint8Array(length);
      let filled = 0;
      const stream = new Decompress((piece) => {
        if (filled + piece.length > length) throw new Error('a page announces ' + length + ' bytes and holds more');
        output.set(piece, filled);
        filled += piece.length;
      });
      stream.push(input, true);
      return output.subarray(0, filled);
    });
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
      ZSTD: zlib.zstdDecompressSync ? native(zlib.zstdDecompressSync) : unpackZstd,
    };
    // Times of day come as plain numbers, in a unit that they do not say.
    const leaves = metadata.schema.filter((element) => !element.num_children);
    const isTime = (leaf) => leaf?.logical_type?.type === 'TIME' || /^TIME_/.test(leaf?.converted_type ?? '');
    const paths = metadata.row_groups[0]?.columns.map((column) => column.meta_data?.path_in_schema ?? []) ?? [];
    const times = new Set(paths.flatMap(([name], n) => (isTime(leaves[n]) ? [name] : [])));
    const pieces = [];
    const onChunk = ({ columnName, columnData }) =>
      pieces.push([columnName, times.has(columnName) ? Array.from(columnData, () => 'a time') : columnData]);
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
  const first = await readWith(bytes, FIRST_HEAP + 3 * bytes.length);
  return 'need' in first ? ((await readWith(bytes, first.need.heap)) as ParquetReply) : first;
}

/** @returns what it needs where that is more than it was given */
async function readWith(bytes: Uint8Array, heap: number): Promise<ParquetReply | { readonly need: Need }> {
  const library = pathToFileURL(createRequire(import.meta.url).resolve('hyparquet')).href;
  const { NODE_OPTIONS: _, ...environment } = process.env;
  const child = spawn(process.execPath, [`--max-old-space-size=${Math.ceil(heap / MEGABYTE)}`, '-e', PROGRAM], {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    serialization: 'advanced',
    env: environment,
  });
  const columns = new Map<string, ParquetValues[]>();
  let endWatch = (): void => undefined;
  try {
    return await new Promise((resolve) => {
      const fail = (problem: string): void => resolve({ rows: 0, columns, problem });
      child.on('message', (message: Message) => {
        if (message.kind === 'problem') fail(message.problem);
        else if (message.kind === 'larger') resolve({ need: message.need });
        else if (message.kind === 'done') resolve({ rows: message.rows, columns });
        else if (message.kind === 'values') {
          const pieces = columns.get(message.name) ?? [];
          pieces.push(message.values);
          columns.set(message.name, pieces);
        } else endWatch = watchProcessor(child.pid, message.need.seconds, () => fail('reading it takes too long'));
      });
      child.on('error', (failure) => fail(failure.message));
      child.on('exit', () => fail('reading it takes too much memory'));
      const most = 1_000_000 + 1000 * bytes.length;
      child.send({ bytes, library, from: import.meta.url, most, heap, maxHeap: MAX_HEAP_BYTES });
    });
  } finally {
    endWatch();
    child.kill('SIGKILL');
  }
}

const LOOK_MILLISECONDS = 250;
/** Where the system does not say how much processor a process has used: so many times as long by the clock. */
const PATIENCE = 20;

/** Calls `late` once a process has used so many seconds of processor: a busy machine makes no file too long. */
function watchProcessor(pid: number | undefined, seconds: number, late: () => void): () => void {
  const began = performance.now();
  const timer = setInterval(() => {
    const used = processorSeconds(pid) ?? (performance.now() - began) / 1000 / PATIENCE;
    if (used > seconds) late();
  }, LOOK_MILLISECONDS);
  return () => clearInterval(timer);
}
