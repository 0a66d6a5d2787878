/**
 * Parquet is read by a library that trusts the counts in a file: a damaged one makes it fill memory or run on. So it
 * works in a thread of its own, with bounded memory and time, and what it does there cannot hurt this process.
 */
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';

export interface ParquetColumn {
  readonly name: string;
  /** Pieces in order: typed arrays, or arrays of numbers, booleans, nested arrays, byte arrays, objects. */
  readonly chunks: readonly ArrayLike<unknown>[];
}

/** What the thread runs; plain JavaScript, because a thread starts from text on every supported Node. */
const PROGRAM = `
const { parentPort, workerData } = require('node:worker_threads');
const zlib = require('node:zlib');
const { bytes, library, most } = workerData;
import(library).then(async ({ parquetMetadata, parquetRead, snappyUncompress }) => {
  parentPort.postMessage({ ready: true });
  const file = bytes.buffer;
  const metadata = parquetMetadata(file);
  if (Number(metadata.num_rows) > most) throw new Error('it claims ' + metadata.num_rows + ' rows');
  const bounded = (unpack) => (input, length) => {
    if (!(length >= 0 && length <= most * 16)) throw new Error('a page claims ' + length + ' bytes');
    return unpack(input, length);
  };
  const native = (unpack) => bounded((input, length) => new Uint8Array(unpack(input, { maxOutputLength: Math.max(1, length) })));
  const compressors = {
    SNAPPY: bounded((input, length) => { const out = new Uint8Array(length); snappyUncompress(input, out); return out; }),
    GZIP: native(zlib.gunzipSync),
    BROTLI: native(zlib.brotliDecompressSync),
    ...(zlib.zstdDecompressSync ? { ZSTD: native(zlib.zstdDecompressSync) } : {}),
  };
  const columns = new Map();
  const onChunk = ({ columnName, columnData }) => {
    if (!columns.has(columnName)) columns.set(columnName, []);
    columns.get(columnName).push(columnData);
  };
  await parquetRead({ file, metadata, compressors, onChunk, utf8: false });
  parentPort.postMessage({ rows: Number(metadata.num_rows), columns: [...columns].map(([name, chunks]) => ({ name, chunks })) });
}).catch((failure) => parentPort.postMessage({ problem: failure instanceof Error ? failure.message : String(failure) }));
`;

export interface ParquetReply {
  readonly rows?: number;
  readonly columns?: readonly ParquetColumn[];
  /** Why the file could not be read. */
  readonly problem?: string;
}

/** Reads all columns. Never rejects for what is in the file: that comes back as `problem`. */
export async function readParquetColumns(bytes: Uint8Array): Promise<ParquetReply> {
  const library = pathToFileURL(createRequire(import.meta.url).resolve('hyparquet')).href;
  const megabytes = Math.ceil(bytes.length / 1024 ** 2);
  const worker = new Worker(PROGRAM, {
    eval: true,
    workerData: { bytes: new Uint8Array(bytes), library, most: 1_000_000 + 1000 * bytes.length },
    resourceLimits: { maxOldGenerationSizeMb: 64 * (1 + megabytes) },
  });
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<ParquetReply>((resolve) => {
      worker.on('message', (message: ParquetReply & { ready?: boolean }) => {
        if (message.ready !== true) resolve(message);
        else timer = setTimeout(() => resolve({ problem: 'reading it takes too long' }), 1_000 + bytes.length / 500);
      });
      worker.on('error', (failure) => resolve({ problem: failure.message }));
      worker.on('exit', () => resolve({ problem: 'reading it was stopped' }));
    });
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}
