/** `npm pack`, and the platform that it was made for in the name of its file: `neuromesh-VERSION-PLATFORM.tgz`. */
import { execFileSync } from 'node:child_process';
import { readFileSync, renameSync } from 'node:fs';

const { name, version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
const made = `${name}-${version}.tgz`;
const named = `${name}-${version}-${process.platform}-${process.arch}.tgz`;
execFileSync('npm', ['pack', '--silent'], { stdio: 'inherit', shell: process.platform === 'win32' });
renameSync(made, named);
console.log(named);
