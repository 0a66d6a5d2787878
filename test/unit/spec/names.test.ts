import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  besideName,
  energyName,
  energyNode,
  fieldLeaf,
  functionRole,
  insideName,
  isOrigin,
  isValueInside,
  LANE,
  LAST,
  levelNodeName,
  linkOfLevelNode,
  linkOrigin,
  MOVE,
  memoryName,
  nodeLeaf,
  nodeOrigin,
  noiseName,
  oddSegmentName,
  parseBeside,
  parseFieldLeaf,
  parseMemory,
  parseNodeLeaf,
  parseOrigin,
  parseSized,
  parseTile,
  plainName,
  predictName,
  publicMemoryName,
  STEP,
  sampleLeaf,
  segmentName,
  servesLink,
  servesWeight,
  sizedName,
  TRAIN,
  taskOf,
  tileName,
  tileOrigin,
  valueName,
  velocityName,
  weightOrigin,
  weightServed,
} from '../../../spec/names.ts';

/** Words that names are built of, as names of a model. */
const WORDS = [
  'train',
  'predict',
  'node',
  'link',
  'weight',
  'energy',
  'memory',
  'noise',
  'in',
  'out',
  'z',
  'sum',
  'start',
];
const identifier = fc.oneof(fc.constantFrom(...WORDS), fc.stringMatching(/^[a-zA-Z_][a-zA-Z0-9_]{0,6}$/));
const part = fc.tuple(identifier, fc.option(fc.nat(30))).map(([name, i]) => (i === null ? name : `${name}[${i}]`));
/** Clusters, arrays, links, and the identity nodes that stand in links. */
const node = fc.oneof(
  fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('.')),
  fc.tuple(part, part, fc.nat(9)).map(([a, b, i]) => levelNodeName(`${a}->${b}`, i)),
);
const link = fc.tuple(node, node).map(([a, b]) => `${a}->${b}`);
/** Names that no model can have, but a plan that somebody sends. */
const anything = fc.string({ minLength: 1, unit: 'binary' });
const count = fc.nat(1000);

describe('a structured name', () => {
  test('of a function gives back its role', () => {
    expect([TRAIN, LANE, STEP, LAST, MOVE].map(functionRole)).toEqual(['train', 'lane', 'step', 'last', 'move']);
    fc.assert(
      fc.property(identifier, identifier, count, (task, stage, i) => {
        const f = predictName(task);
        expect([functionRole(f), taskOf(f)]).toEqual(['predict', task]);
        const sized = sizedName(f, i + 1);
        expect([functionRole(sized), taskOf(sized), parseSized(sized)]).toEqual(['predict', task, { f, batch: i + 1 }]);
        for (const whole of [f, TRAIN, LAST, MOVE])
          for (const segment of [
            segmentName(whole, stage, i),
            oddSegmentName(segmentName(whole, `before-${stage}`, i)),
          ])
            expect(functionRole(segment), segment).toBe('segment');
      }),
    );
    for (const name of ['', 'run', 'probe', 'trains', 'predict', 'lane'])
      expect(functionRole(name), name).toBe('other');
  });

  test('of an origin gives back its kind, its name and its tile', () => {
    const kinds = { node: nodeOrigin, link: linkOrigin, weight: weightOrigin } as const;
    fc.assert(
      fc.property(fc.constantFrom('node', 'link', 'weight'), fc.oneof(node, link), count, (kind, name, tile) => {
        const origin = kinds[kind](name);
        expect(parseOrigin(origin)).toEqual({ kind, name });
        expect(parseOrigin(tileOrigin(origin, tile))).toEqual({ kind, name, tile });
        expect(parseOrigin(tileOrigin(tileOrigin(origin, 7), tile))).toEqual({ kind, name: tileName(name, 7), tile });
        expect([isOrigin(origin), plainName(origin)]).toEqual([true, name]);
        expect([servesLink(origin), servesWeight(origin)]).toEqual([kind === 'link', kind === 'weight']);
        expect(weightServed(origin)).toBe(kind === 'weight' ? name : undefined);
      }),
    );
    for (const text of ['', 'node', 'node ', 'h1', 'nodes h1', ' node h1']) expect(isOrigin(text), text).toBe(false);
  });

  test('of a state gives back its parts', () => {
    fc.assert(
      fc.property(
        anything,
        identifier,
        node,
        fc.oneof(fc.constant(TRAIN), identifier.map(predictName)),
        count,
        (...all) => {
          const [whole, what, name, f, n] = all;
          expect(parseBeside(besideName(whole, what))).toEqual({ whole, what });
          expect(parseTile(tileName(whole, n))).toEqual({ whole, tile: n });
          expect(parseMemory(memoryName(f, name, n))).toEqual({ f, node: name, delay: n });
          expect(parseMemory(memoryName(f, whole, n))).toEqual({ f, node: whole, delay: n });
          expect(parseMemory(noiseName(f, name))).toEqual({ f, node: name });
          expect(linkOfLevelNode(levelNodeName(whole, n))).toBe(whole);
        },
      ),
    );
    expect(parseBeside('a->b.w')).toBeUndefined();
    expect(parseMemory('a->b.w:m')).toBeUndefined();
    expect(publicMemoryName({ f: TRAIN, node: 's', delay: 1 })).toBe('memory.s.1');
    expect(publicMemoryName({ f: TRAIN, node: 's' })).toBe('noise.s');
  });

  test('of a result, a carry or a leaf gives back its node', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('node', 'prediction', 'energy'),
        anything,
        identifier,
        count,
        (what, name, field, n) => {
          expect(energyNode(energyName(name))).toBe(name);
          expect(isValueInside(insideName(valueName(name)))).toBe(true);
          expect(isValueInside(insideName(velocityName(name)))).toBe(false);
          expect(parseNodeLeaf(nodeLeaf(what, name))).toEqual({ what, node: name });
          expect(parseFieldLeaf(fieldLeaf(sampleLeaf(), field))).toEqual({ field });
          expect(parseFieldLeaf(fieldLeaf(sampleLeaf(n), field))).toEqual({ field, replica: n });
        },
      ),
    );
    expect([energyNode('energies.h'), parseNodeLeaf('h'), parseFieldLeaf('sampled')]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});
