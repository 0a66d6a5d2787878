/** What shards make of constants once a batch is there before anything reads it, or something that is made of it. */
import { expect, test } from 'vitest';
import type { Owners } from '../../../compiler/6-partition/shards/owners.ts';
import { splitProgram } from '../../../compiler/6-partition/shards/split.ts';
import type { Owner } from '../../../spec/names.ts';
import { parseProgram } from '../../../spec/program-text.ts';
import { runShards, runWhole } from '../../support/shards.ts';

/** Node `a` reads `%2` in two segments of the last block; what it reads before that is only made of it. */
const program = (start: string, before: string, loop: string): string => `program held

function train batch 2
  input sample.x : f32[2, 32] = x
  block start from 0
    %0 = constant(value=0.5) : []
    %1 = broadcast(%0, shape=[2,32]) : [2, 32]
    %2 = log_softmax(%1, axis=-1) : [2, 32]
    %3 = exp(%2) : [2, 32]
${before}  block tick repeat 2 from 0
    carry in:z.a : [2, 32] = ${start} -> %5 => out:z.a
    carry in:z.b : [2, 32] = %1 -> %6 => out:z.b
    %5 = mul(in:z.a, ${loop}) : [2, 32]  ; node a
    %6 = add(in:z.b, in:z.b) : [2, 32]  ; node b
  block learn from 2
    %7 = matmul(out:z.a, %2, tb=true) : [2, 2]  ; node a
    %8 = matmul(%7, out:z.b) : [2, 32]  ; node b
    %9 = sub(%8, %2) : [2, 32]  ; node a
  result energy.a = %9
  result energy.b = %8
`;

const STARTS = '    %4 = add(sample.x, %3) : [2, 32]  ; node a\n';

const owners: Owners = { ofOrigin: (origin) => origin as Owner | undefined, ofState: () => undefined };
const assignment = new Map<Owner, number>([
  ['node a', 0],
  ['node b', 1],
] as const);

test.each([
  ['a loop that begins with a value made of it', program('%3', '', '%0')],
  ['a segment before a loop that reads a value made of it', program('%4', STARTS, '%0')],
  ['a loop that reads a value made of it', program('%1', '', '%3')],
])('a constant is held before its first reader: %s', async (_, text) => {
  const whole = parseProgram(text);
  const split = splitProgram(whole, owners, assignment, 2);
  expect(split[0]?.program.states.map((s) => s.id)).toContain('held:train:%2');
  // States of this kind begin with no number.
  expect((await runShards(whole, split)).results).toEqual((await runWhole(whole)).results);
});
