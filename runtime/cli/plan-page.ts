/** A page that needs nothing else: the picture of a plan above its table. */

/** @param svg as `planSvg` gives it; @param table as `nmc show` prints it */
export function planPage(svg: string, table: string, model: string): string {
  const picture = svg.slice(Math.max(0, svg.indexOf('<svg')));
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Plan of ${escapeHtml(model)}</title>
<style>
  body { font: 15px/1.5 Helvetica, Arial, sans-serif; margin: 2rem; color: #222; background: #fff; }
  svg { max-width: 100%; height: auto; }
  pre { overflow-x: auto; font: 13px/1.5 monospace; }
</style>
<h1>Plan of ${escapeHtml(model)}</h1>
${picture}
<pre>${escapeHtml(table)}</pre>
</html>
`;
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
