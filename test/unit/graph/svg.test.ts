import { describe, expect, test } from 'vitest';
import { type Picture, pictureOf } from '../../../compiler/4-graph/picture.ts';
import { graphSvg, graphToDot } from '../../../compiler/4-graph/svg.ts';
import { areas, brain, digits } from '../../support/pictures.ts';

const ids = (picture: Picture): string[] => picture.boxes.map((b) => b.id);
const arrow = (picture: Picture, from: string, to: string) =>
  picture.arrows.find((a) => a.from === from && a.to === to);

describe('folding', () => {
  test('leaves a small graph as it is, node by node, in its clusters', () => {
    const picture = pictureOf(brain(2));
    expect(picture.boxes).toHaveLength(3 + 2 * 6);
    expect(picture.boxes.find((b) => b.id === 'v1[1].low')?.clusters).toEqual(['v1[1]']);
    expect(picture.boxes.every((b) => b.folded === undefined)).toBe(true);
  });

  test('makes one box of an array, and one arrow of the links between its elements', () => {
    const picture = pictureOf(brain(16));
    expect(ids(picture)).toContain('v1[*]');
    expect(picture.boxes).toHaveLength(3 + 1 + 4 * 2);
    expect(picture.boxes.find((b) => b.id === 'v1[*]')?.folded).toEqual({ kind: 'array', count: 16 });
    expect(arrow(picture, 'v1[*]', 'retina')?.links).toHaveLength(16);
    // Between neighbours, and not within a column.
    expect(arrow(picture, 'v1[*]', 'v1[*]')?.links).toHaveLength(16);
  });

  test('makes boxes of arrays within clusters in place', () => {
    const box = pictureOf(brain(16, 'cortex.')).boxes.find((b) => b.folded);
    expect(box).toMatchObject({ id: 'cortex.v1[*]', clusters: ['cortex'] });
  });

  test('makes boxes of clusters, the innermost first, until few are left', () => {
    expect(pictureOf(areas(6)).boxes).toHaveLength(60);
    const folded = pictureOf(areas(50));
    expect(folded.boxes).toHaveLength(50);
    expect(folded.boxes[0]).toMatchObject({
      id: 'lobe0.area0',
      clusters: ['lobe0'],
      folded: { kind: 'cluster', count: 10 },
    });
    expect(pictureOf(areas(70)).boxes.map((b) => b.id)).toEqual(['lobe0', 'lobe1', 'lobe2', 'lobe3', 'lobe4']);
  });

  test('puts every node into one box, and every node of its name into every box', () => {
    for (const graph of [digits(), brain(3), brain(40, 'cortex.'), areas(70)]) {
      const names = pictureOf(graph).boxes.flatMap((b) => b.nodes.map((n) => n.name));
      expect([...names].sort()).toEqual(graph.nodes.map((n) => n.name).sort());
    }
  });
});

describe('cycles', () => {
  test('lead back only by the link that closes them, and delays close none', () => {
    const { arrows } = pictureOf(brain(2));
    expect(arrows.filter((a) => a.back).map((a) => `${a.from}->${a.to}`)).toEqual(['motor.high->assoc.high']);
    expect(arrows.filter((a) => a.delay > 0)).toHaveLength(4);
  });

  test('are not made by folding', () => {
    expect(pictureOf(brain(16)).arrows.filter((a) => a.back)).toHaveLength(1);
  });
});

describe('the drawing', () => {
  test('shows by shape and line what it shows by colour', () => {
    const dot = graphToDot(brain(16));
    expect(dot).toContain(
      '"motor.high" -> "assoc.high" [color="#D55E00" penwidth=1.8 arrowhead=onormal constraint=false',
    );
    expect(dot).toContain('"a1.high" -> "a1.high" [label="delay 1" style=dashed');
    expect(dot).toContain('"v1[*]" [label="v1 ×16\\n2 nodes each"');
    expect(dot).toContain('label="×16, 5 %"');
    expect(dot).toContain('rank=max; "retina"; "cochlea"; "touch";');
  });

  test('is SVG', async () => {
    const svg = await graphSvg(digits());
    expect(svg).toContain('<svg');
    for (const name of ['pixels', 'h1', 'h2', 'h3', 'label', '784', 'categorical'])
      expect(svg).toContain(`>${name}</text>`);
    expect(svg.match(/class="edge"/g)).toHaveLength(4);
  });

  test('opens a folded box below the picture, and has nothing to open for a small graph', async () => {
    const svg = await graphSvg(brain(16));
    const [, opened = ''] = /xlink:href="#(inside-\d+)" xlink:title="v1\[\*\]"/.exec(svg) ?? [];
    const [, inside = ''] = svg.split(`<g id="${opened}" class="inside`);
    expect(inside.slice(0, inside.indexOf('class="inside'))).toMatch(/v1\[0\], as each of 16.*>low<.*>high</s);
    // Without a choice the first is seen: a page that cannot choose shows it.
    expect(svg.match(/class="inside first"/g)).toHaveLength(1);
    const ids = [...svg.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const hrefs = [...svg.matchAll(/xlink:href="#(inside[^"]*)"/g)].map(([, id]) => id);
    expect(hrefs.filter((id) => !ids.includes(id))).toEqual([]);
    expect(await graphSvg(digits())).not.toContain('inside');
  });

  test('takes any name', async () => {
    const [sense, ...rest] = digits().nodes;
    const name = 'a "quoted" \\ <name>';
    const svg = await graphSvg({ name, nodes: [{ ...(sense ?? rest[0] ?? raise()), name }], links: [] });
    expect(svg).toContain('a &quot;quoted&quot; \\ &lt;name&gt;</text>');
  });
});

function raise(): never {
  throw new Error('no nodes');
}
