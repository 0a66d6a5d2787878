/** Speed beside other libraries: `npm run bench -- --peers`, whose scripts and environments lie outside the repository. */
import { NETWORKS, type NetworkName } from '../../../runtime/cli/measuring/reference-networks.ts';
import { runCommand } from '../process.ts';
import { type Context, notRun, type Part, type Row } from '../row.ts';

export const peersPart: Part = {
  name: 'peers',
  what: 'speed divided by that of JAX by hand, PCX and FabricPC',
  takes: 'an hour or more',
  run: measure,
};

async function measure(context: Context): Promise<readonly Row[]> {
  if (context.peers === undefined)
    return [notRun('peers', peersPart.what, 'see the rows', 'needs their scripts (--peers DIR)')];
  if (context.trial) return [notRun('peers', peersPart.what, 'see the rows', 'a trial')];
  const args = ['run', '--silent', 'bench', '--', '--peers', context.peers];
  const end = await runCommand('npm', args, { cwd: context.root, onLine: context.progress });
  const [head, , ...lines] = end.lines.filter((line) => line.startsWith('| ')).map(cellsOf);
  if (head === undefined || lines.length === 0) throw new Error(end.tail);
  const found = lines.map((cells) => ({
    rule: cells[head.indexOf('rule')] ?? '',
    network: cells[head.indexOf('network')] as NetworkName,
    peer: cells[head.indexOf('peer')] ?? '',
    times: cells[head.indexOf('times as fast')] ?? '',
    target: cells[head.indexOf('target')] ?? '',
    calm: cells[head.indexOf('calm')] ?? '',
  }));
  const peers = [...new Set(found.map(({ peer }) => peer))];
  const kinds = new Map(found.map((one) => [labelOf(one.network, one.rule), one]));
  context.table({
    name: 'peers',
    head: ['network, rule', ...peers],
    rows: [...kinds].map(([label, { rule, network }]) => [
      label,
      ...peers.map((peer) => {
        const one = found.find((f) => f.rule === rule && f.network === network && f.peer === peer);
        return one ? `${one.times} (${one.calm} rounds calm)` : '';
      }),
    ]),
  });
  return found.map(({ rule, network, peer, times, target, calm }) => ({
    name: 'peers',
    what: `${labelOf(network, rule)}: times as fast as ${peer}`,
    target: target === '' ? '-' : `>= ${target.replace(' MISSED', '')}`,
    measured: `${times} (${calm} rounds calm)`,
    holds: !target.endsWith('MISSED'),
  }));
}

const cellsOf = (line: string): string[] => line.slice(2, -2).split(' | ');

function labelOf(network: NetworkName, rule: string): string {
  const { widths, batch, ticks } = NETWORKS[network];
  return `${widths.join('-')}, B = ${batch}, T = ${ticks}, ${rule}`;
}
