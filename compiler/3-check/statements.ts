/** Statements that stand in the wrong kind of task. */
import type { TaskStatement } from '../1-syntax/ast.ts';
import type { Reporter } from '../diagnostics/reporter.ts';

/** @param owner "a train task" */
export function refuseStatements(
  body: readonly TaskStatement[],
  allowed: readonly TaskStatement['kind'][],
  owner: string,
  reporter: Reporter,
): void {
  for (const statement of body)
    if (!allowed.includes(statement.kind)) {
      const words = allowed.filter((kind) => kind !== 'setting').map((kind) => `\`${kind}\``);
      const all = [...words, 'settings'].join(', ').replace(/, (?=[^,]*$)/, ' and ');
      reporter.report('task/statement', statement.span, `${owner} has no \`${statement.kind}\`; it has ${all}`);
    }
}
