/** The files of a report on classes, in a folder of their own. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { isLeftover, removeLeftovers, writeFileAtomic } from '../../support/atomic.ts';
import { UserError } from '../../support/errors.ts';
import { makeFolder, removeFile } from '../../support/safe-files.ts';
import { ownPath } from '../../support/safe-path.ts';
import { classPage } from './class-page.ts';
import { type ClassReport, confusionCsv, figuresCsv, reportJson } from './class-report.ts';

/** Names of the files of a report: those of a second table have its number. */
const OWN = /^(report\.(html|json)|(confusion|classes)(-\d+)?\.(csv|svg))$/;

/** @throws UserError `eval/folder` where the folder has files of others, before anything is measured */
export function assertReportFolder(directory: string): void {
  if (!existsSync(directory)) return;
  if (!statSync(directory).isDirectory())
    throw new UserError('eval/folder', `${directory} is a file`, 'name a folder for the report');
  const other = readdirSync(directory).find((name) => !OWN.test(name) && !isLeftover(name));
  if (other === undefined) return;
  throw new UserError(
    'eval/folder',
    `${directory} holds ${other}, which is of no report`,
    'name a folder that is empty, that has an earlier report, or that is not there',
  );
}

/** Each file whole or as it was. @returns their names, in the order in which they were written */
export async function writeReport(directory: string, report: ClassReport): Promise<string[]> {
  assertReportFolder(directory);
  const { confusionSvg } = await import('./confusion-svg.ts');
  const folder = ownPath(directory);
  makeFolder(folder);
  removeLeftovers(folder);
  const written: string[] = [];
  const write = (name: string, content: string): void => {
    writeFileAtomic(ownPath(folder, name), content);
    written.push(name);
  };
  const pictures = report.tables.map(confusionSvg);
  report.tables.forEach((table, i) => {
    const number = i === 0 ? '' : `-${i + 1}`;
    write(`confusion${number}.csv`, confusionCsv(table));
    write(`confusion${number}.svg`, pictures[i] ?? '');
    write(`classes${number}.csv`, figuresCsv(table));
  });
  write('report.json', reportJson(report));
  write('report.html', classPage(report, pictures));
  // An earlier report may have had more tables.
  for (const name of readdirSync(folder))
    if (OWN.test(name) && !written.includes(name)) removeFile(ownPath(folder, name));
  return written;
}
