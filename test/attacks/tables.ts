/** What `npm run attacks` says: a table of each kind, and whether all of them hold. */
import { AUDITOR_HEAD, type AuditorRow, auditorCells, auditorsHold } from './auditors.ts';
import { GAIN_HEAD, type Gain, gainCells, gainRow, losesMoney } from './economics.ts';
import { isBounded, PAYMENT_HEAD, type PaymentRow, paymentCells } from './payments.ts';
import { cellsOf, HEAD, type Row, renderRows } from './rows.ts';
import { isFoundEnough, SYNCHRONIZER_HEAD, type SynchronizerRow, synchronizerCells } from './synchronizers.ts';

/** Rows of all kinds. */
export interface Tables {
  readonly work: readonly Row[];
  readonly auditors: readonly AuditorRow[];
  readonly lies: readonly SynchronizerRow[];
  readonly gains: readonly Gain[];
  readonly payments: readonly PaymentRow[];
}

export function allHold({ work, auditors, lies, gains, payments }: Tables): boolean {
  return (
    work.every(holds) &&
    auditors.every(auditorsHold) &&
    lies.every(isFoundEnough) &&
    gains.every(losesMoney) &&
    payments.every(isBounded)
  );
}

export function rendered({ work, auditors, lies, gains, payments }: Tables): string {
  return [
    work.length > 0 ? renderRows(HEAD, work.map(cellsOf)) : '',
    auditors.length > 0 ? renderRows(AUDITOR_HEAD, auditors.map(auditorCells)) : '',
    lies.length > 0 ? renderRows(SYNCHRONIZER_HEAD, lies.map(synchronizerCells)) : '',
    gains.length > 0 ? renderRows(GAIN_HEAD, gains.map(gainCells)) : '',
    payments.length > 0 ? renderRows(PAYMENT_HEAD, payments.map(paymentCells)) : '',
  ]
    .filter((table) => table !== '')
    .join('\n');
}

export function printJson({ work, auditors, lies, gains, payments }: Tables): void {
  for (const row of work) console.log(JSON.stringify(row));
  for (const gain of gains) console.log(JSON.stringify(gainRow(gain)));
  for (const { attack, ...row } of [...auditors, ...lies, ...payments])
    console.log(JSON.stringify({ attack: attack.name, ...row }));
}

/** No honest trainer is punished, and replays say what was taken for granted. */
function holds({ punished, otherwise }: Row): boolean {
  return punished === 0 && otherwise === 0;
}
