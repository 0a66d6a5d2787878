/** A thread of the CPU device: ONNX Runtime blocks its caller, so the command's own thread does not call it. */

import { parentPort } from 'node:worker_threads';
import { TRAIN } from '../../../spec/names.ts';
import { reasonOf } from '../../../spec/reason-of.ts';
import { freeNow } from '../../support/free-now.ts';
import { carryOutOn } from './carry-out.ts';
import { CpuEngine } from './engine.ts';
import { Lane } from './lane.ts';
import { splitterOf } from './large-gradients.ts';
import { OtherFailed } from './meeting.ts';
import { COMPUTES, LOADED, ownBuffers, type Reply, type Request, type Value } from './messages.ts';
import { StayingValues } from './staying-values.ts';

const port = parentPort;
if (!port) throw new Error('worker.ts runs as a worker thread');
interface Opened {
  readonly engine: CpuEngine;
  readonly lane: Lane | undefined;
  readonly values: StayingValues;
}

const opened = new Map<number, Opened>();

/** Messages that were carried out, but for those that only wake a lane. */
let handled = 0;
/** Why a lane cannot go on: nothing behind it can be right. */
let broken: string | undefined;
let failureAsked: number | undefined;

// ONNX Runtime is loaded: from now on the thread can be ended.
port.postMessage(LOADED);

// One request after the other, in the order in which they came.
let queue: Promise<void> = Promise.resolve();
port.on('message', (request: Request) => {
  queue = queue.then(async () => {
    if (request.kind === 'failure') failureAsked = request.id;
    else if (request.kind !== 'wake') {
      const reply = await answer(request);
      port.postMessage(reply, 'value' in reply ? ownBuffers(reply.value) : []);
    }
    if (request.kind !== 'wake') handled++;
    await serve();
    if (request.kind === 'close' && opened.size === 0) port.close();
  });
});

/** Batches come to a lane past the messages. */
async function serve(): Promise<void> {
  const lane = broken === undefined ? opened.get(0)?.lane : undefined;
  try {
    await lane?.serve(handled);
  } catch (error) {
    broken = reasonOf(error);
    // The other lane says why.
    if (!(error instanceof OtherFailed)) port?.postMessage({ id: failureAsked, failure: broken });
  }
}

async function answer(request: Request): Promise<Reply> {
  try {
    if (broken !== undefined) throw new Error(broken);
    const began = performance.now();
    const value = await carryOut(request);
    const { id } = request;
    return COMPUTES.includes(request.kind) ? { id, value, milliseconds: performance.now() - began } : { id, value };
  } catch (error) {
    return { id: request.id, failure: reasonOf(error) };
  }
}

function engineOf({ engine = 0 }: Request): Opened {
  const own = opened.get(engine);
  if (!own) throw new Error('the device was not opened');
  return own;
}

async function carryOut(request: Request): Promise<Value> {
  if (request.kind === 'open') {
    const { states, files, threads, lane } = request.start;
    // Nothing else waits for a turn of a lane's event loop but its messages, and those a batch waits for.
    const engine = new CpuEngine(states, files, {
      threads,
      split: await splitterOf(files),
      atOnce: lane !== undefined,
    });
    const values = new StayingValues(engine);
    opened.set(request.engine ?? 0, { engine, lane: lane && new Lane(engine, lane), values });
    return undefined;
  }
  const { engine, lane, values } = engineOf(request);
  switch (request.kind) {
    case 'prepare':
      return carryOutOn(engine, lane && request.name === TRAIN ? { ...request, name: lane.name } : request);
    case 'write':
      await carryOutOn(engine, request);
      freeNow(request.values);
      return undefined;
    case 'run':
      try {
        return await carryOutOn(engine, request);
      } finally {
        for (const input of Object.values(request.inputs)) freeNow(input);
      }
    case 'step':
      return values.run(request);
    case 'read':
      return carryOutOn(engine, request);
    case 'close':
      opened.delete(request.engine ?? 0);
      await engine.close();
      return undefined;
    default:
      return undefined;
  }
}
