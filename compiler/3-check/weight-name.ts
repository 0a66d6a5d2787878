/** The name of a weight anywhere: in programs, in checkpoints, in the stream that draws it. */
export function weightName(owner: string, weight: string): string {
  return `${owner}.${weight}`;
}
