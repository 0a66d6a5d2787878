/** Halves are what IEEE 754 says: each as a number, and each number as the nearest of them. */
import { expect, test } from 'vitest';
import { fromHalf, readHalves, toHalf, writeHalves } from '../../runtime/wire/half.ts';

const [INFINITE, SIGN] = [0x7c00, 0x8000];

/** By the definition. */
function meant(half: number): number {
  const [exponent, fraction] = [(half >>> 10) & 31, half & 1023];
  const magnitude = exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15);
  return half & SIGN ? -magnitude : magnitude;
}

const finite = (visit: (half: number) => void): void => {
  for (const sign of [0, SIGN]) for (let magnitude = 0; magnitude < INFINITE; magnitude++) visit(sign | magnitude);
};

test('every half is its number, and its number is that half', () => {
  const wrong: number[] = [];
  finite((half) => {
    const number = meant(half);
    if (!Object.is(fromHalf(half), number) || toHalf(number) !== half) wrong.push(half);
  });
  expect(wrong).toEqual([]);
  expect([INFINITE, INFINITE | SIGN, 0x7e00].map(fromHalf)).toEqual([Infinity, -Infinity, NaN]);
  expect([Infinity, -Infinity, NaN, 65520, -1e30].map(toHalf)).toEqual([0x7c00, 0xfc00, 0x7e00, 0x7c00, 0xfc00]);
});

test('numbers between two halves become the nearer one, and those in the middle the even one', () => {
  const wrong: number[] = [];
  const [number, word] = [new Float32Array(1), new Uint32Array(1)];
  const beside = (value: number, by: number): number => {
    number[0] = value;
    word.set(new Uint32Array(number.buffer));
    word[0] = (word[0] as number) + by;
    return new Float32Array(word.buffer)[0] as number;
  };
  for (let half = 0; half < INFINITE - 1; half++) {
    // Exact in f32: a half has 13 digits fewer.
    const middle = (meant(half) + meant(half + 1)) / 2;
    const even = half % 2 === 0 ? half : half + 1;
    if (toHalf(middle) !== even || toHalf(beside(middle, -1)) !== half || toHalf(beside(middle, 1)) !== half + 1)
      wrong.push(half);
  }
  expect(wrong).toEqual([]);
  expect([2 ** -25, 2 ** -26, 2 ** -149, -(2 ** -149), 0, -0].map(toHalf)).toEqual([0, 0, 0, SIGN, 0, SIGN]);
});

test('many numbers become what each becomes alone, of either precision', () => {
  const numbers = [0, -0, 1, -2.5, 0.1, 65504, 1e9, 6e-8, -1 / 3, 2 ** -20, Number.NaN];
  for (const values of [Float32Array.from(numbers), Float64Array.from(numbers)]) {
    const halves = new Uint16Array(8).fill(7);
    writeHalves(halves, 1, values, 2, 8);
    expect([...halves]).toEqual([7, ...numbers.slice(2, 8).map(toHalf), 7]);
    const back = new Float32Array(8);
    readHalves(halves, back);
    expect([...back]).toEqual([...halves].map(fromHalf));
  }
});
