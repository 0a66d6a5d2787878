/** Collects the nodes and constants of one ONNX graph. */
import type { Shape } from '../../../spec/program.ts';
import type { OnnxAttribute, OnnxNode, OnnxTensor, OnnxType } from './model.ts';

export class OnnxEmitter {
  readonly nodes: OnnxNode[] = [];
  readonly constants = new Map<string, OnnxTensor>();
  private readonly shapes = new Map<string, Shape>();
  private count = 0;

  declare(name: string, shape: Shape): void {
    this.shapes.set(name, shape);
  }

  shapeOf(name: string): Shape {
    const shape = this.shapes.get(name);
    if (!shape) throw new Error(`${name} is not in the graph`);
    return shape;
  }

  /** Appends a node and gives the name of its one output. */
  node(
    op: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
    output?: string,
    domain?: string,
  ): string {
    const name = output ?? `t${this.count++}`;
    const node: OnnxNode = { op, inputs, outputs: [name], attributes };
    this.nodes.push(domain === undefined ? node : { ...node, domain });
    return name;
  }

  number(value: number): string {
    return this.constant(`c:${Object.is(value, -0) ? 0 : value}`, 'float', [], Float32Array.of(value));
  }

  /** A list of whole numbers: shapes, axes, starts and ends. */
  integers(values: readonly number[]): string {
    return this.constant(`i:${values.join(',')}`, 'int64', [values.length], BigInt64Array.from(values, BigInt));
  }

  /** 0, 1, … n-1 as floats. */
  range(n: number): string {
    return this.constant(
      `r:${n}`,
      'float',
      [n],
      Float32Array.from({ length: n }, (_, i) => i),
    );
  }

  index(value: number): string {
    return this.constant(`x:${value}`, 'int64', [], BigInt64Array.of(BigInt(value)));
  }

  private constant(name: string, type: OnnxType, shape: Shape, data: OnnxTensor['data']): string {
    if (!this.constants.has(name)) this.constants.set(name, { name, type, shape, data });
    return name;
  }
}
