/** Insight for developers and the curious, by the environment variable NMC_DEBUG. Each level includes those below. */

import { UserError } from './errors.ts';

/** The README lists these words for word. */
export const DEBUG_LEVELS = [
  { level: 1, topic: 'stages', shows: 'stages and their times' },
  { level: 2, topic: 'timing', shows: 'milliseconds, GFLOP/s and GB/s of each kernel' },
  { level: 3, topic: 'partition', shows: 'the choices of the partitioner' },
  { level: 4, topic: 'kernels', shows: 'the source of each kernel' },
  { level: 5, topic: 'graph', shows: 'the graph after each pass' },
  { level: 6, topic: 'messages', shows: 'microseconds of each tick of a shard' },
] as const;

export type DebugTopic = (typeof DEBUG_LEVELS)[number]['topic'];

export interface Log {
  /** Whether the topic is shown; to skip the work of describing what is not shown. */
  shows(topic: DebugTopic): boolean;
  /** Writes the text, each line marked with its topic. Give a function where making the text costs time. */
  debug(topic: DebugTopic, text: string | (() => string)): void;
}

/** NMC_DEBUG as a level, 0 when it is not set. @throws UserError `debug/level` */
export function debugLevel(environment: Readonly<Record<string, string | undefined>> = process.env): number {
  const text = environment.NMC_DEBUG?.trim() ?? '';
  if (text === '') return 0;
  if (/^[0-6]$/.test(text)) return Number(text);
  const levels = DEBUG_LEVELS.map(({ level, topic }) => `${level} ${topic}`).join(', ');
  throw new UserError('debug/level', `NMC_DEBUG is "${text}", not a level from 0 to 6`, `use one of ${levels}`);
}

/** @param write gets whole lines; stderr by default, because stdout belongs to results */
export function createLog(level: number, write: (line: string) => void = writeToStderr): Log {
  const levelOf = (topic: DebugTopic): number => DEBUG_LEVELS.find((row) => row.topic === topic)?.level ?? 0;
  const shows = (topic: DebugTopic): boolean => levelOf(topic) <= level;
  return {
    shows,
    debug(topic, text) {
      if (!shows(topic)) return;
      const lines = (typeof text === 'string' ? text : text()).replace(/\n$/, '').split('\n');
      for (const line of lines) write(`[${topic}] ${line}\n`);
    },
  };
}

function writeToStderr(line: string): void {
  process.stderr.write(line);
}
