/** The machines of a mesh file, as the partitioner takes them. */
import type { MeshFile } from '../../spec/mesh.ts';
import type { Machines } from './problem.ts';

export function machinesOf(mesh: MeshFile): Machines {
  const flat = (rows: readonly (readonly number[])[]): Float64Array => Float64Array.from(rows.flat());
  // A machine's way to itself is never used; no number there means nothing.
  const speeds = mesh.bandwidth?.map((row, a) => row.map((speed, b) => (a === b ? Infinity : speed)));
  return {
    list: mesh.machines.map(({ name, rate, memory, upload = Infinity, download = Infinity, costs, cores }) => ({
      name,
      rate,
      memory,
      upload,
      download,
      ...(costs ? { costs, cores: cores ?? 1 } : {}),
    })),
    ...(mesh.latency ? { latency: flat(mesh.latency) } : {}),
    ...(speeds ? { bandwidth: flat(speeds) } : {}),
  };
}
