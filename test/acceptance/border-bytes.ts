/** Bytes that a training batch sends between shards under each codec, counted while some batches really train. */
import { openPlanOfRun, openShardsOfRun } from '../../runtime/cli/planning/open-plan.ts';
import { storedSettings, trainingOf } from '../../runtime/cli/training/train-settings.ts';
import { dataOpener, keptVocabulary, openTrainingData } from '../../runtime/cli/training/training-data.ts';
import { feedBatches } from '../../runtime/data/feed.ts';
import { statisticsOf } from '../../runtime/data/statistics.ts';
import { openHere } from '../../runtime/device/cpu/here.ts';
import type { Device, DeviceSession } from '../../runtime/device/device.ts';
import { Lockstep } from '../../runtime/shard/lockstep.ts';
import { openSession, type ShardSession } from '../../runtime/shard/session.ts';
import { fillStates } from '../../runtime/shard/shard.ts';
import type { ShardSource } from '../../runtime/shard/shards.ts';
import { openRun } from '../../runtime/store/run-folder.ts';
import type { BorderCodec } from '../../runtime/wire/codec.ts';
import { frameEncoder } from '../../runtime/wire/frame-encoder.ts';
import { HEADER_BYTES } from '../../runtime/wire/header.ts';
import { TRAIN } from '../../spec/names.ts';
import { sizeOf } from '../../spec/program.ts';

/** Of ONNX Runtime, in this thread. */
const HERE: Device = {
  name: 'cpu',
  description: 'ONNX Runtime, 1 thread',
  open: async (executable) => openHere(executable, 1),
};

/**
 * @param directory of a run, from whose weights the batches begin
 * @returns the mean of a training batch, with the headers of its frames
 */
export async function bytesOfBatch(
  directory: string,
  data: string,
  codec: BorderCodec,
  batches: number,
): Promise<number> {
  const run = openRun(directory);
  const settings = storedSettings(run.config, data, 'cpu');
  const { plan, sources } = await openShardsOfRun(directory, HERE);
  const training = trainingOf(plan);
  const vocabulary = keptVocabulary(directory, run.config);
  const { train } = await openTrainingData(plan, training, dataOpener({ ...settings, vocabulary }));
  const statistics = statisticsOf(
    sources.flatMap(({ executable }) => executable.program.states),
    train,
  );
  const devices = await Promise.all(sources.map(({ executable }) => HERE.open(executable)));
  try {
    const tensors = run.readParameters();
    for (const [i, { executable }] of sources.entries())
      await fillStates(devices[i] as DeviceSession, executable.program.states, {
        seed: 1,
        statistics,
        weights: tensors,
      });
    let bytes = 0;
    const count = (more: number): void => {
      bytes += more;
    };
    const sessions = sources.map((source, i) =>
      counted(openSession(source.schedule, source.executable, devices[i] as DeviceSession), source, codec, count),
    );
    const lockstep = new Lockstep(sessions, false, codec);
    const order = { seed: 1, batch: training.batch, epochs: 1, dropLast: true };
    const names = training.inputs.map(({ name }) => name);
    let batch = 0;
    for await (const fed of feedBatches(train, order, names)) {
      await lockstep.run(TRAIN, fed.fields, { batch, batches: batches * 1000 });
      fed.release();
      if (++batch === batches) break;
    }
    return bytes / batch;
  } finally {
    await Promise.all(devices.map((device) => device.close()));
  }
}

/** @param count told of the bytes of each frame that the session sends */
function counted(
  session: ShardSession,
  { schedule }: ShardSource,
  codec: BorderCodec,
  count: (bytes: number) => void,
): ShardSession {
  const encode = frameEncoder(codec, schedule);
  return {
    shard: session.shard,
    schedule: session.schedule,
    start: (part) => session.start(part),
    deliver: (...frame) => session.deliver(...frame),
    isFree: (message) => session.isFree(message),
    reset: () => session.reset(),
    advance: async () => {
      const step = await session.advance();
      if (step.kind === 'send') for (const frame of step.frames) count(encode(frame).payload.length + HEADER_BYTES);
      return step;
    },
  };
}

/**
 * Bytes that backpropagation sends in a pipeline over the same cut: each value that crosses once there and its error once
 * back, in f32. A tick has all of them; where a way has no ticks (what is clamped is told once) it is its largest message.
 */
export function bytesOfBackpropagation(directory: string): number {
  const { plan, schedules } = openPlanOfRun(directory);
  const largest = (from: number, to: number): number => {
    const messages = schedules.flatMap((s) =>
      s.messages.filter((m) => s.shard === m.from && m.from === from && m.to === to),
    );
    return Math.max(0, ...messages.map((m) => m.values.reduce((sum, v) => sum + sizeOf([...v.shape]), 0)));
  };
  const values = plan.borders.flatMap(({ flows }) =>
    flows.map(({ from, to, valuesPerTick }) => valuesPerTick || largest(from, to)),
  );
  return Float32Array.BYTES_PER_ELEMENT * values.reduce((sum, n) => sum + n, 0);
}
