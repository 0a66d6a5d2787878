/** Blocks that a newcomer pastes from the pages for readers, as scripts for bash. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export type Block =
  /** Lines for a shell. */
  | { readonly page: string; readonly what: 'commands'; readonly lines: readonly string[] }
  /** A text that the page says to save. */
  | { readonly page: string; readonly what: 'file'; readonly name: string; readonly text: string };

/** Commands that run until they are told to end, and what answers when they are ready. */
const SERVICES: readonly (readonly [RegExp, string])[] = [
  [/ nmc up\b/, 'npx --no nmc status'],
  [/ nmc serve\b/, 'curl --fail --silent 127.0.0.1:8080/healthz'],
  [/ nmc synchronizer\b/, 'curl --insecure --silent https://127.0.0.1:7420/healthz'],
];
const READY_WITHIN_S = 180;

/** In the order in which they are read. */
export function blocksOf(root: string): Block[] {
  const docs = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'));
  const pages = ['README.md', ...docs.sort().map((name) => `docs/${name}`)];
  return pages.flatMap((page) => blocksIn(page, readFileSync(join(root, page), 'utf8')));
}

export function blocksIn(page: string, text: string): Block[] {
  return [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].flatMap(({ 1: language, 2: body = '', index }): Block[] => {
    if (language === 'sh') return [{ page, what: 'commands', lines: body.trimEnd().split('\n') }];
    const name = /Save (?:this|it) as `([\w.]+)`:\n\n$/.exec(text.slice(0, index))?.[1];
    return language === 'pcn' && name !== undefined ? [{ page, what: 'file', name, text: body }] : [];
  });
}

/** The command of a line, without the sign that lets it go on in the background. */
const isService = (line: string): boolean => SERVICES.some(([pattern]) => pattern.test(line));

/**
 * Functions of the script. A line that runs beside services is given up when one of them ends: it would wait for ever for
 * what is not there any more.
 */
const FUNCTIONS = `set -m
jobs=
fail() { echo "@@ failed: $1"; for job in $jobs; do kill -INT -- -$job 2> /dev/null; done; wait; exit 1; }
ended() { kill -INT -- -$1; wait $1; code=$?; [ $code = 0 ] || [ $code = 130 ] || fail "Ctrl-C, with $code"; }
gone() { for job in $jobs; do kill -0 $job 2> /dev/null || return 0; done; return 1; }
beside() {
  line & at=$!
  while kill -0 $at 2> /dev/null; do
    if gone; then kill -INT -- -$at; wait $at; fail "$1, when a service had ended"; fi
    sleep 0.2
  done
  wait $at || fail "$1"
}`;

/**
 * A script that runs each line as it stands and stops at the first that fails; between the lines it does what a person
 * does, who waits until what was started says that it is there, and types Ctrl-C at the end.
 */
export function scriptOf(lines: readonly string[]): string {
  const first = lines.findIndex(isService);
  return [
    FUNCTIONS,
    ...lines.flatMap((line, i) => {
      const failed = `fail ${quoted(line)}`;
      if (!isService(line))
        return first >= 0 && first < i
          ? [`line() { ${line}\n}`, `beside ${quoted(line)}`]
          : [`{ ${line}\n} || ${failed}`];
      const ready = SERVICES.find(([pattern]) => pattern.test(line))?.[1] ?? 'true';
      return [
        `${line.replace(/ *&$/, '')} &`,
        'jobs="$! $jobs"',
        `for i in $(seq ${READY_WITHIN_S}); do ${ready} > /dev/null 2>&1 && break; kill -0 $! || ${failed}; sleep 1; done`,
      ];
    }),
    'for job in $jobs; do ended $job; done',
  ].join('\n');
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
