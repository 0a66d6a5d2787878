/** Frames that a neighbour's key signs are still not believed: refused with a reason, and nothing of them is taken. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { countBorders } from '../../compiler/8-plan/borders.ts';
import type { Tensor } from '../../runtime/device/device.ts';
import type { ShardSession } from '../../runtime/shard/session.ts';
import type { Frame } from '../../runtime/training/frame.ts';
import type { Program } from '../../spec/program.ts';
import { type Compiled, compileText, openShards, sampleOf, splitTiled } from '../support/shards.ts';

const MODEL = readFileSync('test/golden/rule-il/model.pcn', 'utf8');
const BATCHES = 3;

const withValues = (frame: Frame, change: (values: Tensor, i: number) => Tensor): Frame => ({
  ...frame,
  values: frame.values.map((v, i) => change(Float64Array.from(v), i)),
});
const withNumber = (frame: Frame, number: number): Frame =>
  withValues(frame, (values) => {
    values[values.length - 1] = number;
    return values;
  });

/** Frames that are tried before every sound one, and why each is refused. */
const UNSOUND: readonly (readonly [reason: string, make: (frame: Frame) => Frame])[] = [
  ['not-finite', (f) => withNumber(f, Number.NaN)],
  ['not-finite', (f) => withNumber(f, Number.POSITIVE_INFINITY)],
  ['wrong-shape', (f) => withValues(f, (values) => values.subarray(1))],
  ['wrong-shape', (f) => withValues(f, (values) => Float64Array.from([...values, 0]))],
  ['wrong-shape', (f) => ({ ...f, values: [...f.values, new Float64Array(1)] })],
  ['wrong-shape', (f) => ({ ...f, values: f.values.slice(1) })],
  ['unknown-message', (f) => ({ ...f, message: 1_000_000 })],
];

test.each([
  ['lockstep', 2, 1],
  ['pipelined', 4, 2],
  ['pipelined, the last microbatch smaller', 7, 3],
])('unsound frames are refused, and the weights are those without them: %s', async (_, batch, microbatches) => {
  const text = MODEL.replace(/batch( *)= \d+/, `batch$1= ${batch}`);
  const whole = compileText(text, 'il');
  const compiled = compileText(text, 'il', {}, microbatches);
  const undisturbed = await trained(whole.program, compiled, () => undefined);
  const counted: Record<string, number> = {};
  const refused = (session: ShardSession, frame: Frame, reason: string): void => {
    expect(session.deliver(frame)).toBe(reason);
    counted[reason] = (counted[reason] ?? 0) + 1;
  };
  let values = 0;
  const disturbed = await trained(whole.program, compiled, (sender, receiver, frame, deliver) => {
    values += frame.values.reduce((sum, v) => sum + v.length, 0);
    for (const [reason, make] of UNSOUND) refused(receiver, make(frame), reason);
    refused(sender, frame, 'not-for-this-shard');
    deliver();
    refused(receiver, frame, 'twice');
    if (frame.callIndex > 1) refused(receiver, { ...frame, callIndex: frame.callIndex - 2 }, 'past');
  });
  expect(disturbed).toEqual(undisturbed);
  // As many values as the plan counts.
  const schedules = splitTiled(compiled, 2, 1).map((s) => s.schedule);
  const flows = countBorders(schedules, 'train').flatMap((b) => b.flows);
  expect(values).toBe(BATCHES * flows.reduce((sum, f) => sum + f.valuesPerBatch, 0));
  expect(Object.keys(counted).sort()).toEqual([
    'not-finite',
    'not-for-this-shard',
    'past',
    'twice',
    'unknown-message',
    'wrong-shape',
  ]);
});

type Disturb = (sender: ShardSession, receiver: ShardSession, frame: Frame, deliver: () => void) => void;

/** A few batches in two shards. @returns all states */
async function trained(whole: Program, compiled: Compiled, disturb: Disturb): Promise<Tensor[]> {
  const split = splitTiled(compiled, 2, 1);
  const { sessions, states } = await openShards(split);
  const train = whole.functions.find((f) => f.name === 'train');
  if (!train) throw new Error('no train');
  for (let callIndex = 0; callIndex < BATCHES; callIndex++)
    for (const session of sessions) {
      const position = { batch: callIndex, batches: BATCHES };
      session.start({ name: 'train', position, inputs: sampleOf(train, callIndex), callIndex, microbatch: 0 });
    }
  let done = 0;
  while (done < BATCHES * sessions.length)
    for (const sender of sessions) {
      const step = await sender.advance();
      if (step.kind === 'done') done++;
      for (const frame of step.kind === 'send' ? step.frames : []) {
        const receiver = sessions.find((s) => s !== sender);
        if (!receiver) throw new Error('nobody to send to');
        let delivered = false;
        const deliver = (): void => {
          expect(receiver.deliver(frame)).toBeUndefined();
          delivered = true;
        };
        disturb(sender, receiver, frame, deliver);
        if (!delivered) deliver();
      }
    }
  return states();
}
