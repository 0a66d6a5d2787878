/** What audits and commitments cost, as a share of the training's work. */
import { AUDIT_RATE } from '../../../runtime/audit/draw.ts';
import { auditCosts, type CostedNetwork } from '../../mesh/audit-costs.ts';
import { type Context, type Part, percentText, type Row } from '../row.ts';

const NETWORK: CostedNetwork = { widths: [784, 512, 512, 10], batch: 256, ticks: 20, batches: 51 };
const TRIAL: CostedNetwork = { widths: [16, 8, 8, 4], batch: 8, ticks: 4, batches: 8 };
const [MAX_AUDITS, MAX_COMMITMENTS] = [0.05, 0.03];

export const auditCostsPart: Part = {
  name: 'audit-costs',
  what: 'what audits and commitments cost, of the work of the training, on one class of device and between two',
  takes: '10 minutes',
  run: measured,
};

async function measured(context: Context): Promise<readonly Row[]> {
  const network = context.trial ? TRIAL : NETWORK;
  const { stretch, work, commitments, same, other } = await auditCosts(network);
  const { widths, batch, ticks } = network;
  const of = `${widths.join('-')}, Adam, B=${batch}, T=${ticks}, two shards of one thread, stretches of ${stretch}`;
  const each = (seconds: number): string => `${(seconds / work).toFixed(2)} of the work that is done again`;
  const row = (name: string, what: string, share: number, most: number, more = ''): Row => ({
    ...{ name, what: `${what}: ${of}`, target: `<= ${percentText(most)} of the training's work` },
    measured: `${percentText(share)}${more}`,
    ...(context.trial ? {} : { holds: share <= most }),
  });
  const audits = `${percentText(AUDIT_RATE)} of stretches done again`;
  return [
    row(
      'audit-costs',
      `${audits}, on the same class of device`,
      AUDIT_RATE * (same / work),
      MAX_AUDITS,
      `, ${each(same)}`,
    ),
    row(
      'audit-costs-other',
      `${audits}, on another class`,
      AUDIT_RATE * (other / work),
      MAX_AUDITS,
      `, ${each(other)}`,
    ),
    row('commitment-costs', 'records, signed states and windows', commitments / work, MAX_COMMITMENTS),
  ];
}
