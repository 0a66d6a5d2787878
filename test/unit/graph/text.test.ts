import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GraphTextError, parseGraph, printGraph } from '../../../compiler/4-graph/text.ts';
import { verifyGraph } from '../../../compiler/4-graph/verify.ts';
import { graphs } from '../../support/arbitrary-graph.ts';
import { chain, tanh } from '../../support/networks.ts';

describe('graph text', () => {
  test('reads back as the graph that it was written from, for any graph', () => {
    fc.assert(
      fc.property(graphs, (graph) => {
        verifyGraph(graph);
        expect(parseGraph(printGraph(graph))).toEqual(graph);
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  test('has one thing on each line', () => {
    expect(printGraph(chain([3, 2], { act: tanh }))).toMatchInlineSnapshot(`
      "graph chain
      node l0 : [3] node gaussian
        start = {"kind":"constant","value":0}
        activation = z
        energy = mul(0.5, square(sub(z, mu)))
      node l1 : [2] node gaussian
        start = {"kind":"constant","value":0}
        activation = z
        energy = mul(0.5, square(sub(z, mu)))
      link l0->l1 : l0 -> l1
        weight w : [2, 3] = {"kind":"uniform","bound":0.5773502691896258}
        weight c : [2] = {"kind":"uniform","bound":0.5773502691896258}
        body = add(reshape(matmul(reshape(source, shape=[1, 3]), transpose(w)), shape=[2]), c)
      "
    `);
  });

  test.each([
    ['node a : [2] node gaussian', 'line 1: a graph text begins with'],
    ['graph g\nstart = 1', 'line 2: is outside'],
    ['graph g\nnode a [2]', 'line 2: is not a node'],
    [
      'graph g\nnode a : [2] node gaussian\n  start = {"kind":"constant","value":0}\n  activation = y',
      'line 4: y is not a known value',
    ],
    [
      'graph g\nnode a : [2] node gaussian\n  start = {"kind":"constant","value":0}\n  activation = tanh(z',
      'line 4: , is missing',
    ],
    [
      'graph g\nnode a : [2] node gaussian\n  start = {"kind":"constant","value":0}\n  activation = tanch(z)',
      'tanch is not an operator',
    ],
    ['graph g\nnode a : [2] node gaussian\n  activation = z', 'line 2: lacks a fact'],
    ['graph g\nlink a->b : a -> b', 'line 2: begins at a, which is not a node'],
  ])('is refused with the place of the mistake: %j', (text, message) => {
    expect(() => parseGraph(text)).toThrow(GraphTextError);
    expect(() => parseGraph(text)).toThrow(message);
  });
});
