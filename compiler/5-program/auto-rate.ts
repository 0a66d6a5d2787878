/**
 * `rate = auto`: the rate of the values is found on the first batch of a training, before its program is made, from the
 * largest curvature of the energy there (`probe.ts`). It is one number then, for every tick, shard and batch.
 */
import type { TrainTask } from '../3-check/checked.ts';
import { numberOf, ruleOf, wordOf } from './method.ts';

export function isAutoRate({ method }: Pick<TrainTask, 'method'>): boolean {
  return wordOf(method.arguments.rate) === 'auto';
}

/** The task with this rate in place of `auto`. */
export function withRate(task: TrainTask, rate: number): TrainTask {
  const { method } = task;
  if (!isAutoRate(task)) return task;
  return { ...task, method: { ...method, arguments: { ...method.arguments, rate } } };
}

/**
 * One over the curvature, half of what diverges. Multipliers add to it: of a direction with curvature c, PC-ALM is stable
 * where rate·c·(2 rho + alpha) < 4 and rate·c·rho < 2 (Seely and Gould 2026); with rho = alpha = 1 it is the study's rate.
 *
 * @param curvature the largest eigenvalue of the energy's Hessian, more than 0
 */
export function rateOfCurvature({ method }: Pick<TrainTask, 'method'>, curvature: number): number {
  if (ruleOf(method) !== 'pc_alm') return 1 / curvature;
  const [rho, alpha] = [numberOf(method, 'rho'), numberOf(method, 'alpha')];
  return 1 / (curvature * Math.max(rho, (2 * rho + alpha) / 3));
}
