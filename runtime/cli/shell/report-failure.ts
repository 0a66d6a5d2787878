/** A failure becomes words on standard error, one JSON line where asked, and an exit code. */
import { DiagnosticsError } from '../../../compiler/diagnostics/diagnostics-error.ts';
import { reasonOf } from '../../../spec/reason-of.ts';
import { nmc, withCommands, withOptions } from '../../support/command-text.ts';
import { jsonLine } from '../../support/emit.ts';
import { ERROR_CODES, type ErrorCode } from '../../support/error-codes.ts';
import { EnvironmentError, UserError } from '../../support/errors.ts';
import { printableLines } from '../../support/printable.ts';
import { EXIT } from './command.ts';
import { UsageError } from './usage-error.ts';

interface Failure {
  readonly code: string;
  readonly message: string;
  readonly repair?: string | undefined;
}

/** Commands that reach a mesh. */
const OF_A_MESH = ['deploy', 'fetch', 'keys', 'leave', 'logs', 'status', 'stop'];

/** @param mesh options by which this command was to reach one */
export async function reportFailure(error: unknown, asJson: boolean, mesh: readonly string[] = []): Promise<number> {
  if (error instanceof DiagnosticsError) return reportDiagnostics(error, asJson);
  if (error instanceof UserError || error instanceof EnvironmentError) {
    emit(asJson, error.code, error.message);
    const help = error instanceof UsageError ? error.help : undefined;
    // Part of it may be the words of another process.
    const text = (): string => withOptions(failureText(error), mesh, OF_A_MESH);
    process.stderr.write(help === undefined ? printableLines(text()) : `${help}\n`);
    return error instanceof UserError ? EXIT.wrongInput : EXIT.environment;
  }
  const system = systemFailure(error);
  if (system) {
    emit(asJson, system.code, system.message);
    process.stderr.write(printableLines(failureText(system)));
    return EXIT.environment;
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  emit(asJson, 'internal', reasonOf(error));
  process.stderr.write(
    `${printableLines(text)}\n\nThis is a bug in nmc, not in your model. Please report it with the text above.\n`,
  );
  return 70;
}

/** @param code of another version, it may have no page here */
function failureText({ code, message, repair }: Failure): string {
  const help = repair === undefined || repair === '' ? '' : `  = try: ${repair}\n`;
  const more = Object.hasOwn(ERROR_CODES, code) && code !== 'usage' ? `  = more: ${nmc`explain ${code}`}\n` : '';
  return `error[${code}]: ${message}\n${help}${more}`;
}

async function reportDiagnostics(error: DiagnosticsError, asJson: boolean): Promise<number> {
  const { showDiagnostics } = await import('./show-diagnostics.ts');
  const first = error.diagnostics.find((d) => d.severity === 'error');
  emit(asJson, first?.code ?? 'error', first ? `${first.message}: ${first.reason}` : error.message);
  showDiagnostics(process.stderr, error.diagnostics, error.sources);
  return EXIT.wrongInput;
}

/** Words for a refusal of the operating system. */
function systemFailure(error: unknown): Failure | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  const { code, message } = error as NodeJS.ErrnoException;
  const known: Readonly<Record<string, ErrorCode>> = {
    ENOSPC: 'disk/full',
    EACCES: 'disk/denied',
    EPERM: 'disk/denied',
    EROFS: 'disk/denied',
    EMFILE: 'disk/too-many-files',
    ENOENT: 'file/missing',
    EISDIR: 'file/is-folder',
    ENOTDIR: 'file/is-no-folder',
  };
  const name = code === undefined ? undefined : known[code];
  return name === undefined ? undefined : { code: name, message };
}

function emit(asJson: boolean, code: string, message: string): void {
  if (asJson) process.stdout.write(`${jsonLine({ event: 'error', code, message }, withCommands)}\n`);
}
