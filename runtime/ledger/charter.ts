/**
 * What a mesh lets those vote who have earned something in it, and the bounds that no vote can change: its charter, which
 * is entered once. Its clock is the ledger's: one segment after the other.
 */
import { AUDIT_RATE_FLOOR } from '../audit/draw.ts';
import { count, list, number, object, oneOf, optional, type Shape, type TypeOf } from '../support/shape.ts';
import { at, id, key, positive, signature } from './entry-shapes.ts';

/** In force when the ledger takes the charter, and between which a vote may put it. */
const bounded = object({ value: number, least: number, most: number });

export const CHARTER = object({
  settings: object({
    /** Share of the stretches of each trainer that are done again. */
    auditRate: optional(bounded),
    /** Tokens that a server asks at most for the prediction of one sample. */
    price: optional(bounded),
    /** Keys of operators that may deploy; it can only be narrowed. */
    deployers: optional(list(key)),
  }),
  /** Share of all weight that has to have voted, 0 < q ≤ 1. */
  quorum: number,
  /** More than this share of the votes have to be `yes`, 0.5 ≤ m < 1. */
  majority: number,
  /** Share of all weight that one has to have to propose something. */
  standing: number,
  /** Whole segments of the ledger in which votes are taken, and between the decision and the change. */
  voting: positive,
  delay: positive,
});
export type Charter = TypeOf<typeof CHARTER>;
export type Bounded = NonNullable<Charter['settings']['auditRate']>;
type SettingName = keyof Charter['settings'];

/** What is in force; nothing of what a mesh does not let anyone vote on. */
export interface Settings {
  readonly auditRate?: number;
  readonly price?: number;
  readonly deployers?: readonly string[];
}

export const SETTING_NAMES = ['auditRate', 'price', 'deployers'] as const satisfies readonly SettingName[];
const KEYS_OF_DEPLOYERS = 256;
const value: Shape<number | readonly string[]> = {
  schema: () => ({ anyOf: [number.schema(), { ...list(key).schema(), maxItems: KEYS_OF_DEPLOYERS }] }),
};

export const VOTES = {
  /** By an operator, once. */
  charter: { at, charter: CHARTER, by: key, sig: signature },
  proposed: { at, id, setting: oneOf(...SETTING_NAMES), value, by: key, sig: signature },
  voted: { at, proposal: id, vote: oneOf('yes', 'no'), by: key, sig: signature },
  /** The votes are counted: weight for and against it, and of all that could have voted. */
  decided: { at, proposal: id, yes: count, no: count, of: count, outcome: oneOf('passed', 'failed') },
  /** It is in force from this record on. */
  applied: { at, proposal: id, setting: oneOf(...SETTING_NAMES), value },
} as const;

/** Bounds lie within these in every mesh. */
const RANGES = {
  auditRate: { least: AUDIT_RATE_FLOOR, most: 1, isWhole: false },
  price: { least: 1, most: 1_000_000_000, isWhole: true },
} as const;
type NumberName = keyof typeof RANGES;
const MAX_SEGMENTS = 1_000_000;
const MIN_STANDING = 0.001;

/** What is wrong with a charter; nothing where it holds. */
export function charterProblem({ settings, quorum, majority, standing, voting, delay }: Charter): string | undefined {
  const { deployers } = settings;
  if (SETTING_NAMES.every((name) => settings[name] === undefined)) return 'no setting is voted on';
  for (const name of ['auditRate', 'price'] as const) {
    const bounds = settings[name];
    const { least, most, isWhole } = RANGES[name];
    if (bounds && !isWithin(bounds, RANGES[name]))
      return `${name}: ${least} ≤ least ≤ value ≤ most ≤ ${most} has to hold${isWhole ? ', in whole numbers' : ''}`;
  }
  if (deployers && (deployers.length === 0 || deployers.length > KEYS_OF_DEPLOYERS || hasTwice(deployers)))
    return `deployers: 1 to ${KEYS_OF_DEPLOYERS} keys have to be listed, each once`;
  if (!(quorum > 0 && quorum <= 1)) return 'quorum: it has to be above 0, and at most 1';
  if (!(majority >= 0.5 && majority < 1)) return 'majority: it has to be at least 0.5, and below 1';
  if (!(standing >= MIN_STANDING && standing <= 0.5))
    return `standing: it has to be at least ${MIN_STANDING}, and at most 0.5`;
  if (voting > MAX_SEGMENTS || delay > MAX_SEGMENTS) return `voting, delay: at most ${MAX_SEGMENTS} segments`;
  return undefined;
}

export function firstSettings({ settings: { auditRate, price, deployers } }: Charter): Settings {
  return {
    ...(auditRate ? { auditRate: auditRate.value } : {}),
    ...(price ? { price: price.value } : {}),
    ...(deployers ? { deployers } : {}),
  };
}

/** Why a setting may not become that; nothing where it may. @param now what is in force */
export function valueProblem(
  charter: Charter,
  now: Settings,
  setting: SettingName,
  next: number | readonly string[],
): string | undefined {
  if (now[setting] === undefined) return `${setting} is not voted on in this mesh`;
  return setting === 'deployers'
    ? narrowingProblem(now.deployers ?? [], next)
    : numberProblem(charter, now, setting, next);
}

function numberProblem({ settings }: Charter, now: Settings, name: NumberName, next: unknown): string | undefined {
  const bounds = settings[name];
  if (!bounds || typeof next !== 'number') return `${name} is a number`;
  if (next < bounds.least || next > bounds.most)
    return `${name} has to lie between ${bounds.least} and ${bounds.most}: the mesh has bound itself to that`;
  if (RANGES[name].isWhole && !Number.isInteger(next)) return `${name} is a whole number`;
  return next === now[name] ? `${name} is ${next} already` : undefined;
}

function narrowingProblem(now: readonly string[], next: unknown): string | undefined {
  if (!Array.isArray(next)) return 'deployers is a list of keys';
  if (next.length === 0) return 'deployers: one key has to be left';
  const isLess = next.length < now.length && next.every((one) => now.includes(one)) && !hasTwice(next);
  return isLess ? undefined : 'deployers: who may deploy can only be narrowed, to some of the keys that may now';
}

function isWithin({ value: now, least, most }: Bounded, range: (typeof RANGES)[NumberName]): boolean {
  if (range.isWhole && ![now, least, most].every(Number.isInteger)) return false;
  return range.least <= least && least <= now && now <= most && most <= range.most;
}

function hasTwice(keys: readonly string[]): boolean {
  return new Set(keys).size !== keys.length;
}
