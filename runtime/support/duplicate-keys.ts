/** JSON.parse keeps the last of two equal keys in silence; a file format that forbids them has to look for itself. */

/** The first key that occurs twice in one object of `json`, or undefined. @param json text that JSON.parse accepts */
export function findDuplicateKey(json: string): string | undefined {
  const openObjects: (Set<string> | undefined)[] = [];
  for (let position = 0; position < json.length; position += 1) {
    const character = json[position];
    if (character === '{') openObjects.push(new Set());
    else if (character === '[') openObjects.push(undefined);
    else if (character === '}' || character === ']') openObjects.pop();
    else if (character === '"') {
      const end = endOfString(json, position);
      if (isFollowedByColon(json, end)) {
        const key = String(JSON.parse(json.slice(position, end)));
        const keys = openObjects.at(-1);
        if (keys?.has(key)) return key;
        keys?.add(key);
      }
      position = end - 1;
    }
  }
  return undefined;
}

/** The position after the closing quote of the string that opens at `start`. */
function endOfString(json: string, start: number): number {
  let position = start + 1;
  while (position < json.length && json[position] !== '"') position += json[position] === '\\' ? 2 : 1;
  return position + 1;
}

function isFollowedByColon(json: string, position: number): boolean {
  let next = position;
  while (' \t\r\n'.includes(json[next] ?? '.')) next += 1;
  return json[next] === ':';
}
