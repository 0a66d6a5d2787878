/**
 * What delay, loss and churn do to what is learnt: small networks with real numbers on sixty-four trainers in virtual time,
 * by rule, by where values are, and by schedule. Strict schedules have to come to the bits of one machine, and take longer;
 * `async` reads old values, and a shard whose trainer dies goes on from its last part beside neighbours that do not go back.
 */

import { pipelineProblem } from '../../../compiler/5-program/pipeline.ts';
import type { BuiltPlan } from '../../../compiler/8-plan/build.ts';
import { buildProgram } from '../../../compiler/compile.ts';
import { type Dataset, memoryDataset } from '../../../runtime/data/dataset.ts';
import { churnLives } from '../../../runtime/simulation/faults.ts';
import { stream } from '../../../spec/random.ts';
import { type HostedOptions, type HostedResult, trainHosted } from '../../mesh/hosted.ts';
import { builtPlan } from '../../support/built-plans.ts';
import { checked } from '../../support/check-source.ts';
import { type OneMachine, trainHere } from '../../support/one-machine.ts';
import { KeptRows } from '../kept-rows.ts';
import { type Context, type Part, percentText, type Row } from '../row.ts';

const NAME = 'chaos-numbers';
const [TRAINERS, SHARDS, LINKS] = [64, 4, 8];
const [INPUTS, WIDTH, CLASSES] = [16, 12, 4];
const [BATCH, TESTED] = [16, 1000];
const FULL = { batches: 40, epochs: 2 };
const TRIAL = { batches: 4, epochs: 1 };
/** Enough for the last error of the links, and for the ticks that three borders hold it back in `async`. */
const STALENESS = 2;
const TICKS = LINKS + STALENESS * (SHARDS - 1) + 2;
const SNAPSHOT_EVERY = 4;
const HOUR = 3_600_000;

/** As `learn` has them. */
const RULES: Readonly<Record<string, string>> = {
  il: `il(steps = ${TICKS}, rate = 0.2)`,
  ipc: `ipc(steps = ${TICKS}, rate = 0.2)`,
  nudged: `nudged(steps = ${TICKS}, rate = 0.2, beta = 0.5)`,
  pc_alm: `pc_alm(steps = ${TICKS}, rate = 0.2)`,
  fixed_prediction: `fixed_prediction(steps = ${TICKS})`,
};
const VALUES = ['all', 'borders'] as const;

/** A schedule, and how its plans are made. */
interface Schedule {
  readonly name: string;
  readonly microbatches: number;
  /** Of `async`: ticks by which a neighbour's values may be old. */
  readonly staleness?: number;
  /** Whether its trainings come to the bits of one machine, whatever happens to frames and trainers. */
  readonly isStrict: boolean;
}

const SCHEDULES: readonly Schedule[] = [
  { name: 'lockstep', microbatches: 1, isStrict: true },
  { name: 'pipelined', microbatches: 4, isStrict: true },
  { name: 'async', microbatches: 1, staleness: STALENESS, isStrict: false },
];

type Setting = Pick<HostedOptions, 'way' | 'loss' | 'damage' | 'kills'>;

/** One way takes 20 ms where nothing else is said. */
const SETTINGS: Readonly<Record<string, (seed: number) => Setting>> = {
  calm: () => ({}),
  '100 ms a way': () => ({ way: 100 }),
  '5 % lost': () => ({ loss: 0.05 }),
  '20 % lost': () => ({ loss: 0.2 }),
  churn: (seed) => ({ kills: churnLives(seed, TRAINERS, LIVES) }),
  'churn, 5 % lost, 0.1 % changed': (seed) => ({ loss: 0.05, damage: 0.001, kills: churnLives(seed, TRAINERS, LIVES) }),
};
/** Milliseconds: one of four owners dies every ten seconds. */
const LIVES = { lives: 40_000, away: 5000, until: HOUR };

export const chaosNumbersPart: Part = {
  name: NAME,
  what: `${LINKS} links in ${SHARDS} shards on ${TRAINERS} virtual trainers with real numbers: accuracy against delay, loss and churn`,
  takes: 'half an hour, kept as it goes',
  run,
};

