/** Outputs that are nudged towards their targets instead of held at them. */
import { nodeOrigin } from '../../spec/names.ts';
import type { Value } from '../operators/operator.ts';
import type { BlockBuilder } from './builder.ts';
import { type Clamp, get, type Network, sweep } from './network.ts';

/** Nudging (equation 9): the outputs are held at u0 - beta (u0 - y), u0 being what the forward sweep predicts. */
export function nudgeOutputs(
  builder: BlockBuilder,
  network: Network,
  weights: ReadonlyMap<string, Value>,
  outputs: ReadonlySet<string>,
  nudge: { beta: number; centred: boolean },
): { clamps: Map<string, Clamp>; gradientScale: Value } {
  const open = new Map([...network.clamps].filter(([name]) => !outputs.has(name)));
  const forward = sweep(builder, { ...network, clamps: open, means: new Map() }, weights);
  const sign = { op: 'sub', args: [1, { op: 'mul', args: [2, { op: 'mod', args: ['batch', 2] }] }] } as const;
  const beta = nudge.centred ? builder.scalar({ op: 'mul', args: [nudge.beta, sign] }) : builder.constant(nudge.beta);
  const scale = nudge.centred
    ? builder.scalar({ op: 'div', args: [sign, nudge.beta] })
    : builder.constant(1 / nudge.beta);
  const clamps = new Map(network.clamps);
  for (const name of outputs) {
    builder.origin = nodeOrigin(name);
    const clamp = get(network.clamps, name);
    const u0 = get(forward, name);
    const pull = builder.op('mul', [builder.op('sub', [u0, clamp.value]), beta]);
    clamps.set(name, { ...clamp, value: builder.op('sub', [u0, pull]) });
  }
  builder.origin = undefined;
  return { clamps, gradientScale: scale };
}
