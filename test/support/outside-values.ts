/** Where texts become paths and numbers become sizes: each place is listed, so that a new one is looked at. */

/** Files that take a text for a path of this program's or the user's own, or a number for a size of what is there. */
export const TRUSTING: Readonly<Record<string, readonly string[]>> = {
  ownPath: [
    ...['backplane/blob-files.ts', 'backplane/embedded.ts', 'backplane/open-database.ts', 'cli/mesh/fetch.ts'],
    ...[
      'cli/mesh/fetch-run.ts',
      'cli/mesh/fetched-parts.ts',
      'cli/mesh/join.ts',
      'cli/mesh/serve-mesh.ts',
      'data/download.ts',
      'data/fetch-file.ts',
      'plan/scratch.ts',
      'plan/write-plan.ts',
      'plan/write-thread.ts',
      'store/create-run.ts',
    ],
    ...['backplane/give-up-move.ts', 'backplane/move-mesh.ts', 'backplane/place.ts', 'backplane/stream-copy.ts'],
    ...['store/metrics.ts', 'store/run-folder.ts', 'store/snapshots.ts'],
  ],
  ofPresent: [
    ...[
      'data/dataset.ts',
      'data/divide.ts',
      'data/fingerprint.ts',
      'data/formats/characters.ts',
      'data/formats/csv.ts',
      'data/formats/csv-column.ts',
    ],
    'data/formats/word-labels.ts',
    ...['data/formats/json-lines.ts', 'data/formats/png.ts', 'data/formats/wide-columns.ts'],
    ...['data/formats/table.ts', 'data/glyphs/sheets.ts', 'data/read-input.ts', 'data/sources/cifar10.ts'],
    ...[
      'data/sources/senses.ts',
      'net/records/entries.ts',
      'wire/codec.ts',
      'wire/evidence.ts',
      'wire/header.ts',
      'wire/pack-value.ts',
      'wire/packed-bytes.ts',
      'wire/packer.ts',
      'wire/packet-pool.ts',
      'wire/reads.ts',
      'wire/routing.ts',
    ],
  ],
};
/** Files that hold a name or a size from outside against a bound. */
export const CHECKING: Readonly<Record<string, readonly string[]>> = {
  insideFolder: ['cli/mesh/fetch.ts', 'cli/mesh/join.ts', 'net/records/record-store.ts', 'plan/write-plan.ts'],
  madeInside: ['plan/write-plan.ts', 'store/create-run.ts'],
  boundedCount: [
    ...['backplane/blob-files.ts', 'data/dataset.ts', 'data/formats/bytes.ts', 'data/formats/idx.ts'],
    'data/divide.ts',
    ...[
      'data/formats/npy-file.ts',
      'data/formats/npy.ts',
      'data/formats/parquet.ts',
      'data/formats/png.ts',
      'data/glyphs/sheets.ts',
    ],
    ...[
      'data/labels.ts',
      'data/order.ts',
      'data/sequences.ts',
      'data/sources/senses.ts',
      'data/sources/small-matrices.ts',
      'data/sources/text.ts',
    ],
    ...[
      'data/sources/tracking.ts',
      'data/statistics.ts',
      'net/data-refs.ts',
      'net/disk-columns.ts',
      'net/part-tensors.ts',
      'net/incoming-blobs.ts',
    ],
    'net/shard-data.ts',
    'net/fill-from.ts',
    'net/piece-reader.ts',
    'net/quick-messages.ts',
    'net/record-blobs.ts',
    'net/records/fill-from-record.ts',
    'wire/link-estimate.ts',
  ],
};
