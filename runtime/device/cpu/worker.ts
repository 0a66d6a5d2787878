/** The thread of the CPU device: ONNX Runtime blocks whoever calls it, so it is not the command that calls. */
import { parentPort } from 'node:worker_threads';
import { CpuEngine } from './engine.ts';
import type { Reply, Request } from './messages.ts';

const port = parentPort;
if (!port) throw new Error('worker.ts runs as a worker thread');
let opened: CpuEngine | undefined;

// One request after the other, in the order in which they came.
let queue: Promise<void> = Promise.resolve();
port.on('message', (request: Request) => {
  queue = queue.then(async () => {
    port.postMessage(await answer(request));
    if (request.kind === 'close') port.close();
  });
});

async function answer(request: Request): Promise<Reply> {
  try {
    if (request.kind === 'open') {
      const { states, files, threads } = request.start;
      opened = new CpuEngine(states, files, { threads });
      return { id: request.id, value: undefined };
    }
    const engine = opened;
    if (!engine) throw new Error('nothing is open');
    switch (request.kind) {
      case 'prepare':
        await engine.prepare(request.name);
        return { id: request.id, value: undefined };
      case 'write':
        engine.write(request.state, request.values);
        return { id: request.id, value: undefined };
      case 'read':
        return { id: request.id, value: engine.read(request.state) };
      case 'run':
        return { id: request.id, value: await engine.run(request.name, request.inputs, request.position) };
      case 'close':
        await engine.close();
        return { id: request.id, value: undefined };
    }
  } catch (error) {
    return { id: request.id, failure: error instanceof Error ? error.message : String(error) };
  }
}
