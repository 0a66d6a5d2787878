/** The thread of the other end of `border-pair.ts`. */
import { parentPort, workerData } from 'node:worker_threads';
import { loadCpu } from '../../device/load-cpu.ts';
import { BorderEnd } from './border-end.ts';
import type { EndAnswer, EndRequest, EndStart } from './border-pair.ts';

const { keys, records } = workerData as EndStart;
const opened = loadCpu().then((device) => BorderEnd.open(device, 1, keys, records));

async function answer(request: EndRequest): Promise<EndAnswer> {
  const end = await opened;
  if (request.kind === 'load') return { exchange: await end.load(request.run, request.source) };
  if (request.kind === 'start') end.start(request.run, request.peers);
  if (request.kind === 'release') end.release(request.run);
  if (request.kind === 'close') await end.close();
  return {};
}

parentPort?.on('message', (request: EndRequest) => {
  answer(request).then(
    (said) => parentPort?.postMessage(said),
    (error: unknown) => parentPort?.postMessage({ error: String(error) } satisfies EndAnswer),
  );
});
