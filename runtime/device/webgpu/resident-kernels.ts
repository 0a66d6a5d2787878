/**
 * Rows of a data set between a batch and the buffer that keeps them all. Rows of bytes that are not whole words are kept
 * with the last word filled up, so that each row has words of its own; in a batch they follow each other closely. A data
 * set that is larger than one binding lies in parts of whole rows: each launch is for the rows of one part, and leaves
 * the others alone.
 */

const head = (batchAccess: string, keptAccess: string): string => `override row_bytes: u32;
override row_words: u32;
override batch_rows: u32;
override first_row: u32;
override part_rows: u32;
@group(0) @binding(0) var<storage, read> rows: array<u32>;
@group(0) @binding(1) var<storage, ${keptAccess}> kept: array<u32>;
@group(0) @binding(2) var<storage, ${batchAccess}> batch: array<u32>;`;

const main = (total: string, body: string): string => `@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {
  let at = (group.y * groups.x + group.x) * 64u + thread;
  if (at >= ${total}) { return; }
${body}
}`;

const TAKE = head('read_write', 'read');
const KEEP = head('read', 'read_write');

/** `take` picks a batch by number, `keep` puts one where its rows belong. */
export const RESIDENT_KERNELS = {
  words: {
    take: `${TAKE}
${main(
  'batch_rows * row_words',
  `  let row = rows[at / row_words] - first_row;
  if (row < part_rows) { batch[at] = kept[row * row_words + at % row_words]; }`,
)}`,
    keep: `${KEEP}
${main(
  'batch_rows * row_words',
  `  let row = rows[at / row_words] - first_row;
  if (row < part_rows) { kept[row * row_words + at % row_words] = batch[at]; }`,
)}`,
  },
  bytes: {
    take: `${TAKE}
${main(
  '(batch_rows * row_bytes + 3u) / 4u',
  `  var word = batch[at];
  for (var i = 0u; i < 4u; i++) {
    let source = at * 4u + i;
    if (source >= batch_rows * row_bytes) { break; }
    let column = source % row_bytes;
    let row = rows[source / row_bytes] - first_row;
    if (row >= part_rows) { continue; }
    let byte = (kept[row * row_words + column / 4u] >> (8u * (column % 4u))) & 255u;
    word = (word & ~(255u << (8u * i))) | (byte << (8u * i));
  }
  batch[at] = word;`,
)}`,
    keep: `${KEEP}
${main(
  'batch_rows * row_words',
  `  let row = at / row_words;
  let there = rows[row] - first_row;
  if (there >= part_rows) { return; }
  let first = at % row_words * 4u;
  var word = 0u;
  for (var i = 0u; i < 4u; i++) {
    if (first + i >= row_bytes) { break; }
    let source = row * row_bytes + first + i;
    let byte = (batch[source / 4u] >> (8u * (source % 4u))) & 255u;
    word |= byte << (8u * i);
  }
  kept[there * row_words + at % row_words] = word;`,
)}`,
  },
} as const;
