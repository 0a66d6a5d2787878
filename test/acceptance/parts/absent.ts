/**
 * Neighbours that are absent from a run of schedule `async`, with real numbers in virtual time: a trainer that is stopped
 * for five seconds in every twenty, and a shard that stays empty to the end. In a fork the others go on without it; in a
 * chain nothing is learnt without it, and the run says what it has lost.
 */
import { lowerEachToCpu } from '../../../compiler/7-kernels/onnx/shards.ts';
import type { BuiltPlan } from '../../../compiler/8-plan/build.ts';
import { buildProgram } from '../../../compiler/compile.ts';
import { trainingOf } from '../../../runtime/cli/training/train-settings.ts';
import { dataOpener, limitTo, openTrainingData } from '../../../runtime/cli/training/training-data.ts';
import { openHere } from '../../../runtime/device/cpu/here.ts';
import type { Device } from '../../../runtime/device/device.ts';
import { type HostedOptions, type HostedResult, trainHosted } from '../../mesh/hosted.ts';
import { builtPlan } from '../../support/built-plans.ts';
import { checked } from '../../support/check-source.ts';
import { type Context, dataWith, noData, notRun, type Part, percentText, type Row } from '../row.ts';

const NAME = 'absent';
const [SHARDS, BATCH, STALENESS, SNAPSHOT_EVERY] = [4, 64, 2, 20];
const FULL = { hidden: 64, limit: 400 * BATCH, tested: 10_000 };
const TRIAL = { hidden: 16, limit: 40 * BATCH, tested: 200 };
/** Virtual milliseconds. */
const [EVERY, STOPPED, FIRST, HOUR] = [20_000, 5000, 3000, 3_600_000];
/** Share of the rate that the others keep; and of accuracy that may be lost, with a trainer that is stopped and without a shard. */
const [KEPT, STOPPED_LOSES, EMPTY_LOSES] = [0.8, 0.01, 0.02];
/** The shard that is absent has this node, and nothing else. */
const ABSENT = 'left';

const LINKS = {
  fork: `link pixels -> left  = links.dense(after = tanh)
  link pixels -> right = links.dense(after = tanh)
  link left -> label   = links.dense()
  link right -> label  = links.dense()`,
  chain: `link pixels -> left = links.dense(after = tanh)
  link left -> right  = links.dense(after = tanh)
  link right -> label = links.dense()`,
};

const modelText = (links: keyof typeof LINKS, hidden: number): string => `pcn 1

import std/nodes
import std/links
import std/learn
import std/data

model ways {
  sense pixels: f32[784]
  node  left:   f32[${hidden}] = nodes.gaussian()
  node  right:  f32[${hidden}] = nodes.gaussian()
  node  label:  f32[10] = nodes.gaussian()

  ${LINKS[links]}
}

train il of ways on data.mnist.train {
  clamp pixels = (sample.image / 255 - 0.1307) / 0.3081
  clamp label  = one_hot(sample.digit, 10)

  method    = learn.il(steps = 12, rate = 0.1)
  optimizer = learn.adam(rate = 0.001)
  batch     = ${BATCH}
  epochs    = 1
}

predict classify of ways {
  clamp pixels = (input.image / 255 - 0.1307) / 0.3081
  read digit = argmax(label)
}

check accuracy(classify.digit, data.mnist.test.digit) >= 0.5
`;

export const absentPart: Part = {
  name: NAME,
  what: 'async on virtual trainers with real numbers: one stopped for 5 s every 20 s, and a shard that stays empty',
  takes: 'ten minutes',
  run,
};

interface Ended {
  readonly result: HostedResult;
  /** As the trainers have measured it, without what is lost; and with all weights as they are kept. */
  readonly told: number;
  readonly accuracy: number;
  /** Batches a virtual second, of each shard. */
  readonly rates: readonly number[];
}

async function run(context: Context): Promise<readonly Row[]> {
  const folder = dataWith(context, 'mnist');
  if (folder === undefined) return [notRun(NAME, 'absent neighbours', 'shown', noData('mnist'))];
  const fork = await Ways.of('fork', folder, context);
  const calm = await fork.trained('undisturbed', {});
  const stopped = await fork.trained('one stopped', { pauses: pausesOf(fork.absent) });
  const empty = await fork.trained('one empty', emptyOf(fork.absent));
  const chain = await Ways.of('chain', folder, context);
  return [...stoppedRows(fork, calm, stopped), emptyRow(context, calm, empty), await waitingRow(chain)].map((row) =>
    context.trial ? withoutVerdict(row) : row,
  );
}

const withoutVerdict = ({ holds: _holds, ...row }: Row): Row => row;

function stoppedRows({ absent }: Ways, calm: Ended, stopped: Ended): Row[] {
  const kept = calm.rates.flatMap((rate, shard) => (shard === absent ? [] : [(stopped.rates[shard] ?? 0) / rate]));
  const least = Math.min(...kept);
  const what = `a fork in ${SHARDS} shards, one trainer stopped for ${STOPPED / 1000} s every ${EVERY / 1000} s`;
  return [
    {
      ...{ name: `${NAME}-rate`, what: `${what}: rate of the others`, target: `>= ${100 * KEPT} %` },
      measured: `${percentText(least)} at least; ${percentText((stopped.rates[absent] ?? 0) / (calm.rates[absent] ?? 1))} its own`,
      holds: least >= KEPT,
    },
    {
      ...{ name: `${NAME}-accuracy`, what: `${what}: accuracy`, target: `within ${100 * STOPPED_LOSES} points` },
      measured: `${percentText(stopped.accuracy)}, ${percentText(calm.accuracy)} undisturbed`,
      holds: stopped.accuracy >= calm.accuracy - STOPPED_LOSES,
    },
  ];
}

