/** An ONNX graph under construction, and its bytes (onnx.proto, IR version 9, opset 20). */
import { ProtoWriter } from './protobuf.ts';

export type OnnxType = 'float' | 'uint8' | 'int32' | 'int64' | 'bool';
const TYPE_CODES: Readonly<Record<OnnxType, number>> = { float: 1, uint8: 2, int32: 6, int64: 7, bool: 9 };
const IR_VERSION = 9;
const OPSET = 20;
const MICROSOFT = 'com.microsoft';

export type OnnxAttribute = number | { readonly float: number } | readonly number[] | string;

export interface OnnxNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
  readonly domain?: string;
  /** What a device may do instead, as text that ONNX itself does not read. */
  readonly about?: string;
}

export interface OnnxValue {
  readonly name: string;
  readonly type: OnnxType;
  readonly shape: readonly number[];
}

/** An input or output of the graph. */
export interface OnnxPort {
  readonly name: string;
  readonly type: OnnxType;
  /** Sizes, and names of sizes that are open. */
  readonly shape: readonly (number | string)[];
  /** A description for people. */
  readonly about?: string;
}

export interface OnnxTensor extends OnnxValue {
  readonly data: Float32Array | BigInt64Array | Int32Array;
}

export interface OnnxGraph<Port extends OnnxPort = OnnxValue> {
  readonly name: string;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly initializers: readonly OnnxTensor[];
  readonly nodes: readonly OnnxNode[];
  /** Shapes of values between, where they help to load it. */
  readonly values?: readonly OnnxPort[];
}

/** @param metadata names and texts, for readers of the file */
export function encodeModel(graph: OnnxGraph<OnnxPort>, metadata?: ReadonlyMap<string, string>): Uint8Array {
  const body = new ProtoWriter();
  for (const node of graph.nodes) body.message(1, encodeNode(node));
  body.text(2, graph.name);
  for (const tensor of graph.initializers) body.message(5, encodeTensor(tensor));
  for (const value of graph.inputs) body.message(11, encodeValue(value));
  for (const value of graph.outputs) body.message(12, encodeValue(value));
  for (const value of graph.values ?? []) body.message(13, encodeValue(value));
  const opset = (domain: string, version: number): ProtoWriter => new ProtoWriter().text(1, domain).varint(2, version);
  const model = new ProtoWriter().varint(1, IR_VERSION).text(2, 'nmc').message(7, body).message(8, opset('', OPSET));
  // What is exported says which operators it needs; a plan's own graphs are run by one library only.
  if (!metadata || graph.nodes.some((node) => node.domain !== undefined)) model.message(8, opset(MICROSOFT, 1));
  const others = graph.nodes.flatMap(({ domain = '' }) => (domain === '' || domain === MICROSOFT ? [] : [domain]));
  for (const domain of new Set(others)) model.message(8, opset(domain, 1));
  for (const [key, value] of metadata ?? []) model.message(14, new ProtoWriter().text(1, key).text(2, value));
  return model.finish();
}

function encodeNode(node: OnnxNode): ProtoWriter {
  const writer = new ProtoWriter();
  for (const input of node.inputs) writer.text(1, input);
  for (const output of node.outputs) writer.text(2, output);
  writer.text(4, node.op);
  for (const name of Object.keys(node.attributes).sort())
    writer.message(5, encodeAttribute(name, node.attributes[name] as OnnxAttribute));
  if (node.about !== undefined) writer.text(6, node.about);
  return node.domain === undefined ? writer : writer.text(7, node.domain);
}

function encodeAttribute(name: string, value: OnnxAttribute): ProtoWriter {
  const writer = new ProtoWriter().text(1, name);
  if (typeof value === 'number') return writer.varint(3, value).varint(20, 2);
  if (typeof value === 'string') return writer.text(4, value).varint(20, 3);
  if ('float' in value) return writer.float(2, value.float).varint(20, 1);
  for (const item of value) writer.varint(8, item);
  return writer.varint(20, 7);
}

function encodeTensor(tensor: OnnxTensor): ProtoWriter {
  const writer = new ProtoWriter();
  for (const n of tensor.shape) writer.varint(1, n);
  const { buffer, byteOffset, byteLength } = tensor.data;
  return writer
    .varint(2, TYPE_CODES[tensor.type])
    .text(8, tensor.name)
    .raw(9, new Uint8Array(buffer, byteOffset, byteLength));
}

function encodeValue(value: OnnxPort): ProtoWriter {
  const shape = new ProtoWriter();
  for (const n of value.shape)
    shape.message(1, typeof n === 'number' ? new ProtoWriter().varint(1, n) : new ProtoWriter().text(2, n));
  const tensor = new ProtoWriter().varint(1, TYPE_CODES[value.type]).message(2, shape);
  const writer = new ProtoWriter().text(1, value.name).message(2, new ProtoWriter().message(1, tensor));
  return value.about === undefined ? writer : writer.text(3, value.about);
}
