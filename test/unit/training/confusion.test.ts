/** Tables of classes against hand-computed figures, and their forms. */
import { parseHTML } from 'linkedom';
import { describe, expect, it } from 'vitest';
import { classPage } from '../../../runtime/cli/training/class-page.ts';
import {
  type ClassTable,
  classChecks,
  confusionCsv,
  confusionText,
  figuresCsv,
  reportJson,
  tablesOf,
} from '../../../runtime/cli/training/class-report.ts';
import { confusionSvg } from '../../../runtime/cli/training/confusion-svg.ts';
import { memoryDataset } from '../../../runtime/data/dataset.ts';
import type { Shard } from '../../../runtime/shard/shard.ts';
import { UNWATCHED } from '../../../runtime/shard/watch.ts';
import { NOTHING } from '../../../runtime/training/compared.ts';
import { accuracyOf, figuresOf } from '../../../runtime/training/confusion.ts';
import { comparing, measured } from '../../../runtime/training/metrics.ts';
import type { Plan } from '../../../spec/plan.ts';
import { stream } from '../../../spec/random.ts';
import { tokenizerJson } from '../../support/tokenizer-json.ts';

/** Of four cats two are read as cats, one as a dog, one as a bird; no bird is there. */
const confusion = { classes: 3, counts: [2, 1, 1, 0, 3, 0, 0, 0, 0] };
const table: ClassTable = {
  ...{ read: 'classify.kind', field: 'kind', data: 'zoo.test', samples: 7, accuracy: accuracyOf(confusion) },
  ...{ classes: ['cat, wild', '<dog>', ' '], figures: figuresOf(confusion), confusion },
};
const report = {
  ...{ run: 'runs/zoo & co', model: 'zoo', task: 'fit', seed: 3, version: '1.0.0' },
  checks: [{ check: 'recall(2, classify.kind, data.zoo.test.kind) >= 0.5', value: Number.NaN, pass: false }],
  tables: [table],
};

