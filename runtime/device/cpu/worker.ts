/** A thread of the CPU device: ONNX Runtime blocks whoever calls it, so it is not the command that calls. */
import { parentPort } from 'node:worker_threads';
import { CpuEngine } from './engine.ts';
import { Lane } from './lane.ts';
import { buffersOf, type Reply, type Request, type Value } from './messages.ts';

const port = parentPort;
if (!port) throw new Error('worker.ts runs as a worker thread');
const opened = new Map<number, { readonly engine: CpuEngine; readonly lane: Lane | undefined }>();

// One request after the other, in the order in which they came.
let queue: Promise<void> = Promise.resolve();
port.on('message', (request: Request) => {
  queue = queue.then(async () => {
    const reply = await answer(request);
    // Memory of inputs goes back to whoever fills it.
    port.postMessage(reply, request.kind === 'lane' && 'value' in reply ? buffersOf(request.inputs) : []);
    if (request.kind === 'close' && opened.size === 0) port.close();
  });
});

async function answer(request: Request): Promise<Reply> {
  try {
    return { id: request.id, value: await carryOut(request) };
  } catch (error) {
    return { id: request.id, failure: error instanceof Error ? error.message : String(error) };
  }
}

async function carryOut(request: Request): Promise<Value> {
  const number = request.engine ?? 0;
  if (request.kind === 'open') {
    const { states, files, threads, lane } = request.start;
    const engine = new CpuEngine(states, files, { threads });
    opened.set(number, { engine, lane: lane && new Lane(engine, lane) });
    return undefined;
  }
  const own = opened.get(number);
  if (!own) throw new Error('the device was not opened');
  const { engine, lane } = own;
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
    case 'lane':
      return lane?.run(request.inputs, request.position);
    case 'close':
      opened.delete(number);
      await engine.close();
      return undefined;
  }
}
