/**
 * `--peers FOLDER`: other people's libraries against `nmc`, on this machine, now. FOLDER holds their scripts, which take
 * `BATCH TICKS WIDTHS RULE` and print one JSON line; `--environments` a Python environment for each of them (default:
 * `nmc-peers` in the user's cache folder).
 */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { NETWORKS, type NetworkName, type Rule } from '../../runtime/cli/measuring/reference-networks.ts';
import { measureCeiling } from './ceiling.ts';
import { atLeast, type Figure, print, summarize, told } from './figure.ts';
import { runProcess } from './processes.ts';
import { type PeerLine, referenceLine } from './reference.ts';
import { bestRounds, isCalm, median, type Round, wereDisturbed } from './statistics.ts';
import { watchStolen } from './stolen.ts';
import { UsageError } from './usage-error.ts';

interface Peer {
  readonly name: string;
  /** Of its environment. */
  readonly folder: string;
  readonly script: string;
}

const JAX: Peer = { name: 'JAX by hand', folder: 'jax', script: 'hand_jax.py' };
const PCX: Peer = { name: 'PCX', folder: 'pcx', script: 'pcx_mlp.py' };
const FABRIC: Peer = { name: 'FabricPC', folder: 'fabric', script: 'fabricpc_mlp.py' };

interface Comparison {
  readonly rule: Rule;
  readonly network: NetworkName;
  readonly peer: Peer;
  /** How many times as fast as the peer `nmc` must be. */
  readonly target: number | null;
}

const COMPARISONS: readonly Comparison[] = [
  { rule: 'il', network: 'small', peer: JAX, target: 0.95 },
  { rule: 'il', network: 'small', peer: PCX, target: 1.5 },
  { rule: 'il', network: 'small', peer: FABRIC, target: 1.5 },
  { rule: 'il', network: 'large', peer: JAX, target: 0.95 },
  { rule: 'il', network: 'large', peer: PCX, target: null },
  { rule: 'il', network: 'large', peer: FABRIC, target: null },
  { rule: 'ipc', network: 'small', peer: JAX, target: 1.2 },
  { rule: 'ipc', network: 'small', peer: PCX, target: 1.4 },
  { rule: 'ipc', network: 'large', peer: JAX, target: 1.2 },
  { rule: 'ipc', network: 'large', peer: PCX, target: 1.4 },
  { rule: 'bp', network: 'small', peer: JAX, target: null },
  { rule: 'bp', network: 'small', peer: FABRIC, target: null },
  { rule: 'bp', network: 'large', peer: JAX, target: null },
  { rule: 'bp', network: 'large', peer: FABRIC, target: null },
];

export interface PeerOptions {
  readonly scripts: string;
  readonly environments: string | undefined;
  /** Calm rounds wanted of each comparison. */
  readonly rounds: number;
  readonly rule: Rule | undefined;
  readonly network: NetworkName | undefined;
}

/** Milliseconds a batch: ours just before and just after theirs, so that a slow drift of the machine cancels out. */
interface Sandwich {
  readonly before: PeerLine;
  readonly theirs: PeerLine;
  readonly after: PeerLine;
}

/** Rounds beyond those wanted that replace disturbed ones. */
const MAX_ROUNDS = 3;

export async function comparePeers(options: PeerOptions): Promise<number> {
  const started = performance.now();
  const { rule, network } = options;
  const chosen = COMPARISONS.filter(
    (c) => (rule === undefined || c.rule === rule) && (network === undefined || c.network === network),
  );
  const pythons = new Map(chosen.map(({ peer }) => [peer, pythonOf(peer, options.environments)]));
  const measured = new Map<Comparison, Round<Sandwich>[]>(chosen.map((c) => [c, []]));
  const missing = (c: Comparison): boolean => calmOf(measured.get(c) ?? []).length < options.rounds;
  // Each round goes once through everything that still lacks calm rounds, so all are spread over the whole time.
  for (let round = 0; round < options.rounds * MAX_ROUNDS && chosen.some(missing); round++)
    for (const comparison of chosen.filter(missing)) {
      const { peer } = comparison;
      const found = await sandwich(comparison, pythons.get(peer) ?? '', join(options.scripts, peer.script));
      measured.get(comparison)?.push(found);
      progress(round, comparison, found);
    }
  const rows = chosen.map((c) => rowOf(c, bestRounds(measured.get(c) ?? [], options.rounds)));
  for (const { figure } of rows) print(figure);
  process.stdout.write(`${table(rows)}\n`);
  return summarize(
    rows.map((r) => r.figure),
    (performance.now() - started) / 1000,
  );
}

