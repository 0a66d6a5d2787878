/** `nmc deploy --on a,b`: the trainers that get the shards, named by the user. */
import { UserError } from '../../support/errors.ts';
import type { RatedTrainer } from '../planning/predict-rate.ts';

/** @returns keys by shard; nothing where none is named. @throws UserError `deploy/trainer` */
export function ownersAsked(
  said: string | undefined,
  shards: number,
  trainers: readonly Pick<RatedTrainer, 'key' | 'name'>[],
): readonly string[] | undefined {
  if (said === undefined) return undefined;
  const names = said.split(',').map((name) => name.trim());
  if (names.length !== 1 && names.length !== shards)
    throw new UserError(
      'deploy/trainer',
      `--on ${said} names ${names.length} trainers for ${shards} shards`,
      `name one for all shards, or ${shards}, one for each: --on a,b`,
    );
  const keys = names.map((name) => {
    const found = trainers.find((t) => t.name === name || t.key === name);
    if (found) return found.key;
    throw new UserError(
      'deploy/trainer',
      `there is no trainer ${name}`,
      trainers.length > 0 ? `there are: ${trainers.map((t) => t.name).join(', ')}` : 'none has joined yet',
    );
  });
  return keys.length === shards ? keys : Array.from({ length: shards }, () => keys[0] ?? '');
}
