/** `--borders`: how numbers cross between shards. */
import { UserError } from '../../support/errors.ts';
import { BORDER_CODECS, type BorderCodec, isPacked } from '../../wire/codec.ts';

/** The deployer chooses for the trainers that there are. */
export const AUTO = 'auto';

/** @throws UserError `deploy/codec` for one that there is not */
export function borderCodecOf(asked: string | undefined): BorderCodec {
  const codec = asked ?? 'f32';
  const known = BORDER_CODECS.find((name) => name === codec);
  if (known !== undefined) return known;
  throw new UserError(
    'deploy/codec',
    `the codec ${codec} is unknown`,
    `use --borders with ${BORDER_CODECS.join(', ')}`,
  );
}

/** @throws UserError `deploy/codec` where a schedule leaves out frames that others go on from */
export function assertGoesWith(codec: BorderCodec, isAsync: boolean): void {
  if (!isAsync || !isPacked(codec)) return;
  throw new UserError(
    'deploy/codec',
    `--borders ${codec} sends what has changed since the frame before, and the schedule async leaves frames out`,
    'use --borders f16 or f32, or another schedule',
  );
}
