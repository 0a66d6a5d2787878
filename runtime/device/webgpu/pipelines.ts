/** WGSL modules and pipelines, each made once. */
import { type KernelModule, modulePath } from '../../../spec/kernels.ts';
import { EnvironmentError } from '../../support/errors.ts';

export class Pipelines {
  private readonly device: GPUDevice;
  private readonly files: ReadonlyMap<string, Uint8Array>;
  private readonly modules = new Map<string, Promise<GPUShaderModule>>();
  private readonly pipelines = new Map<string, Promise<GPUComputePipeline>>();

  constructor(device: GPUDevice, files: ReadonlyMap<string, Uint8Array>) {
    this.device = device;
    this.files = files;
  }

  get(module: KernelModule, constants: Readonly<Record<string, number>>): Promise<GPUComputePipeline> {
    const key = `${module.id} ${JSON.stringify(constants)}`;
    const known = this.pipelines.get(key);
    if (known) return known;
    const made = this.module(module.id).then((shader) =>
      this.device.createComputePipelineAsync({
        label: module.id,
        layout: 'auto',
        compute: { module: shader, entryPoint: 'main', constants },
      }),
    );
    this.pipelines.set(key, made);
    return made;
  }

  private module(id: string): Promise<GPUShaderModule> {
    const known = this.modules.get(id);
    if (known) return known;
    const made = this.compile(id);
    this.modules.set(id, made);
    return made;
  }

  private async compile(id: string): Promise<GPUShaderModule> {
    const bytes = this.files.get(modulePath(id));
    if (!bytes) throw new EnvironmentError('device/kernels', `the plan has no ${modulePath(id)}`, 'compile it again');
    const code = new TextDecoder().decode(bytes);
    this.device.pushErrorScope('validation');
    const shader = this.device.createShaderModule({ label: id, code });
    const refused = await this.device.popErrorScope();
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