interface Measured {
  readonly accuracy: number;
  /** Virtual seconds. */
  readonly seconds: number;
  readonly terms: number;
  readonly sameBits: boolean;
}

interface Case {
  readonly rule: string;
  readonly values: (typeof VALUES)[number];
  readonly schedule: Schedule;
}

interface Found {
  readonly of: Case;
  /** By setting. */
  readonly cells: readonly Measured[];
}

/** Of accuracy, by what happens to frames and trainers. */
const MOST_LOST = 0.01;

async function run(context: Context): Promise<readonly Row[]> {
  const kept = new KeptRows<Measured>(context, context.trial ? `${NAME}-trial` : NAME);
  const names = Object.keys(SETTINGS).filter((_, i) => !context.trial || i % 5 === 0);
  const found: Found[] = [];
  for (const of of casesOf(context)) {
    const cells: Measured[] = [];
    for (const setting of names) {
      const name = [of.rule, of.values, of.schedule.name, setting].join(', ');
      const measured =
        kept.get(name) ?? (await measure(of, SETTINGS[setting]?.(1) ?? {}, context.trial ? TRIAL : FULL));
      kept.keep(name, measured);
      cells.push(measured);
      context.progress(`${name}: ${cellOf(of.schedule, measured)}`);
    }
    found.push({ of, cells });
  }
  kept.done();
  context.table({
    name: NAME,
    head: ['rule', 'values', 'schedule', ...names],
    rows: found.map(({ of, cells }) => [
      ...[of.rule, of.values, of.schedule.name],
      ...cells.map((cell) => cellOf(of.schedule, cell)),
    ]),
  });
  const strict = found.filter(({ of }) => of.schedule.isStrict).flatMap(({ cells }) => cells);
  const same = strict.filter(({ sameBits }) => sameBits).length;
  const row: Row = {
    ...{ name: NAME, what: 'trainings in strict schedules that end with the bits of one machine', target: 'all' },
    measured: `${same} of ${strict.length}, ${strict.reduce((n, { terms }) => n + terms - 1, 0)} new terms`,
    ...(context.trial ? {} : { holds: same === strict.length }),
  };
  return [row, ...lostPoints(found, names, context.trial)];
}

/** What `async` loses under each fault, beside the same rule in lockstep where nothing happens. */
function lostPoints(found: readonly Found[], names: readonly string[], isTrial: boolean): Row[] {
  return found
    .filter(({ of }) => !of.schedule.isStrict)
    .map(({ of, cells }): Row => {
      const calm = found.find((f) => f.of.schedule.name === 'lockstep' && isSameTraining(f.of, of))?.cells[0];
      const lost = cells.map(({ accuracy }) => (calm?.accuracy ?? Number.NaN) - accuracy);
      const most = Math.max(...lost);
      return {
        name: `${NAME}-${of.rule.replaceAll('_', '-')}-${of.values}`,
        what: `${of.rule}, values: ${of.values}, async: points lost to calm lockstep; ${names.join('; ')}`,
        target: `<= ${100 * MOST_LOST}`,
        measured: lost.map((share) => (100 * share).toFixed(1)).join('; '),
        ...(isTrial ? {} : { holds: most <= MOST_LOST }),
      };
    });
}

const isSameTraining = (a: Case, b: Case): boolean => a.rule === b.rule && a.values === b.values;

function casesOf({ trial }: Context): Case[] {
  const all = Object.keys(RULES).flatMap((rule) =>
    VALUES.flatMap((values) => SCHEDULES.map((schedule): Case => ({ rule, values, schedule }))),
  );
  const possible = all.filter(isPossible);
  return trial ? possible.filter(({ schedule }) => schedule.microbatches === 1).slice(0, 2) : possible;
}

function isPossible({ rule, values, schedule }: Case): boolean {
  const { graph, task } = stagedOf({ rule, values, schedule: { ...schedule, microbatches: 1 } });
  return schedule.microbatches === 1 || !task || pipelineProblem(graph, task) === undefined;
}

function cellOf({ isStrict }: Schedule, { accuracy, seconds, terms, sameBits }: Measured): string {
  const bits = isStrict && !sameBits ? ', OTHER BITS' : '';
  const again = terms > 1 ? `, ${terms} terms` : '';
  return `${percentText(accuracy)} in ${seconds.toFixed(0)} s${again}${bits}`;
}

