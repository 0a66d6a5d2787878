/** A thread beside this one that does the same work at the same time: what a machine does of both at once is its ceiling. */
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { type OpenForm, openForm, type Work } from './work-form.ts';

export interface Neighbour {
  open(form: Work, threads: number): Promise<NeighbourForm>;
  close(): Promise<void>;
}

export interface NeighbourForm {
  /** Milliseconds that one of both takes, on the average. @param own begins what is done here at the same time */
  time(own: () => Promise<number>): Promise<number>;
}

type Request =
  | { readonly kind: 'open'; readonly form: Work; readonly threads: number }
  | { readonly kind: 'time'; readonly index: number };

/** Answers a request to time something twice: as it begins, and with the milliseconds of its fastest run. */
const BEGINS = 0;

export function openNeighbour(): Neighbour {
  const worker = new Worker(new URL('./work-beside.js', import.meta.url));
  const waiting: ((answer: number) => void)[] = [];
  const failed = new Promise<never>((_, reject) => worker.once('error', reject));
  failed.catch(() => undefined);
  worker.on('message', (answer: number) => waiting.shift()?.(answer));
  const answer = (): Promise<number> => Promise.race([new Promise<number>((resolve) => waiting.push(resolve)), failed]);
  const tell = (request: Request): void => worker.postMessage(request);
  return {
    open: async (form, threads) => {
      tell({ kind: 'open', form, threads });
      const index = await answer();
      return {
        time: async (own) => {
          const [begins, ends] = [answer(), answer()];
          tell({ kind: 'time', index });
          await begins;
          return ((await own()) + (await ends)) / 2;
        },
      };
    },
    close: async () => {
      await worker.terminate();
    },
  };
}

if (!isMainThread) {
  const forms: OpenForm[] = [];
  parentPort?.on('message', async (request: Request) => {
    if (request.kind === 'open') {
      forms.push(await openForm(request.form, request.threads));
      parentPort?.postMessage(forms.length - 1);
      return;
    }
    parentPort?.postMessage(BEGINS);
    parentPort?.postMessage(await forms[request.index]?.time());
  });
}
