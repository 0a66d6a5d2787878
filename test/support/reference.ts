/** The reference device with a bare program. */
import type { DeviceSession } from '../../runtime/device/device.ts';
import { referenceDevice } from '../../runtime/device/reference/reference.ts';
import type { Program } from '../../spec/program.ts';

export function openReference(program: Program): Promise<DeviceSession> {
  return referenceDevice.open({ program, files: new Map() });
}
