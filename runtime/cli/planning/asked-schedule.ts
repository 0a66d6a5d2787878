/** Which schedule a training in shards has: what the command line says, else what the model's `schedule` blocks say. */
import type { ScheduleInstance } from '../../../compiler/3-check/checked.ts';
import { SCHEDULES, type ScheduleName } from '../../../compiler/5-program/rule-schedules.ts';
import type { Selected } from '../../../compiler/compile.ts';
import { UserError } from '../../support/errors.ts';

export type { ScheduleName };

/** The origin of a setting: an option, a schedule of the model, or none. */
export interface Asked<T> {
  readonly value: T;
  /** `--schedule`, `schedule home`. */
  readonly by: string;
}

export interface AskedSchedule {
  /** Absent: not given. A plan knows, a model is trained in lockstep. */
  readonly schedule?: Asked<ScheduleName>;
  /** Of `async`: how many ticks old a neighbour's values may be, where somebody said it. */
  readonly staleness?: Asked<number>;
  /** Of `async`: what becomes of a neighbour that does not answer, where somebody said it. */
  readonly late?: Asked<Late>;
  /** Parts of a batch, where it is pipelined or asynchronous and somebody said how many. */
  readonly microbatches?: Asked<number>;
  /** Whether a batch begins before the weight step of the one before it: 1, where somebody said so. */
  readonly ahead?: Asked<number>;
}

/** One part is lockstep. */
export function isPipelined({ schedule, microbatches }: AskedSchedule): boolean {
  return schedule?.value === 'pipelined' && microbatches?.value !== 1;
}

/** Whether an option of the command said it, and no schedule of the model. */
export const isOption = ({ by }: Asked<unknown>): boolean => by.startsWith('--');

interface ScheduleArguments {
  readonly microbatches: number | undefined;
  readonly ahead: number | undefined;
  readonly schedule?: string | undefined;
  readonly staleness?: number | undefined;
  readonly late?: string | undefined;
}

/** Frames of a neighbour that does not answer are waited for, or it counts as absent until they come. */
export const LATE = ['wait', 'absent'] as const;
export type Late = (typeof LATE)[number];

/**
 * Options win over the model, each by itself.
 *
 * @param schedules of the model that is trained; of several the first that says it counts
 * @throws UserError for an unknown schedule, or what does not go with it
 */
export function askedSchedule(args: ScheduleArguments, schedules: readonly ScheduleInstance[]): AskedSchedule {
  const parts = args.microbatches;
  const begun = args.ahead;
  const given: Requested = {
    schedule: optionOf(args),
    microbatches: parts === undefined ? undefined : { value: parts, by: '--microbatches' },
    ahead: begun === undefined ? undefined : { value: begun, by: '--ahead' },
  };
  const declared = declaredBy(schedules);
  const said = impliedBy(given, declared.schedule) ?? impliedBy(declared);
  const stale = args.staleness;
  const option = (['staleness', 'late'] as const).find((name) => args[name] !== undefined);
  if (option !== undefined && said?.value !== 'async')
    throw new UserError(
      'deploy/schedule',
      `--${option}: only in the schedule async may values be old, and ${said ? `${said.by} asks for ${said.value}` : 'neither the command nor the model asks for it'}`,
      `add --schedule async, or leave out --${option}`,
    );
  if (said?.value !== 'pipelined') {
    if (given.ahead?.value === 1)
      throw notAhead(
        given.ahead,
        said ? `${said.by} asks for ${said.value}` : 'neither the command nor the model asks for it',
      );
    if (said?.value !== 'async') return said ? { schedule: said } : {};
    const staleness = stale === undefined ? numberIn(schedules, 'staleness') : { value: stale, by: '--staleness' };
    const late = lateOf(args) ?? declaredLate(schedules);
    const parts = given.microbatches ?? declared.microbatches;
    const divided = parts && { microbatches: parts };
    return { schedule: said, ...(staleness && { staleness }), ...(late && { late }), ...divided };
  }
  const microbatches = given.microbatches ?? declared.microbatches;
  // One part is lockstep: who asks for it says so of what the model has of ahead, too.
  const undivided = given.microbatches?.value === 1;
  const ahead = given.ahead ?? (undivided ? undefined : declared.ahead);
  if (ahead?.value === 1 && microbatches?.value === 1)
    throw notAhead(ahead, `${microbatches.by} asks for one microbatch, which means lockstep`);
  return { schedule: said, ...(microbatches && { microbatches }), ...(ahead?.value === 1 && { ahead }) };
}

