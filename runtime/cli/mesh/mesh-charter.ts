/** `nmc mesh init --charter FILE`: what a mesh lets its trainers vote on, and the bounds of that, for good. */
import { readFileSync } from 'node:fs';
import { ensureKey, userKeyPath } from '../../identity/key-file.ts';
import { CHARTER, type Charter, charterProblem } from '../../ledger/charter.ts';
import { signCharter } from '../../ledger/signed-votes.ts';
import { ask } from '../../net/ask.ts';
import { nmc } from '../../support/command-text.ts';
import { emit } from '../../support/emit.ts';
import { UserError } from '../../support/errors.ts';
import { parsedJson } from '../../support/parsed-json.ts';
import { printed } from '../../support/printable.ts';
import { follows, shapeProblem } from '../../support/shape.ts';
import { EXIT } from '../shell/command.ts';
import { withMesh } from './mesh-link.ts';
import type { MeshFileArguments } from './options.ts';

const EXAMPLE =
  '{"settings":{"auditRate":{"value":0.025,"least":0.01,"most":0.2}},"quorum":0.3,"majority":0.5,"standing":0.01,"voting":360,"delay":360}';

/** @throws UserError `file/missing`, `ledger/charter`, `ledger/refused` */
export async function giveCharter(args: MeshFileArguments, path: string): Promise<number> {
  if (args.nats?.length)
    throw new UserError(
      'usage',
      '--charter is given to a mesh that runs, --nats prepares one that does not',
      `prepare the servers, start a synchronizer, then ${nmc`mesh init --charter ${path}`}`,
    );
  const charter = readCharter(path);
  const keys = ensureKey(userKeyPath());
  await withMesh(args, (link) => ask(link, { what: 'order', order: signCharter(charter, link.peer, keys) }));
  if (args.json) emit({ event: 'chartered', ...charter });
  else process.stdout.write(printed`the mesh has its charter, for good    next: ${nmc`vote show`}\n`);
  return EXIT.done;
}

function readCharter(path: string): Charter {
  const charter = parsedJson(textIn(path));
  const problem = follows(CHARTER, charter) ? charterProblem(charter) : shapeProblem(CHARTER, charter);
  if (problem === undefined) return charter as Charter;
  throw new UserError('ledger/charter', `${path} is not a charter: ${problem}`, `for example ${EXAMPLE}`);
}

function textIn(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw (error as { readonly code?: unknown }).code === 'ENOENT'
      ? new UserError('file/missing', `there is no file ${path}`, `a charter is for example ${EXAMPLE}`)
      : error;
  }
}
