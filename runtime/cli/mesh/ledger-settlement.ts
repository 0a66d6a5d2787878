/**
 * `nmc ledger settler`, `bind`, `withdraw`, and `export --evm`: tokens that leave a mesh, for a contract that pays them. Keys of
 * wallets are never asked for: what they sign is printed, and their signature is brought.
 */
import type { ChainedRecord } from '../../backplane/backplane.ts';
import { keyText } from '../../identity/key-text.ts';
import { readEntry } from '../../ledger/entry.ts';
import { type Contract, rootTypedData, type Settlement, settlementOf } from '../../ledger/settlement.ts';
import { bindingText, settlerText, signBinding, signSettler, signWithdrawal } from '../../ledger/signed-settlement.ts';
import { LedgerReader } from '../../ledger/verify.ts';
import { walletOf } from '../../ledger/wallet.ts';
import { nmc } from '../../support/command-text.ts';
import { emit } from '../../support/emit.ts';
import { UserError } from '../../support/errors.ts';
import { printed } from '../../support/printable.ts';
import { EXIT } from '../shell/command.ts';
import { enter, nextNumber, payer, withLedger } from './ledger-payments.ts';
import type { LedgerArguments } from './options.ts';

const NOT_AUDITED = 'the contract is not audited: do not trust it with anything of value';

/** By a synchronizer's key, which is the mesh's: the wallet of this address signs roots. From the first one on tokens can be withdrawn. */
export async function settler(args: LedgerArguments): Promise<number> {
  const address = addressIn(args, nmc`ledger settler 0xADDRESS --key STATE/key.json`);
  const { keys } = payer(args);
  return withLedger(args, async (link) => {
    if (keyText(keys.publicKey) !== link.peer)
      throw new UserError(
        'ledger/refused',
        'a settler is named by the mesh itself',
        `name the key of its synchronizers: ${nmc`ledger settler ${address} --key STATE/key.json`}`,
      );
    const wallet = signatureIn(args, address, settlerText(address, link.peer));
    if (wallet === undefined) return EXIT.done;
    await enter(link, signSettler({ address, wallet }, keys));
    return said(args, { event: 'settler', address }, `${address} signs roots of what was withdrawn`);
  });
}

/** What this user's key withdraws from here on is paid to the address. */
export async function bind(args: LedgerArguments): Promise<number> {
  const address = addressIn(args, nmc`ledger bind 0xADDRESS`);
  const { keys } = payer(args);
  return withLedger(args, async (link, state) => {
    const [by, number] = [keyText(keys.publicKey), nextNumber(state, keys)];
    const wallet = signatureIn(args, address, bindingText({ by, address, number }, link.peer));
    if (wallet === undefined) return EXIT.done;
    await enter(link, signBinding({ address, number, wallet }, link.peer, keys));
    return said(args, { event: 'bound', key: by, address }, `what ${by} withdraws is paid to ${address}`);
  });
}

/** For good: no command brings these tokens back into the mesh. */
export async function withdraw(args: LedgerArguments): Promise<number> {
  const { tokens } = args;
  if (tokens === undefined)
    throw new UserError('usage', 'say how many tokens', `for example ${nmc`ledger withdraw --tokens 100`}`);
  const { keys } = payer(args);
  return withLedger(args, async (link, state) => {
    await enter(link, signWithdrawal({ tokens, number: nextNumber(state, keys) }, link.peer, keys));
    const address = state.accounts.get(keyText(keys.publicKey))?.address ?? '';
    return said(args, { event: 'withdrawn', tokens, address }, `${tokens} tokens are out of the mesh, for ${address}`);
  });
}

/**
 * The root and the proofs of what was withdrawn, up to a record that is signed; and with a contract what its settlers sign.
 * @throws UserError `ledger/damaged`, `ledger/withdrawn`
 */
export async function settlementText(args: LedgerArguments, records: readonly ChainedRecord[]): Promise<string> {
  const settlement = settlementAt(records, args.record);
  const contract = contractIn(args);
  return `${JSON.stringify(contract ? { ...settlement, sign: rootTypedData(settlement, contract) } : settlement, null, 2)}\n`;
}

export function warnNotAudited(): void {
  process.stderr.write(`warning: ${NOT_AUDITED}\n`);
}

/** As of the last seal, or the last one of the records up to `most`: what is not signed may still be another one. */
function settlementAt(records: readonly ChainedRecord[], most = Number.MAX_SAFE_INTEGER): Settlement {
  const end = records.findLastIndex(({ sequence, value }) => sequence <= most && isSeal(value)) + 1;
  const reader = new LedgerReader();
  for (const record of records.slice(0, end)) reader.add(record);
  const [first] = reader.problems;
  if (first) throw new UserError('ledger/damaged', `the ledger does not hold: record ${first.sequence}: ${first.told}`);
  const settlement = settlementOf(reader.state);
  if (settlement) return settlement;
  throw new UserError(
    'ledger/withdrawn',
    `nothing was withdrawn up to the last seal${end > 0 ? `, record ${end}` : ''}`,
    `a key withdraws by ${nmc`ledger withdraw --tokens 100`}; it is sealed within ten seconds`,
  );
}

function isSeal(value: string): boolean {
  const read = readEntry(value);
  return 'entry' in read && read.entry.type === 'sealed';
}

function contractIn({ contract, chain, epoch, round }: LedgerArguments): Contract | undefined {
  if (contract === undefined) return undefined;
  if (!/^0x[0-9a-fA-F]{40}$/.test(contract) || chain === undefined || epoch === undefined)
    throw new UserError(
      'usage',
      'settlers sign for one contract, on one chain, and for its next epoch',
      `for example ${nmc`ledger export FILE --evm --contract 0xADDRESS --chain 1 --epoch 1`}`,
    );
  return { address: contract, chain, epoch, round: round ?? 0 };
}

/** Lower-case, as the ledger has it. */
function addressIn({ words: [address] }: LedgerArguments, example: string): string {
  if (address !== undefined && /^0x[0-9a-fA-F]{40}$/.test(address)) return address.toLowerCase();
  throw new UserError('usage', 'an address of 0x and 40 hexadecimal digits is to be named', `for example ${example}`);
}

/** Without one the text is printed that the wallet has to sign. @throws UserError `ledger/wallet` */
function signatureIn(args: LedgerArguments, address: string, text: string): string | undefined {
  const { signature } = args;
  if (signature === undefined) {
    if (args.json) emit({ event: 'to-sign', address, text });
    else
      process.stdout.write(
        printed`sign this with the wallet of ${address} (personal_sign), then give it again with --signature 0x…\n${text}\n`,
      );
    return undefined;
  }
  if (walletOf(text, signature.toLowerCase()) === address) return signature.toLowerCase();
  throw new UserError(
    'ledger/wallet',
    `${address} has signed another text, or another wallet has signed`,
    'give the command without --signature: it prints the text as it is now',
  );
}

function said(args: LedgerArguments, event: Readonly<Record<string, unknown>>, text: string): number {
  warnNotAudited();
  if (args.json) emit(event);
  else process.stdout.write(printed`${text}    next: ${nmc`ledger export settlement.json --evm`}\n`);
  return EXIT.done;
}
