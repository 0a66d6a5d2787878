/** The learning rules of `std/learn` with their numbers, read once from a task. */
import type { CallValue, TrainTask, Value } from '../3-check/checked.ts';

export type Method =
  | {
      readonly rule: 'il' | 'ipc';
      readonly steps: number;
      readonly rate: number;
      readonly momentum: number;
      readonly nudge?: Nudge;
      readonly freeze?: number;
      /** Values are kept as deviations from the sweep. */
      readonly deviations?: boolean;
    }
  | {
      readonly rule: 'pc_alm';
      readonly steps: number;
      readonly rate: number;
      readonly momentum: 0;
      readonly multipliers: { readonly rho: number; readonly alpha: number };
      readonly freeze: number;
      readonly deviations: boolean;
    }
  | { readonly rule: 'fixed_prediction'; readonly steps: number; readonly rate: number }
  | { readonly rule: 'z_il' | 'fa_z_il' | 'bp' };

/** Names of the rules, for people. */
export const RULE_NAMES: Readonly<Record<Method['rule'], string>> = {
  il: 'IL',
  ipc: 'iPC',
  z_il: 'Z-IL',
  fa_z_il: 'Fa-Z-IL',
  pc_alm: 'PC-ALM',
  fixed_prediction: 'fixed prediction',
  bp: 'backpropagation',
};

/** The output is held at u0 - beta (u0 - y) instead of y; `centred` changes beta's sign from batch to batch. */
export interface Nudge {
  readonly beta: number;
  readonly centred: boolean;
}

/** Name of the rule that a call of `std/learn` stands for. */
export function ruleOf(call: CallValue): string {
  return call.name.split('.').at(-1) ?? '';
}

/** Rules whose values settle, at a rate of their own. */
export function hasSettling(method: Method): method is Extract<Method, { readonly momentum: number }> {
  return 'momentum' in method;
}

export function methodOf({ method: call }: Pick<TrainTask, 'method'>): Method {
  const rule = ruleOf(call);
  if (rule === 'z_il' || rule === 'fa_z_il' || rule === 'bp') return { rule };
  if (rule === 'fixed_prediction') return { rule, steps: numberOf(call, 'steps'), rate: numberOf(call, 'rate') };
  if (rule === 'pc_alm')
    return {
      rule,
      steps: numberOf(call, 'steps'),
      rate: numberOf(call, 'rate'),
      momentum: 0,
      multipliers: { rho: numberOf(call, 'rho'), alpha: numberOf(call, 'alpha') },
      freeze: numberOf(call, 'freeze', 0),
      deviations: call.arguments.deviations === true,
    };
  const settling = {
    steps: numberOf(call, 'steps'),
    rate: numberOf(call, 'rate'),
    momentum: numberOf(call, 'momentum', 0),
  };
  if (rule === 'ipc') return { rule, ...settling };
  const freeze = numberOf(call, 'freeze', 0);
  const deviations = call.arguments.deviations === true;
  if (rule === 'il') return { rule, ...settling, freeze, deviations };
  if (rule === 'nudged') {
    const sign = wordOf(call.arguments.sign);
    const beta = numberOf(call, 'beta');
    return {
      rule: 'il',
      ...settling,
      freeze,
      deviations,
      nudge: { beta: sign === 'negative' ? -beta : beta, centred: sign === 'centred' },
    };
  }
  throw new Error(`${call.name} is not a learning rule`);
}

export function numberOf(call: CallValue, name: string, fallback?: number): number {
  const value = call.arguments[name];
  if (typeof value === 'number') return value;
  if (fallback !== undefined) return fallback;
  throw new Error(`${call.name} has no number ${name}`);
}

/** A word, as a text or as a name; empty for anything else. */
export function wordOf(value: Value | undefined): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'object' && 'name' in value) return value.name;
  return '';
}