const here = new Map<string, Promise<OneMachine>>();

async function measure(of: Case, setting: Setting, { batches, epochs }: typeof FULL): Promise<Measured> {
  const plan = planOf(of);
  const data = { train: clusters('train', BATCH * batches), checks: [clusters('test', TESTED)] };
  const name = [of.rule, of.values, of.schedule.name].join(', ');
  const one = here.get(name) ?? trainHere(plan, data, epochs);
  here.set(name, one);
  const there = await trainHosted({
    ...{ plan, ...data, trainers: TRAINERS, epochs, snapshotEvery: SNAPSHOT_EVERY, seed: 1, until: HOUR },
    ...setting,
  });
  if (there.run?.phase !== 'done') throw new Error(`${name} is ${there.run?.phase}: ${there.run?.reason}`);
  return {
    accuracy: there.run.checks[0]?.value ?? Number.NaN,
    seconds: there.milliseconds / 1000,
    terms: there.run.term,
    sameBits: haveSameBits(await one, there),
  };
}

/** Of all weights that are learnt. */
function haveSameBits({ weights }: OneMachine, { states }: HostedResult): boolean {
  const learnt = [...weights].filter(([name]) => !name.includes(':'));
  return learnt.every(([name, values]) => {
    const shard = Array.from({ length: SHARDS }, (_, s) => s).find((s) => states.has(`${s}/${name}`));
    const found = states.get(`${shard}/${name}`);
    return found?.every((value, i) => Object.is(value, values[i])) ?? false;
  });
}

function planOf(of: Case): BuiltPlan {
  return builtPlan(stagedOf(of), { shards: SHARDS });
}

function stagedOf({ rule, values, schedule }: Case): ReturnType<typeof buildProgram> {
  const all = checked(modelText(rule, values));
  const [task] = all.trains;
  if (!task) throw new Error('no task');
  const { microbatches, staleness } = schedule;
  const async = staleness === undefined ? undefined : { staleness };
  return buildProgram({ checked: all, model: task.model, task, predicts: all.predicts }, { microbatches, async });
}

function modelText(rule: string, values: string): string {
  const hidden = Array.from({ length: LINKS - 1 }, (_, i) => `h${i + 1}`);
  const data = `data.file("clusters.npz", x = f32[${INPUTS}], kind = int)`;
  return `pcn 1

import std/nodes
import std/links
import std/learn
import std/data

model clusters {
  sense x: f32[${INPUTS}]
${hidden.map((h) => `  node  ${h}: f32[${WIDTH}] = nodes.gaussian()`).join('\n')}
  node  y: f32[${CLASSES}] = nodes.gaussian()
  link x -> ${hidden.join(' -> ')} = links.dense(after = tanh)
  link ${hidden.at(-1)} -> y = links.dense()
}

schedule whole of clusters {
  cut_at = nodes
}

train task of clusters on ${data} {
  clamp x = sample.x
  clamp y = one_hot(sample.kind, ${CLASSES})

  method    = learn.${RULES[rule]}
  values    = ${values}
  optimizer = learn.adam(rate = 0.005)
  batch     = ${BATCH}
  epochs    = 1
}

predict answer of clusters {
  clamp x = input.x
  read kind = argmax(y)
}

check accuracy(answer.kind, ${data}.kind) >= 0.1
`;
}

const APART = 0.6;

/** Normal numbers about the middle of each sample's class. */
function clusters(name: string, samples: number): Dataset {
  const [middles, rng] = [stream(1, 'middles'), stream(1, name)];
  const kind = Int32Array.from({ length: samples }, (_, i) => rng.bits(1_000_000 + i) % CLASSES);
  const x = Float32Array.from({ length: samples * INPUTS }, (_, i) => {
    const of = (kind[Math.floor(i / INPUTS)] ?? 0) * INPUTS + (i % INPUTS);
    return APART * middles.normal(of) + 0.8 * rng.normal(i);
  });
  return memoryDataset(name, 'drawn', [
    { field: { name: 'x', type: 'f32', shape: [INPUTS] }, data: x },
    { field: { name: 'kind', type: 'i32', shape: [] }, data: kind },
  ]);
}
