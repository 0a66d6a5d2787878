/** A program that somebody else has written: what the compiler knows of one, for a runtime that knows no compiler. */
import { verify } from '../../../compiler/5-program/verify.ts';
import { isOperator, operators } from '../../../compiler/operators/table.ts';
import type { Program } from '../../../spec/program.ts';

/**
 * Operators take their arguments' number for granted where our own compiler wrote the program; here they are checked.
 */
export function verifyForeign(program: Program): void {
  for (const f of program.functions)
    for (const block of f.blocks)
      for (const { id, op, args } of block.ops) {
        const arity = op === 'constant' ? 0 : isOperator(op) ? operators[op].arity : undefined;
        if (arity === undefined) throw new Error(`${op} is not an operator`);
        if (arity === 'many' ? args.length === 0 : args.length !== arity)
          throw new Error(`${id} = ${op}(…) has ${args.length} arguments`);
      }
  verify(program);
}
