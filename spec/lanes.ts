/**
 * The functions in which threads of one machine share a batch: each takes its half as far as its part of the mean
 * gradients, and the step moves the weights by the sum of both.
 */
export const LANE = 'train.lane';
export const STEP = 'train.step';

/** Shards have no use of them. */
export const OF_LANES: ReadonlySet<string> = new Set([LANE, STEP]);

const GRADIENT = 'gradient.';

/** The name under which a lane hands over its part of a weight's mean gradient. */
export const gradientName = (weight: string): string => `${GRADIENT}${weight}`;
export const isGradientName = (result: string): boolean => result.startsWith(GRADIENT);
