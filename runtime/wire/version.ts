/** Version of everything on the wire (spec/wire.md). */
export const WIRE_MAJOR = 3;
export const WIRE_MINOR = 1;
export const WIRE_VERSION = `${WIRE_MAJOR}.${WIRE_MINOR}`;

/** Another minor version is understood, its unknown fields are ignored; another major one is refused. */
export function understood(version: unknown): boolean {
  return typeof version === 'string' && new RegExp(`^${WIRE_MAJOR}\\.\\d{1,6}$`).test(version);
}