function pythonOf({ folder }: Peer, environments: string | undefined): string {
  const root = environments ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'nmc-peers');
  const python = join(root, folder, 'bin', 'python');
  if (!existsSync(python))
    throw new UsageError(`there is no ${python}: make the environments first, or name their folder`);
  return python;
}

const calmOf = (rounds: readonly Round<Sandwich>[]): readonly Round<Sandwich>[] => rounds.filter(isCalm);

async function sandwich({ rule, network }: Comparison, python: string, script: string): Promise<Round<Sandwich>> {
  const { batch, ticks, widths } = NETWORKS[network];
  const args = [script, String(batch), String(ticks), widths.join('-'), rule];
  const ceilingBefore = await measureCeiling();
  const stolen = watchStolen();
  const before = await referenceLine(rule, network);
  const { stdout } = await runProcess(python, args, { environment: { JAX_PLATFORMS: 'cpu' } });
  const theirs = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as PeerLine;
  const after = await referenceLine(rule, network);
  return { value: { before, theirs, after }, stolen: stolen(), before: ceilingBefore, after: await measureCeiling() };
}

const ours = ({ before, after }: Sandwich): number => (before.ms_median + after.ms_median) / 2;
const ratio = (value: Sandwich): number => value.theirs.ms_median / ours(value);

function progress(round: number, { rule, network, peer }: Comparison, found: Round<Sandwich>): void {
  const disturbed = isCalm(found) ? '' : ', disturbed';
  const stolen = `${(100 * (found.stolen ?? 0)).toFixed(1)} % stolen`;
  process.stderr.write(
    `round ${round + 1}  ${rule} ${network}  nmc ${ours(found.value).toFixed(3)} ms  ${peer.name} ` +
      `${found.value.theirs.ms_median} ms  ${ratio(found.value).toFixed(2)} times as fast` +
      `  (ceiling ${found.before.toFixed(1)} to ${found.after.toFixed(1)} ms, ${stolen}${disturbed})\n`,
  );
}

interface Row {
  readonly figure: Figure;
  readonly cells: readonly string[];
}

const HEAD = [
  'rule',
  'network',
  'peer',
  'nmc ms',
  'peer ms',
  'times as fast',
  'target',
  'nmc ready s',
  'peer ready s',
  'calm',
];

function rowOf({ rule, network, peer, target }: Comparison, rounds: readonly Round<Sandwich>[]): Row {
  const values = rounds.map((r) => r.value);
  const times = median(values.map(ratio));
  const name = `${rule} ${network}: nmc against ${peer.name}`;
  const unit = 'times as fast';
  const figure = target === null ? told(name, times, unit) : atLeast(name, times, unit, target, null);
  const of = (pick: (value: Sandwich) => number, digits: number): string => median(values.map(pick)).toFixed(digits);
  const cells = [
    rule,
    network,
    peer.name,
    of(ours, 2),
    of((v) => v.theirs.ms_median, 2),
    times.toFixed(2),
    target === null ? '' : `${target}${figure.holds ? '' : ' MISSED'}`,
    of((v) => v.before.ready_s, 2),
    of((v) => v.theirs.ready_s, 2),
    `${calmOf(rounds).length} of ${rounds.length}`,
  ];
  return { figure: { ...figure, disturbed: wereDisturbed(rounds) }, cells };
}

function table(rows: readonly Row[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(HEAD), line(HEAD.map(() => '---')), ...rows.map((r) => line(r.cells))].join('\n');
}