describe('a table of classes', () => {
  it('gives the figures of each class, and none of a class that nothing is of or read as', () => {
    expect(figuresOf(confusion)).toEqual([
      { count: 4, read: 2, precision: 1, recall: 1 / 2 },
      { count: 3, read: 4, precision: 3 / 4, recall: 1 },
      { count: 0, read: 1, precision: 0, recall: null },
    ]);
    expect(accuracyOf(confusion)).toBe(5 / 7);
    expect(accuracyOf({ classes: 0, counts: [] })).toBeNull();
  });

  it('agrees with the checks of the same elements', () => {
    const rng = stream(5, 'pairs');
    const [read, right] = [0, 1000].map((from) => Int32Array.from({ length: 300 }, (_, i) => rng.bits(from + i) % 4));
    const counts = Array.from(
      { length: 16 },
      (_, cell) => Array.from(right ?? []).filter((answer, i) => answer * 4 + (read?.[i] ?? 0) === cell).length,
    );
    figuresOf({ classes: 4, counts }).forEach((figures, label) => {
      for (const metric of ['precision', 'recall'] as const) {
        const of = { metric, class: label };
        expect(figures[metric]).toBe(
          measured(of, comparing(of)(read ?? [], right ?? new Int32Array(0), NOTHING, true)),
        );
      }
    });
  });

  it('is CSV with quotes where a name needs them', () => {
    expect(confusionCsv(table)).toBe(
      'class,"cat, wild",<dog>," "\r\n"cat, wild",2,1,1\r\n<dog>,0,3,0\r\n" ",0,0,0\r\n',
    );
    expect(figuresCsv(table)).toBe(
      'class,count,read,precision,recall\r\n"cat, wild",4,2,1,0.5\r\n<dog>,3,4,0.75,1\r\n" ",0,1,0,\r\n',
    );
  });

  it('is a table of aligned columns', () => {
    expect(confusionText(table).split('\n')).toEqual([
      'kind, read as classify.kind:',
      '           cat, wild  <dog>  " "  precision   recall',
      'cat, wild          2      1    1    100.0 %   50.0 %',
      '    <dog>          0      3    0     75.0 %  100.0 %',
      '      " "          0      0    0      0.0 %        -',
      '',
    ]);
  });

  it('is a picture with a cell for each count, and shades by the share of a row', () => {
    const svg = confusionSvg(table);
    const { document } = parseHTML(`<!doctype html><html><body>${svg}</body></html>`);
    const cells = [...document.querySelectorAll('g[aria-label="cell"] rect')];
    expect(cells).toHaveLength(4);
    expect(new Set(cells.map((cell) => cell.getAttribute('fill'))).size).toBe(3);
    expect(document.querySelector('g[aria-label="text"]')?.textContent).toBe('2113');
    expect(confusionSvg(table)).toBe(svg);
    const many = Array.from({ length: 70 }, (_, label) => String(label));
    const large = { classes: 70, counts: Array.from({ length: 4900 }, (_, i) => Number(i % 71 === 0)) };
    expect(confusionSvg({ ...table, classes: many, figures: figuresOf(large), confusion: large })).not.toContain(
      '>69<',
    );
  });

  it('is a page that says which run and data, with names as they are', () => {
    const page = classPage(report, [confusionSvg(table)]);
    const { document } = parseHTML(page);
    expect(document.querySelector('h2')?.textContent).toBe('classify.kind beside kind of zoo.test');
    expect(page).toContain('runs/zoo &amp; co');
    expect(page).not.toContain('<dog>');
    const [facts, figures, counts] = [...document.querySelectorAll('table')].map((t) =>
      [...t.querySelectorAll('tr')].map((row) => [...row.children].map((cell) => cell.textContent)),
    );
    expect(facts?.[1]).toEqual(['trained', 'fit of zoo, seed 3, version 1.0.0']);
    expect(figures?.[3]).toEqual(['" "', '0', '1', '0.0 %', '–']);
    expect(counts?.[1]).toEqual(['cat, wild', '2', '1', '1']);
    expect(page).toContain('FAILS');
  });

  it('is made of each read, field and data once, and refused by name where no check compares classes', () => {
    const checkOf = (metric: string, read: string, more = {}) => ({
      metric,
      task: 'classify',
      read,
      field: 'kind',
      ...more,
    });
    const reads = [
      { name: 'kind', shape: [], scores: true },
      { name: 'y', shape: [3], scores: false },
    ];
    const planOf = (...checks: object[]) =>
      ({ model: 'zoo', predictions: [{ task: 'classify', reads }], checks }) as unknown as Plan;
    const all = [
      checkOf('mae', 'y'),
      checkOf('accuracy', 'kind'),
      checkOf('recall', 'kind'),
      checkOf('auc', 'y', { classes: 3 }),
    ];
    expect(classChecks(planOf(...all)).map(({ index }) => index)).toEqual([1, 3]);
    expect(() => classChecks(planOf(checkOf('mae', 'y')))).toThrow('no check of zoo compares classes');
  });

  it('is JSON without numbers that JSON does not have', () => {
    expect(JSON.parse(reportJson(report))).toMatchObject({
      checks: [{ value: null, pass: false }],
      tables: [
        {
          classes: [{ name: 'cat, wild', recall: 0.5 }, {}, { recall: null }],
          confusion: [
            [2, 1, 1],
            [0, 3, 0],
            [0, 0, 0],
          ],
        },
      ],
    });
  });
});

describe('classes that are tokens', () => {
  const content = Buffer.from(JSON.stringify(tokenizerJson('on on on', 1)));
  // 256 bytes, `on`, and the token that ends a text.
  const [ON, END, COUNT] = [256, 257, 258] as const;
  const labels = Int32Array.of(ON, ON, 200);
  const dataset = {
    ...memoryDataset('d', 'd', [{ field: { name: 'next', type: 'i32', shape: [] }, data: labels }]),
    vocabulary: { sha256: '', content },
  };
  const reads = [{ name: 'best', shape: [], scores: true }];
  const prediction = { task: 'p', function: 'predict.p', batch: 3, inputs: [], reads };
  const plan = { predictions: [prediction], checks: [{ metric: 'accuracy', task: 'p', read: 'best', field: 'next' }] };
  const shardOf = (best: readonly number[], score = 0): Shard => {
    const results = { best: Float32Array.from(best), 'best.scores': new Float32Array(3 * COUNT).fill(score) };
    return { run: () => Promise.resolve(results) } as unknown as Shard;
  };
  const tableOf = async (shard: Shard) =>
    (await tablesOf(plan as unknown as Plan, shard, [dataset], () => UNWATCHED))[0];

  it('are called by their texts, and parts of a character by their numbers', async () => {
    const found = await tableOf(shardOf([ON, END, 200]));
    expect([found?.classes.length, found?.classes[ON], found?.classes[END], found?.classes[200]]).toEqual([
      ...[COUNT, 'on', '<|end|>', '200'],
    ]);
    expect(found?.figures[ON]).toEqual({ count: 2, read: 1, precision: 1, recall: 1 / 2 });
    expect(found?.accuracy).toBe(2 / 3);
  });

  it('are none where scores are not finite', async () => {
    await expect(tableOf(shardOf([ON, END, 200], Number.NaN))).rejects.toMatchObject({ code: 'eval/not-finite' });
  });
});