function emptyRow({ trial }: Context, calm: Ended, { result, accuracy, told }: Ended): Row {
  const { lost = [], reason } = result.run ?? {};
  if (!trial && lost.length === 0) throw new Error('nothing was given up');
  return {
    ...{
      name: `${NAME}-empty`,
      what: `a fork in ${SHARDS} shards, one empty from ${(2 * FIRST) / 1000} s to the end: accuracy`,
    },
    target: `within ${100 * EMPTY_LOSES} points`,
    measured: `${percentText(accuracy)}, ${percentText(told)} without it, ${percentText(calm.accuracy)} undisturbed: ${reason}`,
    holds: accuracy >= calm.accuracy - EMPTY_LOSES && told >= calm.accuracy - EMPTY_LOSES,
  };
}

/** In a chain: nothing is learnt without any shard. */
async function waitingRow(chain: Ways): Promise<Row> {
  const { run, log, begun } = await chain.result({ ...emptyOf(chain.absent), until: 6 * FIRST });
  const waits = log.find(({ event }) => event === 'waiting');
  const later = begun.filter(({ at }) => at > 2 * FIRST + STOPPED).length;
  return {
    ...{
      name: `${NAME}-chain`,
      what: `a chain in ${SHARDS} shards, one empty from ${(2 * FIRST) / 1000} s on`,
      target: 'all wait, and it says so',
    },
    measured: `${run?.phase}, ${later} batches begun behind ${(2 * FIRST + STOPPED) / 1000} s: ${waits?.reason ?? 'nothing said'}`,
    holds: later === 0 && waits !== undefined && run?.phase === 'running',
  };
}

const pausesOf = (trainer: number): HostedOptions['pauses'] =>
  Array.from({ length: HOUR / EVERY }, (_, i) => FIRST + i * EVERY).map((at) => ({ at, trainer, until: at + STOPPED }));

/** Its trainer dies, and no other has room for it. */
const emptyOf = (trainer: number): Pick<HostedOptions, 'kills' | 'limits'> => ({
  kills: [{ at: 2 * FIRST, trainer }],
  limits: { empty: STOPPED },
});

class Ways {
  /** The shard that is absent, which the trainer of its number has. */
  readonly absent: number;
  readonly #context: Context;
  readonly #name: keyof typeof LINKS;
  readonly #plan: BuiltPlan;
  readonly #data: Pick<HostedOptions, 'train' | 'checks'>;

  private constructor(context: Context, name: keyof typeof LINKS, plan: BuiltPlan, data: Ways['data']) {
    this.#context = context;
    this.#name = name;
    this.#plan = plan;
    this.#data = data;
    this.absent = plan.plan.shards.findIndex(({ nodes }) => nodes.join() === ABSENT);
    if (this.absent < 0) throw new Error(`no shard of the ${name} has ${ABSENT} alone`);
  }

  static async of(name: keyof typeof LINKS, folder: string, context: Context): Promise<Ways> {
    const { hidden, limit, tested } = context.trial ? TRIAL : FULL;
    const all = checked(modelText(name, hidden));
    const [task] = all.trains;
    if (!task) throw new Error('no task');
    const async = { staleness: STALENESS, late: 'absent' } as const;
    const staged = buildProgram({ checked: all, model: task.model, task, predicts: all.predicts }, { async });
    const plan = builtPlan(staged, { shards: SHARDS });
    const settings = { seed: 1, data: folder, folder: context.root, limit };
    const { train, checks } = await openTrainingData(plan.plan, trainingOf(plan.plan), dataOpener(settings));
    return new Ways(context, name, plan, { train, checks: checks.map((set) => limitTo(set, tested)) });
  }

  get data(): Pick<HostedOptions, 'train' | 'checks'> {
    return this.#data;
  }

  /** Of a run that is over, or goes on. */
  result(faults: Partial<HostedOptions>): Promise<HostedResult> {
    const lowered = lowerEachToCpu((this.#plan.shards ?? []).map(({ program }) => program));
    const device: Device = { name: 'cpu', description: 'one thread', open: async (e) => openHere(e, 1) };
    return trainHosted({
      ...{ plan: this.#plan, ...this.#data, trainers: SHARDS, epochs: 1, snapshotEvery: SNAPSHOT_EVERY, seed: 1 },
      ...{ device: () => device, checker: device, oneEach: 'its own', until: HOUR, ...faults },
      files: (shard) => new Map(lowered(shard).map(({ name, bytes }) => [name, bytes])),
    });
  }

  async trained(what: string, faults: Pick<HostedOptions, 'pauses' | 'kills' | 'limits'>): Promise<Ended> {
    const result = await this.result(faults);
    const { run } = result;
    if (run?.phase !== 'done') throw new Error(`${this.#name}, ${what}: ${run?.phase}, ${run?.reason}`);
    const told = Number(result.log.find(({ event }) => event === 'epoch')?.accuracy);
    const ended = { result, told, accuracy: run.checks[0]?.value ?? Number.NaN, rates: this.#ratesOf(result) };
    this.#context.progress(
      `${this.#name}, ${what}: ${percentText(ended.accuracy)}, ${percentText(told)} as told, batches a second ${ended.rates.map((r) => r.toFixed(2)).join(' ')}; ${(result.milliseconds / 1000).toFixed(0)} s`,
    );
    return ended;
  }

  #ratesOf({ begun }: HostedResult): number[] {
    const batches = Math.floor(this.#data.train.length / BATCH);
    return Array.from({ length: SHARDS }, (_, shard) => {
      const own = begun.filter((b) => b.shard === shard && b.call < batches);
      const [first, last] = [own[0], own.at(-1)];
      return first && last && last.at > first.at ? (1000 * (own.length - 1)) / (last.at - first.at) : 0;
    });
  }
}
