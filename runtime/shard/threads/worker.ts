/**
 * A thread that runs shards on the CPU: each call from its first segment to its last without a word of the command's
 * own thread. While all its shards wait for frames it sleeps, until one comes or the command has something to say.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { parentPort } from 'node:worker_threads';
import { reasonOf } from '../../../spec/reason-of.ts';
import { carryOutOn } from '../../device/cpu/carry-out.ts';
import { CpuEngine } from '../../device/cpu/engine.ts';
import { OtherFailed } from '../../device/cpu/meeting.ts';
import { ownBuffers, type Value } from '../../device/cpu/messages.ts';
import { Exchange } from '../exchange.ts';
import type { BatchDone, CallDone, ShardRequest } from './messages.ts';
import { type RunnerCall, ShardRunner } from './runner.ts';
import { type LaneBatch, ShardLane } from './shard-lane.ts';
import { sumOf } from './stopwatch.ts';

/** A thread that waits looks so often whether it is still wanted, though no bell rings. */
const LOOK_MILLISECONDS = 1000;
/**
 * A frame that comes so soon is not worth falling asleep: to wake a thread takes its neighbour longer than to hand over
 * a frame. No longer: the command's own thread may want this very core.
 */
const AWAKE_MILLISECONDS = 0.1;
/** How often shards may go on before the command is heard and answered again, even if none has to wait. */
const MAX_RUNS = 8;
/** Between two looks at the clock. */
const LOOKS = 50;

type Answer =
  | { readonly id: number; readonly value: Value | CallDone | BatchDone }
  | { readonly id: number; readonly failure: string };

const port = parentPort;
if (!port) throw new Error('worker.ts runs as a worker thread');
const engines = new Map<number, CpuEngine>();
const runners = new Map<number, ShardRunner>();
let exchange: Exchange | undefined;
/** Where it shares batches with other threads. */
let lane: ShardLane | undefined;

const inbox: ShardRequest[] = [];
/** Answers to calls: nothing in this thread waits for them. */
const outbox: { readonly id: number; readonly value: CallDone }[] = [];
let isDriving = false;
port.on('message', (request: ShardRequest) => {
  inbox.push(request);
  if (!isDriving) void drive();
});

/** Until there is nothing to do that this thread could begin by itself. */
async function drive(): Promise<void> {
  isDriving = true;
  for (;;) {
    // Shards first: others wait for their frames.
    for (let runs = 0; runs < MAX_RUNS && exchange && (await goOn(exchange)); runs++);
    for (let done = outbox.shift(); done; done = outbox.shift()) reply(done, done.value.results);
    for (let request = inbox.shift(); request; request = inbox.shift()) await answer(request);
    if (!exchange) break;
    const heard = exchange.bell;
    if ((await goOn(exchange)) || inbox.length > 0) continue;
    if ([...runners.values()].every((runner) => runner.isIdle)) break;
    await rest(exchange, heard);
  }
  isDriving = false;
}

/** One run of the device for each shard that can. */
async function goOn(exchange: Exchange): Promise<boolean> {
  let moved = false;
  try {
    if (exchange.isStopped) throw new Error('the shards were stopped');
    for (const runner of runners.values()) if (await runner.step()) moved = true;
  } catch (error) {
    for (const runner of runners.values()) runner.fail(error);
  }
  return moved;
}

/** All calls that came before. */
async function untilIdle(): Promise<void> {
  while (exchange && ![...runners.values()].every((runner) => runner.isIdle)) {
    const heard = exchange.bell;
    if (!(await goOn(exchange)) && !stirs(exchange, heard)) exchange.sleep(heard, LOOK_MILLISECONDS);
  }
}

/** Whether its bell rings within a moment. */
function stirs(exchange: Exchange, heard: number): boolean {
  const began = performance.now();
  do {
    for (let look = 0; look < LOOKS; look++) if (exchange.bell !== heard) return true;
  } while (performance.now() - began < AWAKE_MILLISECONDS);
  return false;
}

async function rest(exchange: Exchange, heard: number): Promise<void> {
  if (stirs(exchange, heard)) return;
  // What the command has sent is read between two turns; what it sends from now on rings.
  await nextTurn();
  if (inbox.length === 0) exchange.sleep(heard, LOOK_MILLISECONDS);
}

