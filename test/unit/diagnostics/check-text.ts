/** The front end as the error cases use it. */
import { type CheckedFile, checkFile } from '../../../compiler/compile.ts';
import { fileHost, overlayHost } from '../../../compiler/host.ts';

const disk = fileHost();

/**
 * A comment `// --set NAME=VALUE` in the text is the option of that name.
 * @param path from the root of the repository: how messages call the file, and where its imports are looked for
 */
export function checkText(text: string, path: string): CheckedFile {
  const set: Record<string, string> = {};
  for (const [, name = '', value = ''] of text.slice(0, 1000).matchAll(/^\/\/ --set (\w+)=(\S+)$/gm)) set[name] = value;
  return checkFile(overlayHost({ [path]: text }, disk), path, { set });
}
