/** The code by which something is refused. */
import { UserError } from '../../runtime/support/errors.ts';

/** @returns `accepted` where nothing is thrown; what is not a refusal is thrown on */
export async function codeOf(work: () => unknown): Promise<string> {
  try {
    await work();
    return 'accepted';
  } catch (error) {
    if (error instanceof UserError) return error.code;
    throw error;
  }
}
