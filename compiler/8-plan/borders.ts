/** Counts the bytes that cross between shards, from their schedules. */
import type { PlanBorder, PlanFlow } from '../../spec/plan.ts';
import { sizeOf } from '../../spec/program.ts';
import type { ShardSchedule } from '../../spec/schedule.ts';
import { runsOf, tickOf } from '../6-partition/shards/runs.ts';

/** Of one value, by the codecs that frames have (wire.md). */
const BYTES = { f32: 4, f16: 2, f64: 8 };

/** @param name of the function that counts: `train`, or a prediction where nothing is trained */
export function countBorders(schedules: readonly ShardSchedule[], name: string): PlanBorder[] {
  const flows = schedules.flatMap((schedule) => flowsFrom(schedule, name));
  const borders = new Map<string, { shards: [number, number]; flows: PlanFlow[] }>();
  for (const flow of flows) {
    const shards: [number, number] = [Math.min(flow.from, flow.to), Math.max(flow.from, flow.to)];
    const key = shards.join('-');
    const border = borders.get(key) ?? { shards, flows: [] };
    border.flows.push(flow);
    borders.set(key, border);
  }
  return [...borders.values()]
    .map(({ shards, flows: both }) => ({ shards, flows: both.sort((a, b) => a.from - b.from) }))
    .sort((a, b) => a.shards[0] - b.shards[0] || a.shards[1] - b.shards[1]);
}

function flowsFrom(schedule: ShardSchedule, name: string): PlanFlow[] {
  const messages = new Map(schedule.messages.map((m) => [m.id, m]));
  const flows = new Map<
    number,
    { messagesPerTick: number; valuesPerTick: number; messagesPerBatch: number; valuesPerBatch: number }
  >();
  for (const { f, times } of runsOf(schedule, name)) {
    const tick = tickOf(f);
    for (const stage of f.stages)
      for (const id of stage.segments.flatMap((s) => s.send)) {
        const message = messages.get(id);
        if (!message) continue;
        const values = message.values.reduce((sum, v) => sum + sizeOf(v.shape), 0);
        const flow = flows.get(message.to) ?? {
          messagesPerTick: 0,
          valuesPerTick: 0,
          messagesPerBatch: 0,
          valuesPerBatch: 0,
        };
        if (stage === tick) {
          flow.messagesPerTick += times;
          flow.valuesPerTick += values * times;
        }
        flow.messagesPerBatch += stage.repeat * times;
        flow.valuesPerBatch += values * stage.repeat * times;
        flows.set(message.to, flow);
      }
  }
  return [...flows].map(([to, flow]) => {
    const { valuesPerTick: n } = flow;
    const bytesPerTick = { f32: n * BYTES.f32, f16: n * BYTES.f16, f64: n * BYTES.f64 };
    return { from: schedule.shard, to, ...flow, bytesPerTick };
  });
}
