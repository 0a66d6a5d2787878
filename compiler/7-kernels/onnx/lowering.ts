/** Writes one operation as ONNX nodes; the last one's output has the operation's name. */
import type { Op } from '../../../spec/program.ts';
import type { OnnxEmitter } from './emitter.ts';

export type Lowering = (op: Op, e: OnnxEmitter) => void;
