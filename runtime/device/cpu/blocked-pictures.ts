/**
 * Pictures whose channels lie in blocks, from one convolution to the next: what goes element by element, is pooled or
 * summed between them reads and writes them so too, and a picture is laid out or back only where something asks for it in
 * the other way, once. A picture in blocks has two forms over the same numbers: with the shape of the picture, as the
 * library's own kernels want it, and as [page, blocks, height, width, channels of a block], for what differs by channel.
 */
import onnxProto from 'onnx-proto';
import { readKernelGradient } from '../../../spec/cpu-hints.ts';
import { broadcast, ELEMENTWISE, REDUCTIONS, shapesOf, UNARY } from './picture-shapes.ts';
import {
  attributeOf,
  constantsOf,
  type Graph,
  integerOf,
  integersOf,
  type Node,
  type Shape,
  textOf,
} from './proto-graph.ts';

const { onnx } = onnxProto;
const { INT, INTS } = onnx.AttributeProto.AttributeType;
const { BOOL, FLOAT, INT64 } = onnx.TensorProto.DataType;

export const BLOCKED_DOMAIN = 'com.microsoft.nchwc';

const TO_FIRST = '0,3,1,2';
const TO_LAST = '0,2,3,1';

const productOf = (shape: Shape): number => shape.reduce((product, n) => product * n, 1);
const isSame = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((n, i) => n === b[i]);
const ints = (name: string, values: Shape): object => ({ name, type: INTS, ints: [...values] });

/** @param kernels shapes of the kernels of convolutions that are done in blocks, by their names */
export function inBlocks(graph: Graph, kernels: ReadonlyMap<string, Shape>, block: number): Graph {
  return new BlockedPictures(graph, kernels, block).graph();
}

class BlockedPictures {
  readonly #graph: Graph;
  readonly #kernels: ReadonlyMap<string, Shape>;
  readonly #block: number;
  readonly #shapes: Map<string, Shape>;
  readonly #constants: ReadonlyMap<string, readonly number[]>;
  readonly #truths: ReadonlySet<string>;
  /** Whether blocks go on from one node to the next: where all sizes are known, so that what is equal is done alike. */
  readonly #goesOn: boolean;
  readonly #readers = new Map<string, Node[]>();
  /** Nodes by the names of what they make. */
  readonly #makers = new Map<string, Node>();
  readonly #nodes: object[] = [];
  readonly #sizes = new Map<string, object>();
  /** Names in blocks, of either form, by the names of the pictures. */
  readonly #four = new Map<string, string>();
  readonly #five = new Map<string, string>();
  /** Pictures that are there in blocks alone. */
  readonly #onlyBlocked = new Set<string>();
  /** Pictures with channels first that nothing has asked for yet, and those with channels last that they are made of. */
  readonly #later = new Map<string, Node>();
  readonly #made = new Set<string>();

