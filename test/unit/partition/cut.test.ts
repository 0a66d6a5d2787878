/** The plain edge-cut mode and the format of its graphs. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { edgeCut, type Graph } from '../../../compiler/6-partition/cut/graph.ts';
import { readMetis } from '../../../compiler/6-partition/cut/metis-format.ts';
import { partitionGraph } from '../../../compiler/6-partition/cut/partition-graph.ts';

/** A grid of `side` × `side` in the METIS format. */
function grid(side: number): string {
  const lines = [`${side * side} ${2 * side * (side - 1)}`];
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++) {
      const near = [
        [x - 1, y],
        [x + 1, y],
        [x, y - 1],
        [x, y + 1],
      ] as const;
      lines.push(
        near
          .filter(([a, b]) => a >= 0 && b >= 0 && a < side && b < side)
          .map(([a, b]) => b * side + a + 1)
          .join(' '),
      );
    }
  return `${lines.join('\n')}\n`;
}

function graphOf(text: string): Graph {
  const read = readMetis(text);
  if (read.kind === 'wrong') throw new Error(`${read.line}: ${read.message}`);
  return read.graph;
}

describe('cuts', () => {
  const graph = graphOf(grid(24));

  test.each([
    [1, 0],
    [2, 24],
    [4, 48],
    [9, 110], // 96 is the least
  ])('divide a grid of 24 by 24 into %i parts across at most %i edges', (parts, most) => {
    const found = partitionGraph(graph, parts);
    expect(found.cut).toBeLessThanOrEqual(most);
    expect(found.cut).toBe(edgeCut(graph, found.part));
    expect(found.imbalance).toBeLessThanOrEqual(0.05 + 1e-9);
    expect(found.balanced).toBe(true);
    expect(new Set(found.part).size).toBe(parts);
    expect(partitionGraph(graph, parts).part).toEqual(found.part);
  });

  test('balance the weights of vertices', () => {
    const weight = Float64Array.from({ length: graph.count }, (_, v) => (v < 96 ? 5 : 1));
    const found = partitionGraph({ ...graph, weight }, 3, { seed: 1 });
    const sums = [0, 0, 0];
    for (const [v, p] of found.part.entries()) sums[p] = (sums[p] ?? 0) + (weight[v] ?? 0);
    expect(Math.max(...sums)).toBeLessThanOrEqual((1.05 * 960) / 3);
  });
});

describe('the METIS format', () => {
  test('has weights, sizes and comments', () => {
    const graph = graphOf('% a path of three\n3 2 111\n7 5 2 10\n% between\n1 6 1 10 3 20\n1 1 2 20\n');
    expect([...graph.weight]).toEqual([5, 6, 1]);
    expect([...graph.ends]).toEqual([1, 0, 2, 1]);
    expect([...graph.edge]).toEqual([10, 10, 20, 20]);
  });

  test('has empty lines for vertices without neighbours', () => {
    expect(graphOf('3 1\n2\n1\n\n').count).toBe(3);
    expect(graphOf('3 1\r\n2\r\n1\r\n\r\n').count).toBe(3);
  });

  test.each([
    ['', 1, 'no line of sizes'],
    ['3\n', 1, 'not a line of sizes'],
    ['0 0\n', 1, 'too few or too many'],
    ['2 1 7\n2\n1\n', 1, 'format 7 is unknown'],
    ['2 1 0 2\n2\n1\n', 1, '2 weights per vertex'],
    ['2 1\n2\n', 2, 'ends after 1 of 2'],
    ['2 1\n2\nx\n', 3, '"x" is not a whole number'],
    ['2 1\n2\n-1\n', 3, '"-1" is not a whole number'],
    ['2 1\n2\n3\n', 3, 'has the neighbour 3'],
    ['2 1\n1\n\n', 2, 'its own neighbour'],
    ['2 2\n2\n1\n', 1, 'the lines hold 1'],
    ['2 1\n2 2\n1\n', 3, 'more than the 1 edges'],
    ['2 2\n2 2\n1 1\n', 3, 'names the neighbour 1 twice'],
    ['3 2\n2 3\n1\n2\n', 2, 'vertex 3 does not name it'],
    ['2 1 1\n2 4\n1 5\n', 2, 'another weight'],
    ['2 1 1\n2\n1 5\n', 2, 'has no weight'],
    ['2 1 1\n2 0\n1 0\n', 2, 'has the weight 0'],
    ['% c\n2 1\n2\n1\n7 8\n', 5, 'after the last'],
    ['2 1 10\n\n1 1\n', 2, 'has no weight'],
  ])('is refused for %j at line %i: %s', (text, line, words) => {
    const read = readMetis(text);
    expect(read).toMatchObject({ kind: 'wrong', line });
    if (read.kind === 'wrong') expect(read.message).toContain(words);
  });

  test('never crashes the reader, however damaged it is', () => {
    const text = grid(5);
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.constantFrom('9', ' ', '\n', '-', 'q', ''), (at, put) => {
        const read = readMetis(text.slice(0, at) + put + text.slice(at + 1));
        if (read.kind === 'graph') expect(read.graph.count).toBeGreaterThan(0);
        else expect(read.line).toBeGreaterThan(0);
      }),
      { numRuns: 300, seed: 1 },
    );
  });
});
