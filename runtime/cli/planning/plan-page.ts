/** A page that needs nothing else: the picture of a plan above its table. */
import { escapeMarkup } from '../../../spec/markup.ts';

/** @param svg as `planSvg` gives it; @param table as `nmc show` prints it */
export function planPage(svg: string, table: string, model: string): string {
  const picture = svg.slice(Math.max(0, svg.indexOf('<svg')));
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Plan of ${escapeMarkup(model)}</title>
<style>
  body { font: 15px/1.5 Helvetica, Arial, sans-serif; margin: 2rem; color: #222; background: #fff; }
  svg { max-width: 100%; height: auto; }
  pre { overflow-x: auto; font: 13px/1.5 monospace; }
</style>
<h1>Plan of ${escapeMarkup(model)}</h1>
${picture}
<pre>${escapeMarkup(table)}</pre>
</html>
`;
}