async function answer(request: ShardRequest): Promise<void> {
  const { id } = request;
  if (request.kind === 'call') {
    start(request);
    return;
  }
  try {
    if (request.kind === 'batch') {
      const value = await runBatch(request.batch);
      reply({ id, value }, value.results);
    } else {
      const value = await carryOut(request);
      reply({ id, value }, value);
    }
  } catch (error) {
    reply({ id, failure: reasonOf(error) });
  }
  if (request.kind === 'close' && engines.size === 0) port?.close();
}

function start({ id, engine, part }: Extract<ShardRequest, { readonly kind: 'call' }>): void {
  const failed = (error: unknown): void => reply({ id, failure: reasonOf(error) });
  try {
    const runner = runners.get(engine);
    if (!runner) throw new Error('the shard has no schedule');
    runner.start({ part, failed, done: (value) => outbox.push({ id, value }) });
  } catch (error) {
    failed(error);
  }
}

/** The first batch is settled both ways: all that follow only in shares, where that gave the same bits. */
async function runBatch(batch: LaneBatch): Promise<BatchDone> {
  await untilIdle();
  const own = lane;
  if (!own) throw new Error('the thread shares no batches');
  try {
    if (own.isSame === false) return { ...(await bySegments(own.name, batch)), isShared: false };
    await own.settle(batch);
    const done =
      own.isSame === undefined
        ? await bySegments(own.name, batch, (...run) => own.compare(...run))
        : { results: await own.learn(batch) };
    if (own.isSame === undefined) own.decide();
    const spent = sumOf([own.spent, 'spent' in done ? done.spent : undefined]);
    return { results: done.results, isShared: own.isSame === true, ...(spent && { spent }) };
  } catch (error) {
    own.fail();
    // The other thread says why.
    if (error instanceof OtherFailed) return { results: {}, isShared: false, isGivenUp: true };
    throw error;
  }
}

/** A batch as its shards run it by themselves. @param look told of what each of their segments runs on */
async function bySegments(
  name: string,
  { position, callIndex, inputs }: LaneBatch,
  look?: (engine: number, ...run: Parameters<NonNullable<RunnerCall['look']>>) => void,
): Promise<CallDone> {
  const calls = [...inputs].map(
    ([engine, fields]) =>
      new Promise<CallDone>((done, failed) => {
        const part = { name, position, callIndex, microbatch: 0, inputs: fields };
        runners.get(engine)?.start({ part, done, failed, ...(look && { look: (...run) => look(engine, ...run) }) });
      }),
  );
  // Heard of at once: what fails here fails before anyone waits for it.
  const all = Promise.all(calls);
  await Promise.race([untilIdle(), all]);
  const found = await all;
  const spent = sumOf(found.map((done) => done.spent));
  return { results: Object.assign({}, ...found.map(({ results }) => results)), ...(spent && { spent }) };
}

/** @param handedOver what an answer holds is a copy of its own */
function reply(answer: Answer, handedOver?: Value): void {
  port?.postMessage(answer, ownBuffers(handedOver));
}

async function carryOut(request: Exclude<ShardRequest, { readonly kind: 'call' | 'batch' }>): Promise<Value> {
  const { engine: number = 0 } = request;
  if (request.kind === 'open') {
    const { states, files, threads } = request.start;
    engines.set(number, new CpuEngine(states, files, { threads }));
    return undefined;
  }
  if (request.kind === 'lane') {
    lane = new ShardLane(request.start, engines);
    await lane.prepare();
    return undefined;
  }
  const engine = engines.get(number);
  if (!engine) throw new Error('the device was not opened');
  if (request.kind === 'join') {
    exchange ??= new Exchange(request.exchange, request.own);
    runners.set(number, new ShardRunner(request, engine, exchange));
    return undefined;
  }
  if (request.kind === 'close') {
    runners.get(number)?.fail(new Error('the device was closed'));
    runners.delete(number);
    await lane?.close();
    lane = undefined;
    engines.delete(number);
    await engine.close();
    return undefined;
  }
  return carryOutOn(engine, request);
}
