/** `nmc fmt`: the one canonical form, in place; `-` reads standard input and writes standard output. */
import { readFileSync } from 'node:fs';
import { format } from '../../../compiler/1-syntax/format.ts';
import { DiagnosticsError } from '../../../compiler/diagnostics/diagnostics-error.ts';
import { reasonOf } from '../../../spec/reason-of.ts';
import { writeFileAtomic } from '../../support/atomic.ts';
import { emit } from '../../support/emit.ts';
import { UserError } from '../../support/errors.ts';
import { ownPath } from '../../support/safe-path.ts';
import { EXIT } from '../shell/command.ts';
import type { FmtArguments } from './options.ts';

export default function (args: FmtArguments): number {
  const onlyCheck = args.check;
  let wouldChange = 0;
  for (const file of args.files) {
    const text = readText(file);
    const { value, diagnostics } = format(text, file);
    if (value === undefined) throw new DiagnosticsError(diagnostics, new Map([[file, text]]));
    const changed = value !== text;
    if (changed) wouldChange++;
    if (file === '-' && !onlyCheck) process.stdout.write(value);
    else if (changed && !onlyCheck) writeFileAtomic(ownPath(file), value);
    if (args.json) emit({ file, changed });
    else if (changed && file !== '-') process.stderr.write(`${onlyCheck ? 'would change' : 'formatted'}  ${file}\n`);
  }
  return onlyCheck && wouldChange > 0 ? EXIT.checkFailed : EXIT.done;
}

function readText(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (error) {
    const reason = reasonOf(error);
    throw new UserError(
      'file/unreadable',
      `${file} cannot be read: ${reason}`,
      'name a .pcn file, or - for standard input',
    );
  }
}
