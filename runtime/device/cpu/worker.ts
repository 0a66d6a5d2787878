/** A thread of the CPU device: ONNX Runtime blocks whoever calls it, so it is not the command that calls. */
import { parentPort } from 'node:worker_threads';
import { CpuEngine } from './engine.ts';
import { Lane, type LaneRun } from './lane.ts';
import { buffersOf, type Reply, type Request, type Value } from './messages.ts';

const port = parentPort;
if (!port) throw new Error('worker.ts runs as a worker thread');
const opened = new Map<number, { readonly engine: CpuEngine; readonly lane: Lane | undefined }>();

/** Why the weights of a batch that was answered did not move: nothing behind it can be right. */
let broken: string | undefined;

// One request after the other, in the order in which they came.
let queue: Promise<void> = Promise.resolve();
port.on('message', (request: Request) => {
  queue = queue.then(async () => {
    if (request.kind === 'lane') await answerLane(request);
    else port.postMessage(await answer(request, () => carryOut(request)));
    if (request.kind === 'close' && opened.size === 0) port.close();
  });
});

async function answer(request: Request, work: () => Promise<Value>): Promise<Reply> {
  try {
    if (broken !== undefined) throw new Error(broken);
    return { id: request.id, value: await work() };
  } catch (error) {
    return { id: request.id, failure: messageOf(error) };
  }
}

/** The answer goes out before the weights move, so that the next batch is on its way while they do. */
async function answerLane(request: Extract<Request, { readonly kind: 'lane' }>): Promise<void> {
  let step: LaneRun['step'] | undefined;
  const reply = await answer(request, async () => {
    const run = await engineOf(request).lane?.run(request.inputs, request.position);
    step = run?.step;
    return run?.answer;
  });
  // Memory of inputs goes back to whoever fills it.
  port?.postMessage(reply, 'value' in reply ? buffersOf(request.inputs) : []);
  await step?.().catch((error: unknown) => {
    broken = messageOf(error);
  });
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function engineOf({ engine = 0 }: Request): { readonly engine: CpuEngine; readonly lane: Lane | undefined } {
  const own = opened.get(engine);
  if (!own) throw new Error('the device was not opened');
  return own;
}

async function carryOut(request: Exclude<Request, { readonly kind: 'lane' }>): Promise<Value> {
  if (request.kind === 'open') {
    const { states, files, threads, lane } = request.start;
    const engine = new CpuEngine(states, files, { threads });
    opened.set(request.engine ?? 0, { engine, lane: lane && new Lane(engine, lane) });
    return undefined;
  }
  const { engine, lane } = engineOf(request);
  switch (request.kind) {
    case 'prepare':
      await (lane && request.name === 'train' ? engine.prepare('train.lane') : engine.prepare(request.name));
      return undefined;
    case 'write':
      engine.write(request.state, request.values);
      return undefined;
    case 'read':
      return engine.read(request.state);
    case 'run':
      return engine.run(request.name, request.inputs, request.position);
    case 'close':
      opened.delete(request.engine ?? 0);
      await engine.close();
      return undefined;
  }
}