  constructor(graph: Graph, kernels: ReadonlyMap<string, Shape>, block: number) {
    this.#graph = graph;
    this.#kernels = kernels;
    this.#block = block;
    this.#shapes = shapesOf(graph);
    this.#constants = constantsOf(graph);
    this.#truths = new Set((graph.node ?? []).flatMap((node) => (isTruth(node) ? (node.output ?? []) : [])));
    this.#goesOn = (graph.node ?? []).every(
      ({ opType, input }) => !DEPENDS.has(opType ?? '') || this.#shapes.has(input?.[0] ?? ''),
    );
    for (const node of graph.node ?? []) for (const output of node.output ?? []) this.#makers.set(output, node);
    for (const node of graph.node ?? [])
      for (const input of node.input ?? []) this.#readers.set(input, [...(this.#readers.get(input) ?? []), node]);
  }

  graph(): Graph {
    for (const node of this.#graph.node ?? []) this.#add(node);
    for (const { name } of this.#graph.output ?? []) this.#plain(name ?? '');
    return {
      ...this.#graph,
      node: this.#read(),
      initializer: [...(this.#graph.initializer ?? []), ...this.#sizes.values()],
    } as Graph;
  }

  /** The nodes without those that nothing reads any more. */
  #read(): object[] {
    const read = new Set((this.#graph.output ?? []).map(({ name }) => name ?? ''));
    const kept: object[] = [];
    for (const node of (this.#nodes as Node[]).reverse()) {
      if (!node.output?.some((name) => read.has(name))) continue;
      for (const name of node.input ?? []) read.add(name);
      kept.push(node);
    }
    return kept.reverse();
  }

  #add(node: Node): void {
    const op = node.opType ?? '';
    const [x = ''] = node.input ?? [];
    if (op === 'Conv' && this.#kernels.has(node.input?.[1] ?? '')) this.#convolution(node);
    else if (!this.#goesOn) this.#nodes.push(node);
    else if (this.#kernelGradient(node)) return;
    else if (op === 'Transpose' && this.#transposed(node)) return;
    else if (UNARY.has(op) && this.#isBlocked(x) && this.#unary(node)) return;
    else if (ELEMENTWISE.has(op) && this.#elementwise(node)) return;
    else if ((op === 'MaxPool' || op === 'AveragePool') && this.#pooled(node)) return;
    else if (op === 'Resize' && this.#repeated(node)) return;
    else if (REDUCTIONS.has(op) && this.#reduced(node)) return;
    else {
      for (const input of node.input ?? []) this.#plain(input);
      this.#nodes.push(node);
    }
  }

  /** Makes the picture as the graph has it, where it is not there yet. */
  #plain(name: string): void {
    const later = this.#later.get(name);
    if (later) {
      this.#later.delete(name);
      for (const input of later.input ?? []) this.#plain(input);
      this.#nodes.push(later);
      return;
    }
    if (!this.#onlyBlocked.delete(name)) return;
    const channels = this.#shapes.get(name)?.[1] ?? 0;
    const attribute = [{ name: 'channels', type: INT, i: channels }];
    this.#emit('ReorderOutput', [this.#blocked(name)], name, { domain: BLOCKED_DOMAIN, attribute });
  }

  #isBlocked(name: string): boolean {
    return this.#four.has(name) || this.#five.has(name);
  }

  /** Whether its channels fill blocks. */
  #fits(shape: Shape | undefined): shape is Shape {
    return shape?.length === 4 && (shape[1] ?? 0) % this.#block === 0 && (shape[1] ?? 0) > 0;
  }

  /** The picture in blocks, with its own shape; laid out now where it was not. */
  #blocked(name: string): string {
    const known = this.#four.get(name);
    if (known !== undefined) return known;
    const five = this.#five.get(name);
    const made = `blocked:${name}`;
    this.#four.set(name, made);
    if (five !== undefined) {
      this.#emit('Reshape', [five, this.#integers(this.#shapes.get(name) ?? [])], made);
      return made;
    }
    const source = this.#later.get(name)?.input?.[0];
    const last = source !== undefined && [{ name: 'channels_last', type: INT, i: 1 }];
    if (source !== undefined) this.#plain(source);
    this.#emit('ReorderInput', [source ?? name], made, { domain: BLOCKED_DOMAIN, ...(last && { attribute: last }) });
    return made;
  }

  /** The same with blocks as an axis. */
  #byBlock(name: string): string {
    const known = this.#five.get(name);
    if (known !== undefined) return known;
    const made = `by block:${name}`;
    const four = this.#blocked(name);
    this.#emit('Reshape', [four, this.#integers(this.#fiveOf(this.#shapes.get(name) ?? []))], made);
    this.#five.set(name, made);
    return made;
  }

  #fiveOf([pages = 1, channels = 1, ...size]: Shape): Shape {
    return [pages, channels / this.#block, ...size, this.#block];
  }

  #unary(node: Node): boolean {
    const [x = '', ...settings] = node.input ?? [];
    const [y = ''] = node.output ?? [];
    if (!this.#fits(this.#shapes.get(x)) || (isTruth(node) && !this.#onlyBecomesNumbers(y))) return false;
    if (node.opType === 'Cast' && !isTruth(node) && integerOf(node, 'to', 0) !== FLOAT) return false;
    if (!settings.every((name) => name === '' || productOf(this.#shapes.get(name) ?? [0]) === 1)) return false;
    const form = this.#four.has(x) ? this.#four : this.#five;
    this.#give(y, form, { ...node, input: [form.get(x) ?? '', ...settings] });
    return true;
  }

  /** A node whose result is a picture in blocks, of this form. */
  #give(y: string, form: Map<string, string>, node: object): void {
    const made = `${form === this.#four ? 'blocked' : 'by block'}:${y}`;
    this.#nodes.push({ ...node, output: [made] });
    form.set(y, made);
    this.#onlyBlocked.add(y);
  }

  #elementwise(node: Node): boolean {
    const inputs = node.input ?? [];
    const [y = ''] = node.output ?? [];
    const shapes = inputs.map((name) => this.#shapes.get(name));
    const shape = broadcast(shapes);
    if (!this.#fits(shape) || !inputs.some((name, i) => this.#isBlocked(name) && isSame(shapes[i] ?? [], shape)))
      return false;
    if (isTruth(node) && !this.#onlyBecomesNumbers(y)) return false;
    const kinds = shapes.map((one) => kindOf(one ?? [], shape));
    if (kinds.some((kind) => kind === undefined)) return false;
    if (kinds.some((kind, i) => kind === 'same' && !this.#canBeBlocked(inputs[i] ?? ''))) return false;
    if (kinds.some((kind, i) => kind === 'places' && !this.#constants.has(inputs[i] ?? ''))) return false;
    const isFive = kinds.some((kind) => kind !== 'same' && kind !== 'number');
    const given = inputs.map((name, i) => {
      if (kinds[i] === 'number') return name;
      if (kinds[i] === 'same') return isFive ? this.#byBlock(name) : this.#blocked(name);
      return this.#repeatable(name, shapes[i] ?? [], kinds[i] ?? 'number', shape);
    });
    this.#give(y, isFive ? this.#five : this.#four, { ...node, input: given });
    return true;
  }

  /** Only numbers can be laid out and back. */
  #onlyBecomesNumbers(name: string): boolean {
    return (this.#readers.get(name) ?? []).every((reader) => reader.opType === 'Cast');
  }

  /** Truth values that are there with channels first stay so. */
  #canBeBlocked(name: string): boolean {
    return this.#isBlocked(name) || !this.#truths.has(name);
  }

  /** What is the same for all places, for all channels, or for all pages, as it goes with pictures by block. */
  #repeatable(name: string, shape: Shape, kind: Kind, [, , rows = 1, columns = 1]: Shape): string {
    const isWhole = rows * columns <= WHOLE_PLACES && shape.length < 4;
    const size = isWhole ? [rows, columns] : [1, columns];
    const made = `by block ${kind}:${name}${kind === 'channels' ? ` ${size.join(' x ')}` : ''}`;
    if (this.#made.has(made)) return made;
    this.#made.add(made);
    const four = [1, 1, 1, 1, ...shape].slice(-4);
    const [pages = 1, channels = 1, height = 1, width = 1] = four;
    if (kind === 'pages') this.#emit('Reshape', [this.#there(name), this.#integers([pages, 1, 1, 1, 1])], made);
    else if (kind === 'channels') {
      const [blocks, end] = [channels / this.#block, this.#block];
      this.#emit('Reshape', [this.#there(name), this.#integers([pages, blocks, 1, 1, end])], `${made} alone`);
      this.#emit('Expand', [`${made} alone`, this.#integers([pages, blocks, ...size, end])], made);
    } else if (kind === 'places') {
      const values = this.#constants.get(name) ?? [];
      const data = Float32Array.from(
        { length: values.length * this.#block },
        (_, i) => values[Math.floor(i / this.#block)] ?? 0,
      );
      const dims = [height, width, this.#block];
      this.#sizes.set(made, { name: made, dataType: FLOAT, dims, floatData: [...data] });
    } else {
      const parts = this.#integers([channels / this.#block, this.#block, height, width]);
      this.#emit('Reshape', [this.#there(name), parts], `${made} in parts`);
      this.#emit('Transpose', [`${made} in parts`], made, { attribute: [ints('perm', [0, 2, 3, 1])] });
    }
    return made;
  }

  #there(name: string): string {
    this.#plain(name);
    return name;
  }

  #pooled(node: Node): boolean {
    const [x = ''] = node.input ?? [];
    const [y = '', ...positions] = node.output ?? [];
    const plain =
      positions.length === 0 && !['ceil_mode', 'dilations', 'auto_pad'].some((name) => attributeOf(node, name));
    const isSum = node.opType === 'AveragePool' && this.#fits(this.#shapes.get(x));
    if (!(isSum || this.#isBlocked(x)) || !plain || !this.#shapes.has(y)) return false;
    this.#give(y, this.#four, { ...node, domain: BLOCKED_DOMAIN, input: [this.#blocked(x)] });
    return true;
  }

  /** Each place once for every place of its window. */
  #repeated(node: Node): boolean {
    const [x = '', , times = ''] = node.input ?? [];
    const [y = ''] = node.output ?? [];
    const scales = this.#constants.get(times);
    const isNearest = textOf(node, 'mode') === 'nearest' && textOf(node, 'nearest_mode') === 'floor';
    const isPlain = isNearest && textOf(node, 'coordinate_transformation_mode') === 'asymmetric';
    if (!this.#isBlocked(x) || !isPlain || !this.#shapes.has(y)) return false;
    if (scales?.length !== 4 || scales[0] !== 1 || scales[1] !== 1 || !scales.every(Number.isInteger)) return false;
    const attribute = [ints('scales', scales)];
    this.#give(y, this.#four, { opType: 'Upsample', domain: BLOCKED_DOMAIN, attribute, input: [this.#blocked(x)] });
    return true;
  }

  /**
   * Sums whose results lie the same way in either layout. Over pages and places they go in two steps, which the library
   * does faster. They depend on the layout by rounding: so all go in blocks that can, since a model may work out the same
   * value twice, and take what is left of it for an error.
   */
  #reduced(node: Node): boolean {
    const [x = '', axesName = ''] = node.input ?? [];
    const [y = ''] = node.output ?? [];
    const shape = this.#shapes.get(x);
    const axes = this.#constants.get(axesName)?.map((axis) => (axis < 0 ? axis + 4 : axis));
    if (!this.#fits(shape) || !axes) return false;
    const left = [0, 1, 2, 3].filter((axis) => !axes.includes(axis));
    if (left.includes(1) && (left.includes(2) || left.includes(3))) return false;
    const keeps = integerOf(node, 'keepdims', 1) === 1;
    const result = shape.flatMap((n, axis) => (axes.includes(axis) ? (keeps ? [1] : []) : [n]));
    this.#shapes.set(y, result);
    const reduce = (from: string, over: Shape, to: string): void =>
      this.#emit(node.opType ?? '', [from, this.#integers(over)], to, {
        attribute: [{ name: 'keepdims', type: INT, i: 0 }],
      });
    const over = axes.flatMap((axis) => (axis === 1 ? [1, 4] : [axis]));
    if (axes.includes(0) && left.includes(1)) {
      reduce(this.#byBlock(x), [2, 3], `${y} of pages`);
      this.#emit('Reshape', [`${y} of pages`, this.#integers([shape[0] ?? 1, shape[1] ?? 1])], `${y} by page`);
      reduce(`${y} by page`, [0], `${y} in all`);
    } else reduce(this.#byBlock(x), over, `${y} in all`);
    this.#emit('Reshape', [`${y} in all`, this.#integers(result)], y);
    return true;
  }

  /** Layouts of pictures that the library's kernels make of blocks, or blocks of them, in one go. */
  #transposed(node: Node): boolean {
    const [x = ''] = node.input ?? [];
    const [y = ''] = node.output ?? [];
    const perm = String(integersOf(node, 'perm') ?? '');
    if (perm === TO_FIRST && this.#fits(this.#shapes.get(y))) {
      this.#later.set(y, node);
      return true;
    }
    if (perm !== TO_LAST || !this.#onlyBlocked.has(x)) return false;
    const attribute = [
      { name: 'channels', type: INT, i: this.#shapes.get(x)?.[1] ?? 0 },
      { name: 'channels_last', type: INT, i: 1 },
    ];
    this.#emit('ReorderOutput', [this.#blocked(x)], y, { domain: BLOCKED_DOMAIN, attribute });
    return true;
  }

  #convolution(node: Node): void {
    const [x = '', kernel = '', ...bias] = node.input ?? [];
    const [y = ''] = node.output ?? [];
    const shape = this.#kernels.get(kernel) ?? [];
    const [to = 0, from = 0] = shape;
    for (const name of bias) this.#plain(name);
    const weights = this.#laidOut(kernel, shape);
    const picture = from < this.#block ? this.#there(x) : this.#blocked(x);
    this.#give(y, this.#four, { ...node, domain: BLOCKED_DOMAIN, input: [picture, weights, ...bias] });
    if (this.#goesOn) return;
    this.#shapes.set(y, [0, to]);
    this.#plain(y);
  }

  /**
   * The gradient of a kernel as a convolution whose channels are the pages: of the picture, by the gradients of its windows.
   * That takes 0.65 to 0.85 times as long as a product for each place of the kernel (measured, 8 to 128 channels).
   */
  #kernelGradient(node: Node): boolean {
    const told = readKernelGradient(node.docString);
    if (!told) return false;
    const [pages = 0, channels = 0, ...size] = this.#shapes.get(told.picture) ?? [];
    const [, to = 0, rows = 0, columns = 0] = this.#shapes.get(told.windows) ?? [];
    const [height = 0, width = 0] = told.shape;
    const [b, [above = 0, left = 0]] = [this.#block, told.padding];
    if (pages === 0 || pages % b !== 0 || !this.#fits(this.#shapes.get(told.windows)) || height * width < 4)
      return false;
    // Windows lie so far apart in the picture; places behind the last of them go, or are zeros.
    const [down = 1, right = 1] = told.stride;
    const below = (rows - 1) * down + height - (size[0] ?? 0) - above;
    const behind = (columns - 1) * right + width - (size[1] ?? 0) - left;
    const picture = this.#once(`pages:${told.picture} ${above} ${left} ${below} ${behind}`, (made) => {
      const [tall, wide] = size as [number, number];
      const [parts, pads] = [
        [(channels * pages) / b, tall, wide, b],
        [0, above, left, 0, 0, below, behind, 0],
      ];
      const turned = ints('perm', [1, 0, 2, 3]);
      this.#emit('Transpose', [this.#there(told.picture)], `${made} turned`, { attribute: [turned] });
      this.#emit('ReorderInput', [`${made} turned`], `${made} in blocks`, { domain: BLOCKED_DOMAIN });
      // In blocks, where what lies between the margins of a row is moved at once: in a half to a fifth of the time (measured).
      this.#emit('Reshape', [`${made} in blocks`, this.#integers(parts)], `${made} by row`);
      this.#emit('Pad', [`${made} by row`, this.#integers(pads)], `${made} padded`);
      const padded = [channels, pages, above + tall + below, left + wide + behind];
      this.#emit('Reshape', [`${made} padded`, this.#integers(padded)], made);
    });
    const kernel = this.#once(`pages of a kernel:${told.windows}`, (made) => {
      const parts = this.#integers([pages / b, b, to / b, rows, columns, b]);
      this.#emit('Reshape', [this.#blocked(told.windows), parts], `${made} in parts`);
      const perm = ints('perm', [2, 0, 3, 4, 1, 5]);
      this.#emit('Transpose', [`${made} in parts`], `${made} turned`, { attribute: [perm] });
      this.#emit('Reshape', [`${made} turned`, this.#integers([to, pages, rows, columns])], made);
    });
    const [y = ''] = node.output ?? [];
    const attribute = [ints('kernel_shape', [rows, columns]), ints('dilations', [down, right])];
    this.#emit('Conv', [picture, kernel], `blocks:${y}`, { domain: BLOCKED_DOMAIN, attribute });
    this.#emit('Reshape', [`blocks:${y}`, this.#integers([channels, to / b, height, width, b])], `parts:${y}`);
    this.#emit('Transpose', [`parts:${y}`], `turned:${y}`, { attribute: [ints('perm', [2, 3, 0, 1, 4])] });
    this.#emit('Reshape', [`turned:${y}`, this.#integers(told.shape)], y);
    return true;
  }

  #once(name: string, make: (name: string) => void): string {
    if (!this.#made.has(name)) make(name);
    this.#made.add(name);
    return name;
  }

  /** A kernel of [out, in, height, width] in blocks of both. Of fewer channels in than a block, those stay as they are. */
  #laidOut(kernel: string, shape: Shape): string {
    const made = `blocked:${kernel}`;
    if (this.#made.has(made)) return made;
    this.#made.add(made);
    if (this.#laidOutAtOnce(kernel, shape, made)) return made;
    this.#plain(kernel);
    const [to = 0, from = 0, ...places] = shape;
    const isNarrow = from < this.#block;
    const inner = isNarrow ? [from] : [from / this.#block, this.#block];
    const perm = isNarrow ? [0, 2, 3, 4, 1] : [0, 2, 4, 5, 3, 1];
    this.#turn(kernel, [to / this.#block, this.#block, ...inner, ...places], [perm], made, shape);
    return made;
  }

  /**
   * The same from how weights are kept, [height, width, in, out], where the graph makes the kernel of these: by moving runs
   * of a block, and blocks as matrices, which takes a quarter of the time of moving numbers one by one, twice (measured).
   */
  #laidOutAtOnce(kernel: string, shape: Shape, made: string): boolean {
    const last = this.#makers.get(kernel);
    const isTurned = last?.opType === 'Slice';
    const first = isTurned ? this.#makers.get(last.input?.[0] ?? '') : last;
    const perm = String((first && integersOf(first, 'perm')) ?? '');
    const [weights = ''] = first?.input ?? [];
    const kept = this.#shapes.get(weights);
    if (first?.opType !== 'Transpose' || kept?.length !== 4 || perm !== (isTurned ? '2,3,0,1' : '3,2,0,1'))
      return false;
    const [b, [height = 0, width = 0, from = 0, to = 0]] = [this.#block, kept];
    this.#plain(weights);
    if (!isTurned) {
      const isNarrow = from < b;
      const parts = [height, width, ...(isNarrow ? [from] : [from / b, b]), to / b, b];
      this.#turn(weights, parts, [isNarrow ? [3, 2, 0, 1, 4] : [4, 2, 0, 1, 3, 5]], made, shape);
      return true;
    }
    const steps = this.#constants.get(last.input?.[4] ?? '');
    if (String(steps) !== '-1,-1' || from % b !== 0 || to % b !== 0) return false;
    const [back, end] = [this.#integers([-1, -1]), this.#integers([-(2 ** 31), -(2 ** 31)])];
    this.#emit('Slice', [weights, back, end, this.#integers([0, 1]), back], `${made} backwards`);
    const perms = [
      [2, 4, 0, 1, 3, 5],
      [0, 1, 2, 3, 5, 4],
    ];
    this.#turn(`${made} backwards`, [height, width, from / b, b, to / b, b], perms, made, shape);
    return true;
  }

  /** Numbers that lie as `parts`, with their axes in another order, as `shape`. */
  #turn(x: string, parts: Shape, perms: readonly Shape[], made: string, shape: Shape): void {
    this.#emit('Reshape', [x, this.#integers(parts)], `${made} split`);
    perms.forEach((perm, i) => {
      const from = i === 0 ? `${made} split` : `${made} turned ${i - 1}`;
      this.#emit('Transpose', [from], `${made} turned ${i}`, { attribute: [ints('perm', perm)] });
    });
    this.#emit('Reshape', [`${made} turned ${perms.length - 1}`, this.#integers(shape)], made);
  }

  #emit(opType: string, input: readonly string[], output: string, more: object = {}): void {
    this.#nodes.push({ opType, input: [...input], output: [output], ...more });
  }

  /** The name of a constant with these numbers. */
  #integers(values: Shape): string {
    const name = `blocked:${values.join(' x ')}`;
    this.#sizes.set(name, { name, dataType: INT64, dims: [values.length], int64Data: [...values] });
    return name;
  }
}

/**
 * What differs by channel is repeated for the places of a row, or for so many of a picture: a block of 16 at a time takes
 * three times as long (measured).
 */
const WHOLE_PLACES = 64;

/** Nodes whose results depend on the layout, by rounding. */
const DEPENDS: ReadonlySet<string> = new Set(['Conv', 'AveragePool', ...REDUCTIONS]);

/** What an argument is to the picture that comes of it: as large, one number, or the same for all of something. */
type Kind = 'same' | 'number' | 'pages' | 'channels' | 'places' | 'sample';

function kindOf(shape: Shape, picture: Shape): Kind | undefined {
  if (productOf(shape) === 1 && shape.length <= 4) return 'number';
  const [pages = 1, channels = 1, height = 1, width = 1] = [1, 1, 1, 1, ...shape].slice(-4);
  const isWide = height !== 1 || width !== 1;
  if (isSame([pages, channels, height, width], picture) && shape.length === 4) return 'same';
  if (!isWide && channels === picture[1]) return 'channels';
  if (!isWide && channels === 1) return 'pages';
  const isWhole = height === picture[2] && width === picture[3];
  if (isWhole && pages === 1 && channels === 1) return 'places';
  return isWhole && pages === 1 && channels === picture[1] ? 'sample' : undefined;
}

const TRUTHS: ReadonlySet<string> = new Set('Equal Greater GreaterOrEqual Less LessOrEqual IsNaN'.split(' '));
const isTruth = (node: Node): boolean =>
  TRUTHS.has(node.opType ?? '') || (node.opType === 'Cast' && integerOf(node, 'to', 0) === BOOL);
