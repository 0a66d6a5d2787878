/** The head of an example: the one command that runs it, and what that should reach. */

export interface Header {
  /** In words, `nmc` first. */
  readonly command: readonly string[];
  /** The first sentence that says what it should reach; empty where none does. */
  readonly target: string;
  readonly needsData: boolean;
}

/** @returns nothing for a file without a command: a module that others import */
export function exampleHeader(text: string): Header | undefined {
  const lines = text.split('\n');
  const at = lines.findIndex((line) => line.startsWith('// nmc '));
  if (at < 0) return undefined;
  const comment: string[] = [];
  for (const line of lines.slice(at)) {
    if (!line.startsWith('//')) break;
    comment.push(line.slice(2).trim());
  }
  // What stands behind two spaces explains the command.
  const command = (comment[0]?.split(/ {2,}/)[0] ?? '').split(' ');
  const said = comment.slice(1).join(' ');
  const target = /[^.]*\b(?:reach|recall|draw|about)\w*\b.*?(?:\.(?= |$)|$)/i.exec(said)?.[0].trim() ?? '';
  return { command, target, needsData: command.includes('DIR') };
}
