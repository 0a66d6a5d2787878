/** Text as bytes: sample i is the i-th piece of `length` bytes, and `next` the same piece one byte later. */
import { checkGather, type Dataset, type Field } from '../dataset.ts';
import { badData } from './bad-data.ts';

/**
 * Nothing is copied before `gather`.
 * @param withNext whether `next` is there: its last byte is one behind the last piece
 */
export function textDataset(name: string, path: string, bytes: Uint8Array, length: number, withNext = true): Dataset {
  if (!Number.isInteger(length) || length < 1) throw badData(path, '', `pieces of ${length} bytes cannot be cut`);
  const samples = Math.floor((bytes.length - (withNext ? 1 : 0)) / length);
  if (samples < 1) {
    const after = withNext ? ' and the byte after it' : '';
    throw badData(path, '', `${bytes.length} bytes are too few for one piece of ${length}${after}`);
  }
  const text: Field = { name: 'text', type: 'u8', shape: [length] };
  const next: Field = { name: 'next', type: 'u8', shape: [length] };
  return {
    name,
    length: samples,
    fields: withNext ? [text, next] : [text],
    origin: path,
    gather(field, indices, out) {
      if (field !== 'text' && field !== 'next') throw new RangeError(`${name} has no field ${field}`);
      checkGather(text, indices.length, out);
      const shift = field === 'next' ? 1 : 0;
      for (let k = 0; k < indices.length; k++) {
        const index = indices[k] as number;
        if (!(index >= 0 && index < samples)) throw new RangeError(`row ${index} of ${samples}`);
        out.set(bytes.subarray(index * length + shift, (index + 1) * length + shift), k * length);
      }
    },
  };
}
