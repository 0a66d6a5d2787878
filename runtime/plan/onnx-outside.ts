/**
 * ONNX graphs may name other files to take tensors from (TensorProto.external_data): a plan's are never allowed to. The
 * messages are walked as protobuf, without building anything.
 */

/** For each message of onnx.proto, the fields that may lead to a tensor, and where to. */
const FIELDS: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  model: { 7: 'graph', 20: 'training', 25: 'function' },
  training: { 1: 'graph', 2: 'graph' },
  function: { 7: 'node', 11: 'attribute' },
  graph: { 1: 'node', 5: 'tensor', 15: 'sparse' },
  node: { 5: 'attribute' },
  attribute: { 5: 'tensor', 6: 'graph', 10: 'tensor', 11: 'graph', 22: 'sparse', 23: 'sparse' },
  sparse: { 1: 'tensor', 2: 'tensor' },
};
const EXTERNAL_DATA = 13;
const MOST_DEPTH = 64;

/** @returns true too for bytes that are no protobuf message */
export function readsOutside(model: Uint8Array): boolean {
  return leadsOutside(model, 0, model.length, 'model', 0);
}

function leadsOutside(bytes: Uint8Array, from: number, end: number, message: string, depth: number): boolean {
  if (depth > MOST_DEPTH) return true;
  let at = from;
  while (at < end) {
    const [tag, afterTag] = varint(bytes, at, end);
    const field = Math.floor(tag / 8);
    if (message === 'tensor' && field === EXTERNAL_DATA) return true;
    const next = afterValue(bytes, afterTag, end, tag % 8);
    if (!(next.end <= end)) return true;
    const inner = FIELDS[message]?.[field];
    if (inner !== undefined && tag % 8 === 2 && leadsOutside(bytes, next.from, next.end, inner, depth + 1)) return true;
    at = next.end;
  }
  return false;
}

/** Where the content of a value begins and ends; an end that is NaN is no value. */
function afterValue(bytes: Uint8Array, at: number, end: number, wireType: number): { from: number; end: number } {
  switch (wireType) {
    case 0:
      return { from: at, end: varint(bytes, at, end)[1] };
    case 1:
      return { from: at, end: at + 8 };
    case 2: {
      const [length, from] = varint(bytes, at, end);
      return { from, end: from + length };
    }
    case 5:
      return { from: at, end: at + 4 };
    default:
      return { from: at, end: Number.NaN };
  }
}

/** @returns the number (inexact beyond 2^53, which only makes it too long) and where it ends: NaN if nowhere */
function varint(bytes: Uint8Array, at: number, end: number): [number, number] {
  let value = 0;
  let scale = 1;
  for (let i = at; i < end && i < at + 10; i++) {
    const byte = bytes[i] as number;
    value += (byte % 128) * scale;
    scale *= 128;
    if (byte < 128) return [value, i + 1];
  }
  return [0, Number.NaN];
}
