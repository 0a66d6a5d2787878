/** `nmc explain CODE`: the page of a diagnostic, or of a failure at run time. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CODES } from '../../../compiler/diagnostics/codes.ts';
import { closest } from '../../../compiler/diagnostics/suggest.ts';
import { nmc, pageWithCommands } from '../../support/command-text.ts';
import { emit, jsonLine } from '../../support/emit.ts';
import { ERROR_CODES } from '../../support/error-codes.ts';
import { UserError } from '../../support/errors.ts';
import { EXIT } from './command.ts';
import type { ExplainArguments } from './common-options.ts';
import { packageRoot } from './package-root.ts';

interface Explained {
  readonly code: string;
  readonly severity: string;
  readonly title: string;
  /** Within `spec/`. */
  readonly folder: string;
}

export default function (args: ExplainArguments): number {
  const code = args.code;
  const known = explained();
  if (code === undefined) {
    for (const { code: name, severity, title } of known)
      if (args.json) emit({ code: name, severity, title });
      else process.stdout.write(`${name.padEnd(28)} ${title}\n`);
    return EXIT.done;
  }
  const found = known.find((row) => row.code === code);
  const path = join(packageRoot(), 'spec', found?.folder ?? '', `${found?.code ?? ''}.md`);
  if (!found || !existsSync(path)) {
    const names = known.map((row) => row.code);
    const close = closest(code, names);
    throw new UserError(
      'explain/unknown',
      `the code ${code} is unknown`,
      close ? `did you mean ${close}?` : `to list them all: ${nmc`explain`}`,
    );
  }
  const page = readFileSync(path, 'utf8');
  const { severity, title } = found;
  if (args.json) process.stdout.write(`${jsonLine({ code, severity, title, page }, pageWithCommands)}\n`);
  else process.stdout.write(pageWithCommands(page));
  return EXIT.done;
}

/** First those of the compiler. A code that both have is explained on one page. */
function explained(): Explained[] {
  const diagnostics = Object.entries(CODES).map(([code, row]) => ({ code, ...row, folder: 'diagnostics' }));
  const failures = Object.entries(ERROR_CODES)
    .filter(([code]) => !Object.hasOwn(CODES, code))
    .map(([code, title]) => ({ code, severity: 'error', title, folder: 'errors' }));
  return [...diagnostics, ...failures];
}
