/** `nmc explain CODE`: the page of a diagnostic. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CODES } from '../../../compiler/diagnostics/codes.ts';
import { closest } from '../../../compiler/diagnostics/suggest.ts';
import { emit } from '../../support/emit.ts';
import { UserError } from '../../support/errors.ts';
import { type Arguments, EXIT, flag, text } from './command.ts';
import { packageRoot } from './package-root.ts';

export default function (args: Arguments): number {
  const code = text(args, 'code');
  if (code === undefined) {
    for (const [name, row] of Object.entries(CODES)) {
      if (flag(args, 'json')) emit({ code: name, severity: row.severity, title: row.title });
      else process.stdout.write(`${name.padEnd(28)} ${row.title}\n`);
    }
    return EXIT.done;
  }
  const known = Object.keys(CODES);
  const path = join(packageRoot(), 'spec', 'diagnostics', `${code}.md`);
  if (!known.includes(code) || !existsSync(path)) {
    const close = closest(code, known);
    throw new UserError(
      'explain/unknown',
      `there is no diagnostic ${code}`,
      close ? `did you mean ${close}?` : 'nmc explain lists them all',
    );
  }
  const page = readFileSync(path, 'utf8');
  if (flag(args, 'json')) emit({ code, ...CODES[code as keyof typeof CODES], page });
  else process.stdout.write(page);
  return EXIT.done;
}
