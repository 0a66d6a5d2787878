/**
 * Stretches of a shard that follow one before it is paid: at least 2/q at audit rate q, so that who cheats in all of them
 * is caught within that time with a chance of 1 - (1 - q)^(2/q), about 87 % at 2.5 %, and loses all of them.
 */
export function windowFor(rate: number): number {
  return Math.ceil(2 / rate);
}
