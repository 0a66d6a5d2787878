/** `/metrics` is read by a parser that takes nothing but the text format of Prometheus, version 0.0.4. */
import { expect, test } from 'vitest';
import type { GatewayCounters } from '../../../runtime/net/gateway.ts';
import { metricsText } from '../../../runtime/net/mesh-metrics.ts';
import { emptySynchronizer } from '../../../runtime/roles/synchronizer.ts';
import { runFrom, type SynchronizerState, UNTROUBLED } from '../../../runtime/roles/synchronizer-state.ts';
import { chain } from '../../mesh/simulated.ts';

interface Family {
  readonly help: string;
  readonly type: string;
  readonly samples: readonly { readonly labels: string; readonly value: number }[];
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const LABEL = '[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\\\\n]|\\\\["\\\\n])*"';
const HELP = new RegExp(`^# HELP (${NAME}) ((?:[^\\\\]|\\\\[\\\\n])+)$`);
const TYPE = new RegExp(`^# TYPE (${NAME}) (counter|gauge)$`);
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(${LABEL}(?:,${LABEL})*)\\})? (-?[0-9.]+(?:e[+-]?[0-9]+)?)$`);

/** Each family once, its help, its type, then its samples, no two with the same labels. */
function parsed(text: string): Map<string, Family> {
  if (!text.endsWith('\n')) throw new Error('the last line has no end');
  const families = new Map<string, Family>();
  const lines = text.split('\n').slice(0, -1);
  while (lines.length > 0) {
    const [, name = '', help = ''] = HELP.exec(lines.shift() ?? '') ?? fail('no help');
    const [, typed = '', type = ''] = TYPE.exec(lines.shift() ?? '') ?? fail('no type');
    if (typed !== name || families.has(name)) fail(`${name} is not one family`);
    if ((type === 'counter') !== name.endsWith('_total')) fail(`${name} is no ${type}`);
    const samples: { labels: string; value: number }[] = [];
    while (lines.length > 0 && !lines[0]?.startsWith('#')) {
      const [, of = '', labels = '', value = ''] = SAMPLE.exec(lines.shift() ?? '') ?? fail('no sample');
      if (of !== name || samples.some((s) => s.labels === labels)) fail(`${of}{${labels}} in ${name}`);
      samples.push({ labels, value: Number(value) });
    }
    families.set(name, { help, type, samples });
  }
  return families;
}

function fail(why: string): never {
  throw new Error(why);
}

const COUNTERS: GatewayCounters = { refused: { schema: 3 }, relayedBytes: 5, relayedPackets: 1, connections: 2 };

test('every metric has help and type, and every line follows the format', () => {
  const odd = 'a"b\\c\nd{e="f"} 1';
  const deployment = { ...chain(2, 1, 1, 1), run: odd };
  const stored = { deployment, hash: '', phase: 'running' as const, term: 1, owners: ['k', 'k'], instances: {} };
  const rest = { manifests: [], rows: [], checks: [], reason: odd, created: 0, ...UNTROUBLED };
  const run = runFrom({ ...stored, ...rest }, 0);
  const report = { run: odd, term: 1, state: 'running' as const, calls: 0, bytesSent: 1e21, bytesReceived: 1e-9 };
  const reports = [0, 1].map((shard) => ({
    ...{ ...report, shard, ticksPerSecond: shard === 0 ? Number.NaN : 2.5, busy: Number.POSITIVE_INFINITY, reason: '' },
  }));
  const state: SynchronizerState = {
    ...emptySynchronizer(0),
    runs: { [odd]: { ...run, reports: Object.fromEntries(reports.entries()) } },
  };
  const families = parsed(metricsText(state, COUNTERS));
  expect(families.size).toBeGreaterThanOrEqual(8);
  // What is not a number is left out.
  expect(families.get('nmc_shard_ticks_per_second')?.samples).toMatchObject([{ value: 2.5 }]);
  expect(families.get('nmc_refused_total')).toMatchObject({ type: 'counter', samples: [{ value: 3 }] });
  expect(families.get('nmc_shard_border_bytes_total')?.samples).toHaveLength(4);
  expect(parsed(metricsText(emptySynchronizer(0), COUNTERS)).size).toBe(families.size);
});

test('the parser refuses lines that the format does not have', () => {
  const head = '# HELP a b\n# TYPE a gauge\n';
  expect(() => parsed(`${head}a{b="c"} 1\n`)).not.toThrow();
  for (const bad of ['a 1', 'a{b="c} 1\n', 'a{b=c} 1\n', 'a NaN x\n', 'b 1\n', 'a 1\na 2\n', 'a{b="\\x"} 1\n', '\n'])
    expect(() => parsed(`${head}${bad}`), bad).toThrow();
  expect(() => parsed('a 1\n')).toThrow();
});
