/** The program of a page that trains: the browser's runtime, and what the compiler knows of programs of others. */
import { trainInPage as trainWith } from '../../browser/train.ts';
import { verifyForeign } from '../planning/verify-foreign.ts';

export { withCommands } from '../../support/command-text.ts';

type Arguments = Parameters<typeof trainWith>;

/** @param report after every epoch @returns the device, for people */
export function trainInPage(settings: Arguments[0], report: Arguments[2]): Promise<string> {
  return trainWith(settings, verifyForeign, report);
}
