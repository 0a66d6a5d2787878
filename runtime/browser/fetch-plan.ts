/** A plan of one shard, fetched from a server and distrusted as one from a folder is. */
import { KERNEL_LIST } from '../../spec/kernels.ts';
import type { Plan } from '../../spec/plan.ts';
import type { Executable } from '../device/device.ts';
import { filesOf, MAX_LIST_BYTES, readPlanList } from '../plan/plan-list.ts';
import { PLAN_FILE, type PlanBytes } from '../plan/plan-source.ts';
import { type VerifyProgram, verifyPlan } from '../plan/verify-plan.ts';
import { nmc } from '../support/command-text.ts';
import { UserError } from '../support/errors.ts';

/**
 * @param base address of the plan's folder, with the `/` at its end
 * @throws UserError `plan/…`
 */
export async function fetchPlan(base: string, verify: VerifyProgram): Promise<{ plan: Plan; executable: Executable }> {
  const name = `the plan at ${base}`;
  const list = await fetchBytes(base, PLAN_FILE, MAX_LIST_BYTES);
  const [shard, ...others] = readPlanList(name, list.bytes).shards;
  if (!shard || others.length > 0) throw new UserError('plan/shards', 'this page runs plans of one shard');
  if (!shard.kernels?.includes(KERNEL_LIST))
    throw new UserError('plan/kernels', 'the plan has no kernels', `make it with ${nmc`compile FILE -o DIR`}`);
  const listed = filesOf(readPlanList(name, list.bytes), false);
  const fetched = new Map([[PLAN_FILE, list]]);
  await Promise.all(
    listed.map(async ({ path, bytes }) => {
      fetched.set(path, await fetchBytes(base, path, bytes));
    }),
  );
  const find = (path: string) => {
    const file = fetched.get(path);
    return file && { size: file.bytes.length, read: () => file };
  };
  const { plan, programs } = verifyPlan({ name, find }, verify, { withCpu: false });
  const [program] = programs;
  if (!program) throw new UserError('plan/shards', 'this page runs plans of one shard');
  const files = new Map([...fetched].map(([path, { bytes }]) => [path, bytes]));
  return { plan, executable: { program, files } };
}

/** @param path a plain name: of an address, `#` and `%` would say something else than a file. @param most that is read */
async function fetchBytes(base: string, path: string, most: number): Promise<PlanBytes> {
  const address = base + path.split('/').map(encodeURIComponent).join('/');
  const response = await fetch(address);
  if (!response.ok) throw new UserError('plan/missing', `${address}: ${response.status} ${response.statusText}`);
  const bytes = await readAtMost(response, most);
  return { bytes, sha256: await sha256(bytes) };
}

/** One byte more than the most is enough to be refused. */
async function readAtMost(response: Response, most: number): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  for (const reader = response.body?.getReader(); reader && length <= most; ) {
    const { done, value } = await reader.read();
    if (done) break;
    pieces.push(value);
    length += value.length;
    if (length > most) await reader.cancel();
  }
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(digest, (b) => b.toString(16).padStart(2, '0')).join('');
}
