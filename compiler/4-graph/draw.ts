/** Graphviz, loaded at the first picture. */

/** Browsers without Helvetica draw wider letters than Graphviz reckons with: it lays out larger ones. */
const FONTS = [
  { drawn: 11, laidOut: 13 },
  { drawn: 9, laidOut: 10.5 },
] as const;

/** Draws texts of Graphviz's language as SVG. */
export type Draw = (dot: string, engine?: 'dot' | 'neato') => string;

export async function loadDraw(): Promise<Draw> {
  const { instance } = await import('@viz-js/viz');
  const viz = await instance();
  return (dot, engine = 'dot') => {
    const larger = FONTS.reduce(
      (text, { drawn, laidOut }) => text.replaceAll(`fontsize=${drawn}`, `fontsize=${laidOut}`),
      dot,
    );
    const svg = viz.renderString(larger, { format: 'svg', engine });
    return FONTS.reduce((text, { drawn, laidOut }) => text.replaceAll(sizeText(laidOut), sizeText(drawn)), svg);
  };
}

function sizeText(points: number): string {
  return `font-size="${points.toFixed(2)}"`;
}
