/** `nmc vote`: proposes a change of what a mesh lets its trainers vote on, votes, and shows both. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import type { KeyPair } from '../../identity/ed25519.ts';
import { ensureKey, readKey, userKeyPath } from '../../identity/key-file.ts';
import { joinedKeyFile } from '../../identity/known-meshes.ts';
import { SETTING_NAMES } from '../../ledger/charter.ts';
import type { EntryOf } from '../../ledger/entry.ts';
import type { Governance } from '../../ledger/governance.ts';
import { signProposal, signVote } from '../../ledger/signed-votes.ts';
import type { LedgerState } from '../../ledger/state.ts';
import { countVotes, isVotedOn } from '../../ledger/votes.ts';
import { addressText } from '../../net/address.ts';
import { ask } from '../../net/ask.ts';
import { nmc } from '../../support/command-text.ts';
import { emit } from '../../support/emit.ts';
import { UserError } from '../../support/errors.ts';
import { printed } from '../../support/printable.ts';
import { EXIT } from '../shell/command.ts';
import { soundLedger } from './ledger-source.ts';
import { openMeshToLook } from './look-link.ts';
import { meshAddress } from './mesh-link.ts';
import type { VoteArguments } from './options.ts';

type Setting = EntryOf<'proposed'>['setting'];

export default async function (args: VoteArguments): Promise<number> {
  if (args.action === 'show') return show(args);
  return args.action === 'propose' ? propose(args) : cast(args);
}

async function propose(args: VoteArguments): Promise<number> {
  const [setting, value] = proposalIn(args.words);
  const id = randomBytes(16).toString('hex');
  await enter(args, (mesh, keys) => signProposal({ id, setting, value }, mesh, keys));
  if (args.json) emit({ event: 'proposed', proposal: id, setting, value });
  else process.stdout.write(printed`${id}    next: ${nmc`vote cast ${id} yes`}\n`);
  return EXIT.done;
}

async function cast(args: VoteArguments): Promise<number> {
  const [proposal, vote] = args.words;
  if (proposal === undefined || !/^[0-9a-f]{32}$/.test(proposal) || (vote !== 'yes' && vote !== 'no'))
    throw new UserError(
      'usage',
      'a proposal is to be named, and yes or no',
      `for example ${nmc`vote cast ${'0'.repeat(32)} yes`}; proposals: ${nmc`vote show`}`,
    );
  await enter(args, (mesh, keys) => signVote({ proposal, vote }, mesh, keys));
  if (args.json) emit({ event: 'voted', proposal, vote });
  else process.stdout.write(printed`voted ${vote}    next: ${nmc`vote show`}\n`);
  return EXIT.done;
}

/** Over any connection: the entry carries the signature of the key whose word it is. */
async function enter(
  args: VoteArguments,
  entry: (mesh: string, keys: KeyPair) => { readonly type: string },
): Promise<void> {
  const { link, reached } = await openMeshToLook(args);
  try {
    await ask(link, { what: 'order', order: { ...entry(link.peer, ownKeys({ ...args, ...reached })) } });
  } finally {
    link.close();
  }
}

/** Tokens are earned by trainers: of one that has joined this mesh it is the key that counts. */
function ownKeys(args: VoteArguments): KeyPair {
  if (args.key !== undefined) return readKey(args.key);
  const joined = joinedKeyFile(addressText(meshAddress(args)));
  return joined !== undefined && existsSync(joined) ? readKey(joined) : ensureKey(userKeyPath());
}

function proposalIn([setting, value]: readonly string[]): [Setting, number | readonly string[]] {
  if (
    (setting === 'auditRate' || setting === 'price') &&
    value !== undefined &&
    value.trim() !== '' &&
    Number.isFinite(Number(value))
  )
    return [setting, Number(value)];
  if (setting === 'deployers' && value !== undefined) return [setting, value.split(',').map((key) => key.trim())];
  throw new UserError(
    'usage',
    'a setting and its value are to be named',
    `for example ${nmc`vote propose auditRate 0.05`}, or ${nmc`vote propose deployers KEY,KEY`}`,
  );
}

/** What is in force, and what was proposed, of a mesh or of a copy of its ledger. */
async function show(args: VoteArguments): Promise<number> {
  const { state } = await soundLedger(args);
  const { governance } = state;
  if (!governance)
    throw new UserError(
      'ledger/charter',
      'there are no votes in this mesh: it has no charter',
      `an operator gives it one, once: ${nmc`mesh init --charter FILE`}`,
    );
  const { settings, since, charter } = governance;
  const proposals = toldProposals(state, governance);
  if (args.json) {
    emit({ event: 'governance', settings, since, seals: state.seals, charter: charter.charter });
    for (const proposal of proposals) emit({ event: 'proposal', ...proposal });
    return EXIT.done;
  }
  for (const name of SETTING_NAMES)
    if (settings[name] !== undefined)
      process.stdout.write(
        printed`in force  ${name} ${JSON.stringify(settings[name])}, since record ${String(since[name])}\n`,
      );
  for (const { proposal, setting, value, state: now, yes, no, of, votesEnd } of proposals) {
    const left = votesEnd === undefined ? '' : `; votes are taken for ${votesEnd - state.seals} more seals`;
    process.stdout.write(printed`${now.padEnd(9)} ${proposal}  ${setting} ${JSON.stringify(value)}: `);
    process.stdout.write(printed`${yes} tokens for it, ${no} against it, of ${of}${left}\n`);
  }
  if (proposals.length === 0)
    process.stdout.write(printed`nothing was proposed    for example ${nmc`vote propose auditRate 0.05`}\n`);
  return EXIT.done;
}

interface ToldProposal {
  readonly proposal: string;
  readonly setting: Setting;
  readonly value: number | readonly string[];
  readonly by: string;
  readonly state: 'voting' | 'counting' | 'passed' | 'applied' | 'failed' | 'lapsed';
  /** Tokens that the keys had earned at the seal before it. */
  readonly yes: number;
  readonly no: number;
  readonly of: number;
  /** Number of the record that ended it. */
  readonly record?: number;
  /** Seals of the ledger behind which none is taken any more. */
  readonly votesEnd?: number;
}

function toldProposals(state: LedgerState, governance: Governance): readonly ToldProposal[] {
  const over = governance.past.map(({ entry, outcome, sequence, ...counted }) => ({
    ...{ ...toldEntry(entry), state: outcome, ...counted, record: sequence },
  }));
  const open = [...governance.proposals.values()].map((proposal): ToldProposal => {
    const told = { ...toldEntry(proposal.entry), ...countVotes(state, proposal) };
    if (proposal.passed) return { ...told, state: 'passed' };
    if (!isVotedOn(state, governance, proposal)) return { ...told, state: 'counting' };
    return { ...told, state: 'voting', votesEnd: proposal.seals + governance.charter.charter.voting + 1 };
  });
  return [...over, ...open];
}

function toldEntry({ id: proposal, setting, value, by }: EntryOf<'proposed'>) {
  return { proposal, setting, value, by };
}
