/** WGSL modules, layouts and pipelines, each made once. */
import { modulePath, multipliesHalves } from '../../../spec/kernels.ts';
import { EnvironmentError } from '../../support/errors.ts';
import type { Accesses, BoundDispatch } from './bindings.ts';
import { HALF_FEATURE } from './half-units.ts';

export class Pipelines {
  readonly #device: GPUDevice;
  readonly #files: ReadonlyMap<string, Uint8Array>;
  readonly #modules = new Map<string, Promise<GPUShaderModule>>();
  readonly #layouts = new Map<string, GPUBindGroupLayout>();
  readonly #pipelines = new Map<string, Promise<GPUComputePipeline>>();

  constructor(device: GPUDevice, files: ReadonlyMap<string, Uint8Array>) {
    this.#device = device;
    this.#files = files;
  }

  get({
    module,
    constants,
    accesses,
  }: Pick<BoundDispatch, 'module' | 'constants' | 'accesses'>): Promise<GPUComputePipeline> {
    const key = `${module.id} ${accesses} ${JSON.stringify(constants)}`;
    const known = this.#pipelines.get(key);
    if (known) return known;
    const groups = [this.arenas(accesses), ...(module.places === 'overrides' ? [] : [this.places()])];
    const layout = this.#device.createPipelineLayout({ bindGroupLayouts: groups });
    const made = this.#module(module.id).then((shader) =>
      this.#device.createComputePipelineAsync({
        label: module.id,
        layout,
        compute: { module: shader, entryPoint: 'main', constants },
      }),
    );
    this.#pipelines.set(key, made);
    return made;
  }

  /** Group 0. Pipelines of one layout take each other's bind groups. */
  arenas(accesses: Accesses): GPUBindGroupLayout {
    return this.#layout(accesses.join(' '), () =>
      accesses.map((access) => (access === 'read' ? 'read-only-storage' : 'storage')),
    );
  }

  /** Group 1 of the modules that want it. */
  places(): GPUBindGroupLayout {
    return this.#layout('places', () => ['uniform']);
  }

  #layout(key: string, types: () => GPUBufferBindingType[]): GPUBindGroupLayout {
    const known = this.#layouts.get(key);
    if (known) return known;
    const entries = types().map((type, binding) => ({
      binding,
      visibility: GPUShaderStage.COMPUTE,
      buffer: { type },
    }));
    const made = this.#device.createBindGroupLayout({ entries });
    this.#layouts.set(key, made);
    return made;
  }

  #module(id: string): Promise<GPUShaderModule> {
    const known = this.#modules.get(id);
    if (known) return known;
    const made = this.#compile(id);
    this.#modules.set(id, made);
    return made;
  }

  async #compile(id: string): Promise<GPUShaderModule> {
    const bytes = this.#files.get(modulePath(id));
    if (!bytes) throw new EnvironmentError('device/kernels', `the plan has no ${modulePath(id)}`, 'compile it again');
    const code = new TextDecoder().decode(bytes);
    if (multipliesHalves(code) && !this.#device.features.has(HALF_FEATURE))
      throw new EnvironmentError(
        'device/kernels',
        `the kernels multiply in f16, and this GPU does not (${HALF_FEATURE})`,
        'compile them for another --precision: f32, f16-weights',
      );
    this.#device.pushErrorScope('validation');
    const shader = this.#device.createShaderModule({ label: id, code });
    const refused = await this.#device.popErrorScope();
    const { messages } = await shader.getCompilationInfo();
    const errors = messages.filter((m) => m.type === 'error');
    if (errors.length > 0 || refused)
      throw new EnvironmentError('device/kernels', `${id} does not compile:\n${besideSource(code, errors)}`);
    return shader;
  }
}

/** Messages, each under the line that it is about. */
function besideSource(code: string, messages: readonly GPUCompilationMessage[]): string {
  const lines = code.split('\n');
  return messages.map((m) => `${m.lineNum}: ${lines[m.lineNum - 1] ?? ''}\n   ${m.message}`).join('\n');
}
