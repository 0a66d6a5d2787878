/** A few batches of a fully connected network on numbers drawn, on any device. */
import { buildProgram } from '../../compiler/build-program.ts';
import { checkFile } from '../../compiler/compile.ts';
import { fileHost, overlayHost } from '../../compiler/host.ts';
import { type ReferenceNetwork, type Rule, referenceModel } from '../../runtime/cli/measuring/reference-networks.ts';
import type { Tensor } from '../../runtime/device/device.ts';
import type { Program } from '../../spec/program.ts';
import type { Opener } from '../compliance/harness.ts';
import { initialise } from './networks.ts';
import { fieldNumbers } from './small-training.ts';

const BATCHES = 3;

/** The training function of a network. */
export function trainingOf(network: ReferenceNetwork, rule: Rule): Program {
  const text = referenceModel(network, rule);
  const { value: checked } = checkFile(overlayHost({ 'm.pcn': text }, fileHost()), 'm.pcn');
  const [task] = checked?.trains ?? [];
  if (!checked || !task) throw new Error('nothing to train');
  return buildProgram({ checked, model: task.model, task, predicts: [] }).program;
}

export interface Trained {
  readonly energies: readonly number[];
  readonly weights: readonly Tensor[];
}

/** With weights drawn. */
export async function train(open: Opener, program: Program): Promise<Trained> {
  const session = await open(program);
  await initialise(session, program, 3);
  const energies: number[] = [];
  const [f] = program.functions;
  for (let batch = 0; f && batch < BATCHES; batch++) {
    const results = await session.run(f.name, fieldNumbers(f, batch), { batch, batches: BATCHES });
    for (const values of Object.values(results)) energies.push(...values);
  }
  const weights = await Promise.all(program.states.map((s) => session.read(s.id)));
  await session.close();
  return { energies, weights };
}
