/** The cpu device in this thread, for programs of tests. */
import { lowerToCpu } from '../../compiler/7-kernels/onnx/lower.ts';
import { openHere } from '../../runtime/device/cpu/here.ts';
import type { Opener } from './harness.ts';

export const openCpu: Opener = async (program) => openHere({ program, files: lowerToCpu(program) }, 1);
