/** Damaged files: never a throw, never a hang, and whatever is accepted can be formatted. NMC_FUZZ sets how many. */
import { expect, test } from 'vitest';
import { format } from '../../compiler/1-syntax/format.ts';
import { parse } from '../../compiler/1-syntax/parse.ts';
import { renderDiagnostics } from '../../compiler/diagnostics/render.ts';
import { LISTINGS } from '../unit/syntax/listings.ts';
import { plain } from '../unit/syntax/plain.ts';
import { mutate } from './mutate.ts';
import { MAX_MILLISECONDS, processorTime } from './processor-time.ts';

const COUNT = Number(process.env.NMC_FUZZ ?? 2000);
const FIRST_SEED = Number(process.env.NMC_FUZZ_SEED ?? 1);
const TEXTS = Object.values(LISTINGS);

test('the same seed gives the same damage, and another seed gives another', () => {
  const [text = ''] = TEXTS;
  expect(mutate(text, 7)).toBe(mutate(text, 7));
  expect(new Set(Array.from({ length: 20 }, (_, i) => mutate(text, i))).size).toBeGreaterThan(15);
});

test(
  `${COUNT} damaged files are parsed or refused`,
  () => {
    let refused = 0;
    for (let seed = FIRST_SEED; seed < FIRST_SEED + COUNT; seed++) {
      const text = mutate(TEXTS[seed % TEXTS.length] ?? '', seed);
      const before = process.cpuUsage();
      try {
        if (!survives(text)) refused++;
      } catch (error) {
        throw new Error(`seed ${seed}: ${JSON.stringify(text)}`, { cause: error });
      }
      expect(processorTime(before), `seed ${seed}`).toBeLessThan(MAX_MILLISECONDS);
    }
    expect(refused).toBeGreaterThan(COUNT / 2);
  },
  60_000 + 60 * COUNT,
);

/** Whether it was accepted. */
function survives(text: string): boolean {
  const { value, diagnostics } = parse(text, 'x.pcn');
  if (value === undefined) throw new Error('no tree');
  for (const { span, reason } of diagnostics) {
    if (!(span.start >= 0 && span.start <= text.length + 1 && span.end >= span.start)) throw new Error('no place');
    if (/undefined|NaN|\[object/.test(reason)) throw new Error(reason);
  }
  if (diagnostics.some((one) => one.severity === 'error')) {
    renderDiagnostics(diagnostics, () => text);
    expect(format(text, 'x.pcn').value).toBeUndefined();
    return false;
  }
  const once = format(text, 'x.pcn').value ?? '';
  const again = parse(once, 'x.pcn');
  expect(again.diagnostics).toEqual([]);
  expect(again.value === undefined ? undefined : plain(again.value)).toEqual(plain(value));
  expect(format(once, 'x.pcn').value).toBe(once);
  return true;
}
