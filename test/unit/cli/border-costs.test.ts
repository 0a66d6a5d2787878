/** Costs of a border come out of rounds of two trainers, whatever of them is whose. */
import { expect, test } from 'vitest';
import { verify } from '../../../compiler/5-program/verify.ts';
import { lowerToCpu } from '../../../compiler/7-kernels/onnx/lower.ts';
import { STATE_BYTES, sharedProgram } from '../../../runtime/cli/measuring/batch-costs.ts';
import { type BorderTimes, better, costsOfRounds } from '../../../runtime/cli/measuring/border-costs.ts';
import { hasLanes, trainsInLanes } from '../../../runtime/device/cpu/lanes.ts';

const [TURN, BYTE] = [20e-6, 1e-11];
const [STREAM, CROWD, CROWDED_STREAM, CROWD_BYTE] = [200e-6, 300e-6, 120e-6, 2e-9];
const [FRAME, FRAME_BYTE, CALL, APART, APART_BYTE, LAG] = [500e-6, 5e-9, 2e-3, 100e-6, 2e-9, 50e-6];
const BYTES = 4 * (32 * 1024 - 64);
const FAR_BYTES = 4 * (512 - 32) * 1024;
const VALUE_BYTE = 4e-10;
const [STATE_BYTE, COMMIT] = [7e-10, 900e-6];
const [FAR, BATCH, SAMPLE_BYTE] = [3e-9, 300e-6, 1e-9];

/** By the clock. */
const ALONE = 700e-6;
const COMMITTED = BATCH + TURN + 128 * 16 * SAMPLE_BYTE + COMMIT;

/** A round is a frame there, one back, and a share of its call. */
function rounds(): BorderTimes {
  const round = (bytes: number, apart: boolean, inCall = 24, more = 0) => {
    const turn = TURN + FRAME + more + bytes * (FRAME_BYTE + 2 * BYTE + (apart ? APART_BYTE + 2 * VALUE_BYTE : 0));
    return { processor: 2 * (turn + (apart ? APART : 0)) + CALL / inCall, lag: 2 * LAG };
  };
  return {
    few: round(0, false),
    many: round(BYTES, false),
    huge: round(BYTES + FAR_BYTES, false, 24, FAR_BYTES * FAR),
    brief: round(0, false, 2),
    stream: { processor: 2 * 8 * (TURN + STREAM) + CALL / 24, lag: 0 },
    fewApart: round(0, true),
    crowded: round(0, false, 24, CROWD),
    crowdedMany: round(BYTES, false, 24, CROWD + BYTES * CROWD_BYTE),
    crowdedStream: { processor: 2 * 8 * (TURN + CROWDED_STREAM) + CALL / 24, lag: 0 },
    manyApart: round(BYTES, true),
    batches: {
      few: BATCH + TURN + 128 * 16 * SAMPLE_BYTE,
      many: BATCH + TURN + 128 * 4096 * SAMPLE_BYTE,
      committed: COMMITTED,
      large: COMMITTED + STATE_BYTES * 3 * STATE_BYTE,
      alone: ALONE + 128 * 16 * SAMPLE_BYTE,
    },
  };
}

test('each cost is what the others leave of a round', () => {
  const costs = costsOfRounds(rounds(), TURN, { byte: BYTE, valueByte: VALUE_BYTE, stateByte: STATE_BYTE });
  const expected = {
    ...{
      frame: FRAME,
      frameByte: FRAME_BYTE,
      framePath: FRAME + LAG,
      framePathByte: FRAME_BYTE,
      window: CALL / 2 - BATCH,
    },
    ...{
      streamFrame: STREAM,
      crowdedFrame: FRAME + CROWD,
      crowdedStreamFrame: CROWDED_STREAM,
      crowdedFrameByte: FRAME_BYTE + CROWD_BYTE,
      apartRun: APART + TURN,
      apartByte: APART_BYTE,
      farFrameByte: FAR,
      batch: BATCH,
      sampleByte: SAMPLE_BYTE,
      commit: COMMIT,
      recordByte: 2 * STATE_BYTE,
      aloneBatch: ALONE,
    },
  };
  expect(Object.keys(costs).sort()).toEqual(Object.keys(expected).sort());
  for (const [name, value] of Object.entries(expected))
    expect(costs[name as keyof typeof costs]).toBeCloseTo(value, 12);
});

test('threads share the batches of the only shard that is measured', () => {
  const program = sharedProgram(16);
  verify(program);
  const executable = { program, files: lowerToCpu(program) };
  expect([hasLanes(executable), trainsInLanes(executable)]).toEqual([true, true]);
});

test('no cost is negative, and the way of a frame is at most twice its work', () => {
  const [busy, idle] = [
    { processor: 1e-3, lag: 1 },
    { processor: 0, lag: -1 },
  ];
  const costs = costsOfRounds(
    {
      ...{ few: busy, many: idle, huge: idle, brief: idle, stream: idle, fewApart: idle, manyApart: busy },
      ...{ crowded: idle, crowdedMany: idle, crowdedStream: idle },
      batches: { few: 0, many: 1, committed: 1, large: 0, alone: 0 },
    },
    0,
    { byte: 1, valueByte: 1, stateByte: 1 },
  );
  for (const seconds of Object.values(costs)) expect(seconds).toBeGreaterThanOrEqual(0);
  expect(costs.framePath).toBe(2 * costs.frame);
  // A crowd makes none cheaper.
  expect(costs.crowdedFrame).toBe(costs.frame);
  expect(costs.crowdedFrameByte).toBe(costs.frameByte);
  expect(costsOfRounds({ ...rounds(), few: idle }, 1, { byte: 1, valueByte: 1, stateByte: 1 }).framePath).toBe(0);
});

test('of two measurements the least work counts and the least time, not the most that went on at once', () => {
  const [quiet, disturbed] = [
    { processor: 3, lag: -1 },
    { processor: 5, lag: -2.5 },
  ];
  for (const [one, other] of [
    [quiet, disturbed],
    [disturbed, quiet],
  ] as const)
    expect(better(one, other)).toEqual(quiet);
  expect(better(undefined, disturbed)).toBe(disturbed);
  expect(better({ processor: 3, lag: 2 }, { processor: 4, lag: 0 })).toEqual({ processor: 3, lag: 1 });
});
