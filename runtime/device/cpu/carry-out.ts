/** Carries out a request to a program's engine, in any thread. */
import type { CpuEngine } from './engine.ts';
import type { Request, Value } from './messages.ts';

export type EngineRequest = Extract<Request, { readonly kind: 'prepare' | 'write' | 'read' | 'run' }>;

export async function carryOutOn(engine: CpuEngine, request: EngineRequest): Promise<Value> {
  switch (request.kind) {
    case 'prepare':
      await engine.prepare(request.name);
      return undefined;
    case 'write':
      if (request.begin === undefined) engine.write(request.state, request.values);
      else engine.writePart(request.state, request.begin, request.values);
      return undefined;
    case 'read':
      return engine.read(request.state, request.begin, request.end);
    case 'run':
      return engine.run(request.name, request.inputs, request.position);
  }
}
