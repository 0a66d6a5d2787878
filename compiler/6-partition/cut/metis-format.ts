/** The text format of METIS 5 (manual, section 4.1): a line of sizes, then a line for each vertex. */
import type { Graph } from './graph.ts';

export type MetisText =
  | { readonly kind: 'graph'; readonly graph: Graph }
  /** @property line from 1 */
  | { readonly kind: 'wrong'; readonly line: number; readonly message: string; readonly repair: string };

class Wrong extends Error {
  readonly line: number;
  readonly repair: string;
  constructor(line: number, message: string, repair: string) {
    super(message);
    this.line = line;
    this.repair = repair;
  }
}

/**
 * `VERTICES EDGES [FORMAT [CONSTRAINTS]]`, FORMAT three digits: vertex sizes (read, not used), vertex weights, edge
 * weights. Lines that begin with % are comments. Of several weights a vertex, only one constraint is understood.
 */
export function readMetis(text: string): MetisText {
  try {
    return { kind: 'graph', graph: parse(text) };
  } catch (error) {
    if (!(error instanceof Wrong)) throw error;
    return { kind: 'wrong', line: error.line, message: error.message, repair: error.repair };
  }
}

interface Header {
  /** Where it stands, from 1. */
  readonly line: number;
  readonly vertices: number;
  readonly edges: number;
  readonly sizes: boolean;
  readonly vertexWeights: boolean;
  readonly edgeWeights: boolean;
}

/** Above all numbers of a file. */
const MAX_NUMBER = 2 ** 30;
const COUNTED_ONCE = 'each edge stands at both of its ends and counts once';

function parse(text: string): Graph {
  const lines = scanLines(text);
  const first = lines.next();
  if (!first) throw new Wrong(1, 'the file has no line of sizes', 'begin with the numbers of vertices and edges');
  const header = readHeader(scanNumbers(text, first), first.number);
  const { vertices, edges } = header;
  const rows: Rows = {
    start: new Int32Array(vertices + 1),
    ends: new Int32Array(2 * edges),
    edge: new Float64Array(2 * edges).fill(1),
    weight: new Float64Array(vertices).fill(1),
    size: 0,
  };
  const lineOf = new Int32Array(vertices);
  for (let v = 0; v < vertices; v++) {
    const line = lines.next();
    if (!line)
      throw new Wrong(
        lines.count(),
        `the file ends after ${v} of ${vertices} vertices`,
        'add a line for each vertex, an empty one where it has no neighbours',
      );
    lineOf[v] = line.number;
    readVertex(v, scanNumbers(text, line), line.number, header, rows);
    rows.start[v + 1] = rows.size;
  }
  checkEnd(lines.next(), header, rows);
  const { start, ends, edge, weight } = rows;
  const graph = { count: vertices, start, ends, edge, weight };
  checkSymmetric(graph, lineOf);
  return graph;
}

/** A graph whose vertices are read one after the other. */
interface Rows extends Omit<Graph, 'count'> {
  /** Entries of `ends` so far. */
  size: number;
}

function readVertex(v: number, numbers: readonly number[], line: number, header: Header, rows: Rows): void {
  const { vertices, edges, sizes, vertexWeights, edgeWeights } = header;
  const missing = `the format of line ${header.line} says that each has one`;
  let i = sizes ? 1 : 0;
  if (vertexWeights) {
    const w = numbers[i++];
    if (w === undefined) throw new Wrong(line, `vertex ${v + 1} has no weight`, missing);
    rows.weight[v] = w;
  }
  for (; i < numbers.length; i += edgeWeights ? 2 : 1) {
    const u = numbers[i] as number;
    const w = edgeWeights ? numbers[i + 1] : 1;
    if (u < 1 || u > vertices)
      throw new Wrong(
        line,
        `vertex ${v + 1} has the neighbour ${u}; there are ${vertices} vertices`,
        'count vertices from 1',
      );
    if (u === v + 1) throw new Wrong(line, `vertex ${u} is its own neighbour`, 'leave loops out');
    if (w === undefined) throw new Wrong(line, `the edge to ${u} has no weight`, missing);
    if (w < 1) throw new Wrong(line, `the edge to ${u} has the weight ${w}`, 'weights of edges are 1 or more');
    if (rows.size === rows.ends.length)
      throw new Wrong(line, `there are more than the ${edges} edges that line ${header.line} names`, COUNTED_ONCE);
    rows.ends[rows.size] = u - 1;
    rows.edge[rows.size++] = w;
  }
}

/** @param more what stands after the line of the last vertex */
function checkEnd(more: Line | undefined, { line, vertices, edges }: Header, { size, ends }: Rows): void {
  if (more && more.from < more.to)
    throw new Wrong(
      more.number,
      `there is a line after the last of ${vertices} vertices`,
      `line ${line} names the number of vertices`,
    );
  if (size !== ends.length) throw new Wrong(line, `it names ${edges} edges, the lines hold ${size / 2}`, COUNTED_ONCE);
}

