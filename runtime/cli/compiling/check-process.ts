/** Computes checks in a process beside the synchronizer, with a bound on its memory and time. */
import { type ChildProcess, fork } from 'node:child_process';
import { freemem } from 'node:os';
import type { AuditAnswer, AuditRequest, CutRecords, StepRequest } from '../../net/auditor.ts';
import type { CheckAnswer, Checker, CheckRequest } from '../../net/checker.ts';
import { MAX_CUT_BYTES } from '../../net/records/cut-record.ts';
import { formatBytes } from '../../support/format-numbers.ts';
import { inTurn } from '../../support/in-turn.ts';
import { makeTemporaryFolder, removeAll } from '../../support/safe-files.ts';
import type { Deployment } from '../../wire/deployment.ts';
import { watchMemory } from '../mesh/watch-memory.ts';
import type { CheckTask } from './check-child.ts';

/** Memory of the program itself, with its device. */
const OWN_BYTES = 400e6;
/** Of what is free, the process may take so much. */
const SHARE = 0.5;
const MAX_BYTES = 8e9;
/** What a step adds of each computation stays until they are compared. */
const STEP_TIMES = 3;
const MAX_MILLISECONDS = 600_000;
/** A process that has nothing to do ends then: the next check starts another one. */
const IDLE_MILLISECONDS = 30_000;

interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<void>;
}

export class CheckProcess implements Checker {
  readonly #folder: string;
  #running: Running | undefined;
  #idle: NodeJS.Timeout | undefined;
  /** One after the other: they share the memory. */
  readonly #inTurn = inTurn();
  #closed = false;

  /** @param folder of the blobs of the mesh */
  constructor(folder: string) {
    this.#folder = folder;
  }

  prepare(): void {
    if (this.#closed) return;
    this.#process();
    this.#rest();
  }

  check(request: CheckRequest): Promise<CheckAnswer> {
    return this.#inTurn(() => this.#answerTo<CheckAnswer>({ check: request }, bytesFor(request.deployment)));
  }

  /** In the same process, and in turn with checks. */
  audit(request: AuditRequest): Promise<AuditAnswer> {
    return this.#audit({ audit: request }, bytesForAudit(request));
  }

  /** Nothing is computed; what is cut is sent from there to here. */
  cut(request: AuditRequest): Promise<CutRecords | AuditAnswer> {
    return this.#inTurn(async () => {
      const answer = await this.#answerTo<CutRecords | AuditAnswer>({ cut: request }, 3 * MAX_CUT_BYTES);
      return 'problem' in answer ? { cuts: [], outputs: '', unsigned: 0 } : answer;
    });
  }

  auditStep(request: StepRequest): Promise<AuditAnswer> {
    return this.#audit({ step: request }, STEP_TIMES * bytesForAudit(request));
  }

  #audit(task: CheckTask['task'], needed: number): Promise<AuditAnswer> {
    return this.#inTurn(async () => {
      const answer = await this.#answerTo<AuditAnswer>(task, needed);
      return 'problem' in answer ? { verdict: 'inconclusive', why: answer.problem } : answer;
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#idle);
    const running = this.#running;
    running?.child.kill('SIGKILL');
    await running?.ended;
  }

  async #answerTo<T>(task: CheckTask['task'], needed: number): Promise<T | { readonly problem: string }> {
    const most = Math.min(MAX_BYTES, SHARE * freemem());
    if (needed > most)
      return { problem: `it needs ${formatBytes(needed)}, the synchronizer has ${formatBytes(most)} for it` };
    if (this.#closed) return { problem: 'the synchronizer is closing' };
    clearTimeout(this.#idle);
    const { child } = this.#process();
    const answer = await answerOf<T>(child, { task, folder: this.#folder }, most);
    this.#rest();
    return answer;
  }

  #rest(): void {
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.#running?.child.kill('SIGKILL'), IDLE_MILLISECONDS);
    this.#idle.unref();
  }

  #process(): Running {
    if (this.#running) return this.#running;
    const scratch = makeTemporaryFolder('nmc-check-');
    const child = fork(new URL('./check-child.js', import.meta.url), {
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      serialization: 'advanced',
      env: { ...process.env, NMC_SCRATCH: scratch, TMPDIR: scratch, TEMP: scratch, TMP: scratch },
    });
    const ended = new Promise<void>((resolve) => {
      const gone = (): void => {
        if (this.#running?.child === child) this.#running = undefined;
        removeAll(scratch);
        resolve();
      };
      child.once('exit', gone);
      child.once('error', gone);
    });
    this.#running = { child, ended };
    return this.#running;
  }
}

function answerOf<T>(child: ChildProcess, task: CheckTask, most: number): Promise<T | { readonly problem: string }> {
  return new Promise((resolve) => {
    const done = (answer: T | { readonly problem: string }): void => {
      clearTimeout(timer);
      endWatch();
      child.off('message', told);
      child.off('exit', gone);
      resolve(answer);
    };
    const stopped = (problem: string): void => {
      done({ problem });
      child.kill('SIGKILL');
    };
    const told = (answer: unknown): void => done(answer as T);
    const gone = (): void => done({ problem: 'the process that computes it has ended' });
    const timer = setTimeout(() => stopped('it takes too long here'), MAX_MILLISECONDS);
    const endWatch = watchMemory(child.pid, most + OWN_BYTES, () => stopped(`it takes more than ${formatBytes(most)}`));
    child.on('message', told);
    child.on('exit', gone);
    child.send(task, (error) => {
      if (error) gone();
    });
  });
}

/** Weights as they lie there and on a device, the plan, and the columns of the checks. */
function bytesFor({ plan, needs, checks }: Deployment): number {
  const sum = (all: readonly { readonly bytes: number }[]): number => all.reduce((n, { bytes }) => n + bytes, 0);
  const memory = needs.reduce((n, need) => n + need.memory, 0);
  return 3 * memory + 2 * sum(plan) + sum(checks.flatMap((d) => d.columns.flatMap((c) => c.blobs)));
}

/** The shards as they train: their states twice, as they lie in the record and on the device, the plan, and their columns. */
function bytesForAudit({ deployment, shards }: AuditRequest): number {
  const sum = (all: readonly { readonly bytes: number }[]): number => all.reduce((n, { bytes }) => n + bytes, 0);
  const memory = shards.reduce((n, { shard }) => n + (deployment.needs[shard]?.memory ?? 0), 0);
  return 3 * memory + 2 * sum(deployment.plan) + sum(deployment.train.columns.flatMap(({ blobs }) => blobs));
}
