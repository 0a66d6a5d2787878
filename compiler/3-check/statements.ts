/** Statements that stand in the wrong kind of task. */
import type { TaskStatement } from '../1-syntax/ast.ts';
import { listNames, type Reporter } from '../diagnostics/reporter.ts';

/** @param owner "a train task" */
export function refuseStatements(
  body: readonly TaskStatement[],
  allowed: readonly TaskStatement['kind'][],
  owner: string,
  reporter: Reporter,
): void {
  for (const statement of body)
    if (!allowed.includes(statement.kind)) {
      const kinds = allowed.map((kind) => (kind === 'setting' ? 'settings' : kind));
      reporter.report(
        'task/statement',
        statement.span,
        `${owner} has no \`${statement.kind}\`; it has ${listNames(kinds)}`,
      );
    }
}
