/** A plan of one shard, fetched from a server and distrusted as one from a folder is. */
import { KERNEL_LIST } from '../../spec/kernels.ts';
import { PLAN_FORMAT, type Plan } from '../../spec/plan.ts';
import { parseProgram } from '../../spec/program-text.ts';
import type { Executable } from '../device/device.ts';
import { kernelProblem } from '../plan/kernels-agree.ts';
import { programProblem } from '../plan/sound-program.ts';
import { UserError } from '../support/errors.ts';
import { pathProblem, shownPath } from '../support/path-names.ts';

/** @param base address of the plan's folder, with the `/` at its end */
export async function fetchPlan(base: string): Promise<{ plan: Plan; executable: Executable }> {
  const plan = JSON.parse(new TextDecoder().decode(await fetchBytes(`${base}plan.json`))) as Plan;
  if (String(plan.format).split('.')[0] !== PLAN_FORMAT.split('.')[0])
    throw new UserError('plan/version', `the plan has format ${plan.format}, this page reads ${PLAN_FORMAT}`);
  const [shard, ...others] = plan.shards;
  if (!shard || others.length > 0) throw new UserError('plan/shards', 'this page runs plans of one shard');
  if (!shard.kernels?.includes(KERNEL_LIST))
    throw new UserError('plan/kernels', 'the plan has no kernels', 'make it with nmc compile');
  const known = new Map(plan.files.map((f) => [f.path, f.sha256]));
  const files = new Map<string, Uint8Array>();
  await Promise.all(
    [shard.program, ...shard.kernels].map(async (path) => {
      // Of an address, these would say something else than a file.
      if (pathProblem(path) !== undefined || /[#%]/.test(path))
        throw new UserError('plan/path', `the plan names ${shownPath(path)}`);
      const bytes = await fetchBytes(base + path);
      if ((await sha256(bytes)) !== known.get(path))
        throw new UserError('plan/hash', `${path} does not have its hash: it was changed after the plan was made`);
      files.set(path, bytes);
    }),
  );
  const program = parseProgram(new TextDecoder().decode(files.get(shard.program)));
  const problem = programProblem(program, shard.memory) ?? kernelProblem(program, files);
  if (problem !== undefined) throw new UserError('plan/format', `the plan is not sound: ${problem}`);
  return { plan, executable: { program, files } };
}

async function fetchBytes(address: string): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(address);
  if (!response.ok) throw new UserError('plan/missing', `${address}: ${response.status} ${response.statusText}`);
  return new Uint8Array(await response.arrayBuffer());
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(digest, (b) => b.toString(16).padStart(2, '0')).join('');
}