function notAhead({ by }: Asked<number>, why: string): UserError {
  return new UserError(
    'deploy/ahead',
    `${by}: a batch begins ahead of the one before it in the schedule pipelined, and ${why}`,
    'ask for pipelined (--microbatches K), or leave out ahead',
  );
}

interface Requested {
  readonly schedule?: Asked<ScheduleName> | undefined;
  readonly microbatches?: Asked<number> | undefined;
  readonly ahead?: Asked<number> | undefined;
}

/**
 * The schedule that one side asks for; a number of microbatches alone means `pipelined`.
 *
 * @param otherwise what the other side asks for: a number alone divides the batches of `async`, too
 */
function impliedBy(
  { schedule, microbatches }: Requested,
  otherwise?: Asked<ScheduleName>,
): Asked<ScheduleName> | undefined {
  if (schedule?.value === 'lockstep' && (microbatches?.value ?? 1) > 1)
    throw new UserError(
      'deploy/schedule',
      `${schedule.by} asks for ${schedule.value}, which does not divide a batch, and ${microbatches?.by} for ${microbatches?.value} microbatches`,
      'ask for pipelined, or leave out the microbatches',
    );
  if (!schedule && microbatches && otherwise?.value === 'async') return otherwise;
  return schedule ?? (microbatches && { value: 'pipelined', by: microbatches.by });
}

function optionOf(args: ScheduleArguments): Asked<ScheduleName> | undefined {
  const name = args.schedule;
  if (name === undefined) return undefined;
  const known = scheduleNamed(name);
  if (known) return { value: known, by: '--schedule' };
  throw new UserError('deploy/schedule', `the schedule ${name} is unknown`, `use one of ${SCHEDULES.join(', ')}`);
}

function lateOf({ late: name }: ScheduleArguments): Asked<Late> | undefined {
  if (name === undefined) return undefined;
  const value = LATE.find((known) => known === name);
  if (value) return { value, by: '--late' };
  throw new UserError('deploy/schedule', `--late ${name} is unknown`, `use one of ${LATE.join(', ')}`);
}

function declaredLate(schedules: readonly ScheduleInstance[]): Asked<Late> | undefined {
  const words = schedules.flatMap(({ name, settings: { late } }) => {
    const word = typeof late === 'object' && late.kind === 'symbol' ? late.name : undefined;
    const value = LATE.find((known) => known === word);
    return value ? [{ value, by: `schedule ${name}` }] : [];
  });
  return words[0];
}

/** As plans have it: they say nothing of a schedule that waits. */
export const leaving = ({ late }: AskedSchedule): { readonly late?: 'absent' } =>
  late?.value === 'absent' ? { late: 'absent' } : {};

function scheduleNamed(name: string): ScheduleName | undefined {
  return SCHEDULES.find((known) => known === name);
}

function declaredBy(schedules: readonly ScheduleInstance[]): Requested {
  const modes = schedules.flatMap(({ name, settings: { mode } }) => {
    const word = typeof mode === 'object' && mode.kind === 'symbol' ? mode.name : undefined;
    const known = word === undefined ? undefined : scheduleNamed(word);
    return known ? [{ value: known, by: `schedule ${name}` }] : [];
  });
  return {
    schedule: modes[0],
    microbatches: numberIn(schedules, 'microbatches'),
    ahead: numberIn(schedules, 'ahead'),
  };
}

/** Of several schedules the first that says it counts. */
function numberIn(schedules: readonly ScheduleInstance[], setting: string): Asked<number> | undefined {
  for (const { name, settings } of schedules) {
    const value = settings[setting];
    if (typeof value === 'number') return { value, by: `schedule ${name}` };
  }
  return undefined;
}

/** `--partition K`, else what the model says; 1 by default. */
export function askedShards(
  args: { readonly partition: number | undefined },
  schedules: readonly ScheduleInstance[],
): number {
  return saidShards(args, schedules)?.value ?? 1;
}

/** Nothing where it was not given. */
export function saidShards(
  { partition }: { readonly partition: number | undefined },
  schedules: readonly ScheduleInstance[],
): Asked<number> | undefined {
  return partition === undefined ? numberIn(schedules, 'shards') : { value: partition, by: '--partition' };
}

/** Of the model that is trained. */
export function schedulesOf({ checked, model }: Selected): readonly ScheduleInstance[] {
  return checked.schedules.filter((s) => s.model === model.name);
}
