/** Spans of time as people write them. */
const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, min: 60, h: 3600, d: 86_400, w: 604_800 };

/** `90s`, `15m`, `2h`, `1.5h`, `7d` in milliseconds; nothing for anything else. */
export function parseDuration(text: string): number | undefined {
  const [, number, unit] = /^(\d{1,9}(?:\.\d{1,6})?) ?(s|m|min|h|d|w)$/.exec(text.trim()) ?? [];
  const seconds = SECONDS[unit ?? ''];
  if (number === undefined || seconds === undefined) return undefined;
  return Math.round(Number(number) * seconds * 1000);
}
