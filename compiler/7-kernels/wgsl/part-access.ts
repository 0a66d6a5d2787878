/** Functions of a module that pick the binding in which an element of a tensor in parts lies. */

/** Where an element is, an expression, in the binding of one part. */
export type PartSlot = (part: number, at: string) => string;

/** @param type what lies there */
export function readsParts(name: string, type: string, parts: number, slot: PartSlot): string {
  return chosen(`fn ${name}(i: u32) -> ${type}`, parts, (part, at) => `return ${slot(part, at)};`);
}

export function writesParts(name: string, type: string, parts: number, slot: PartSlot): string {
  return chosen(`fn ${name}(i: u32, value: ${type})`, parts, (part, at) => `${slot(part, at)} = value;`);
}

function chosen(head: string, parts: number, body: PartSlot): string {
  const lines = Array.from({ length: parts }, (_, part) => {
    const inside = body(part, part === 0 ? 'i' : `i - ${times(part)}`);
    return part < parts - 1 ? `if (i < ${times(part + 1)}) { ${inside} }` : `{ ${inside} }`;
  });
  return `${head} {\n  ${lines.join('\n  else ')}\n}`;
}

const times = (parts: number): string => (parts === 1 ? 'part_elements' : `${parts}u * part_elements`);
