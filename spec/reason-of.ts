/** The words of a failure, whatever was thrown. */
export function reasonOf(failure: unknown): string {
  return failure instanceof Error ? failure.message : String(failure);
}

/** Its first line: libraries add pages of what they tried. */
export function firstLineOf(failure: unknown): string {
  return reasonOf(failure).split('\n')[0] ?? '';
}