function readHeader(numbers: readonly number[], line: number): Header {
  const [vertices, edges, format = 0, constraints = 1] = numbers;
  const repair = 'write VERTICES EDGES [FORMAT [CONSTRAINTS]], as the METIS manual does';
  if (vertices === undefined || edges === undefined || numbers.length > 4)
    throw new Wrong(line, 'this is not a line of sizes', repair);
  if (vertices < 1 || vertices >= MAX_NUMBER || edges >= MAX_NUMBER)
    throw new Wrong(line, `${vertices} vertices and ${edges} edges are too few or too many`, 'from 1 to 2^30');
  const digits = String(format).padStart(3, '0');
  if (!/^[01]{3}$/.test(digits))
    throw new Wrong(
      line,
      `the format ${format} is unknown`,
      'three digits of 0 or 1: sizes, weights of vertices, weights of edges',
    );
  if (constraints !== 1)
    throw new Wrong(line, `${constraints} weights per vertex`, 'only one weight per vertex is supported');
  return {
    line,
    vertices,
    edges,
    sizes: digits[0] === '1',
    vertexWeights: digits[1] === '1',
    edgeWeights: digits[2] === '1',
  };
}

interface Line {
  readonly number: number;
  readonly from: number;
  readonly to: number;
}

/** Lines that are not comments, as ranges of the text: no copy of a large file. */
function scanLines(text: string): { next(): Line | undefined; count(): number } {
  let at = 0;
  let number = 0;
  return {
    count: () => number,
    next() {
      while (at < text.length) {
        const from = at;
        const end = text.indexOf('\n', from);
        const to = end < 0 ? text.length : end;
        at = to + 1;
        number++;
        if (text[from] !== '%') return { number, from, to };
      }
      return undefined;
    },
  };
}

function scanNumbers(text: string, { number, from, to }: Line): number[] {
  const found: number[] = [];
  let value = -1;
  for (let i = from; i <= to; i++) {
    const code = i < to ? text.charCodeAt(i) : 32;
    if (code >= 48 && code <= 57) {
      value = Math.max(value, 0) * 10 + (code - 48);
      if (value > MAX_NUMBER) throw new Wrong(number, 'a number is larger than 2^30', 'divide the weights');
    } else if (code === 32 || code === 9 || code === 13) {
      if (value >= 0) found.push(value);
      value = -1;
    } else {
      const word = /^\S+/.exec(text.slice(i, Math.min(to, i + 30)))?.[0] ?? '';
      throw new Wrong(
        number,
        `${JSON.stringify(word)} is not a whole number`,
        'write whole numbers from 0, with blanks between them',
      );
    }
  }
  return found;
}

/** Every edge stands at both ends, once, with one weight. */
function checkSymmetric({ count, start, ends, edge }: Graph, lineOf: Int32Array): void {
  // Entries sorted by (end, vertex): as vertices are walked in order, each one's incoming edges come in order, too.
  const firstIn = new Int32Array(count + 1);
  for (const u of ends) firstIn[u + 1] = (firstIn[u + 1] as number) + 1;
  for (let v = 0; v < count; v++) firstIn[v + 1] = (firstIn[v + 1] as number) + (firstIn[v] as number);
  const from = new Int32Array(ends.length);
  const weightIn = new Float64Array(ends.length);
  const fill = firstIn.slice(0, count);
  for (let v = 0; v < count; v++)
    for (let e = start[v] as number, end = start[v + 1] as number; e < end; e++) {
      const u = ends[e] as number;
      const i = fill[u] as number;
      from[i] = v;
      weightIn[i] = edge[e] as number;
      fill[u] = i + 1;
    }
  const seen = new Float64Array(count);
  for (let v = 0; v < count; v++) {
    for (let i = firstIn[v] as number, end = firstIn[v + 1] as number; i < end; i++) {
      const u = from[i] as number;
      if (i > (firstIn[v] as number) && from[i - 1] === u)
        throw new Wrong(lineOf[u] as number, `vertex ${u + 1} names the neighbour ${v + 1} twice`, 'name each once');
      seen[u] = weightIn[i] as number;
    }
    for (let e = start[v] as number, end = start[v + 1] as number; e < end; e++) {
      const u = ends[e] as number;
      if (seen[u] !== edge[e]) {
        const what = seen[u] === 0 ? `vertex ${u + 1} does not name it` : `vertex ${u + 1} gives it another weight`;
        throw new Wrong(
          lineOf[v] as number,
          `vertex ${v + 1} names the neighbour ${u + 1}, but ${what}`,
          'write each edge at both of its ends',
        );
      }
    }
    for (let i = firstIn[v] as number, end = firstIn[v + 1] as number; i < end; i++) seen[from[i] as number] = 0;
  }
}
