/** The rules that keep the repository in shape: who may import whom, what a file may hold, what lies where. */
import { describe, expect, test } from 'vitest';
import { DEBUG_LEVELS } from '../runtime/support/log.ts';
import { stagesCalledBy } from './support/compiler-stages.ts';
import { CHECKING, TRUSTING } from './support/outside-values.ts';
import { findCycle, importsOf, matches, readText, trackedFiles } from './support/repository.ts';
import { IMPURE, LAYERS, layerProblem, PURE, PURE_MODULES } from './support/runtime-layers.ts';

const files = trackedFiles();
const modules = files.filter((file) => /^(compiler|runtime|spec)\/.*\.ts$/.test(file));
const sources = files.filter((file) => file.endsWith('.ts'));
const prose = files.filter(
  (file) => file !== 'package-lock.json' && /\.(ts|md|json|pcn|txt|yml)$|\/run$|^\./.test(file),
);

interface LockEntry {
  readonly resolved?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

describe('imports', () => {
  /** The number of a compiler stage: 4 for `compiler/4-graph/…`. */
  const stageOf = (file: string): number | undefined => {
    const number = /^compiler\/(\d)-/.exec(file)?.[1];
    return number === undefined ? undefined : Number(number);
  };
  const within = (file: string, ...folders: string[]): boolean =>
    folders.some((folder) => file === folder || file.startsWith(`${folder}/`));

  /** Why a module may not import a file of the repository; undefined when it may. */
  function reasonAgainst(from: string, to: string): string | undefined {
    if (within(from, 'spec')) return within(to, 'spec') ? undefined : 'spec/ stands alone';
    if (within(from, 'runtime')) {
      if (!within(to, 'compiler')) return within(to, 'runtime', 'spec') ? undefined : 'outside the product';
      if (within(from, 'runtime/cli')) return undefined;
      if (within(from, 'runtime/device/reference') && within(to, 'compiler/operators')) return undefined;
      return 'runtime/ meets the compiler at the plan, in spec/';
    }
    if (!within(to, 'compiler', 'spec')) return 'the compiler knows no runtime';
    const [stage, imported] = [stageOf(from), stageOf(to)];
    if (stage !== undefined) {
      if (imported !== undefined) return imported <= stage ? undefined : 'a later stage';
      return within(to, 'spec', 'compiler/diagnostics', 'compiler/operators', 'compiler/host.ts')
        ? undefined
        : 'a stage is called, it does not call the pipeline';
    }
    if (within(from, 'compiler/operators', 'compiler/diagnostics'))
      return imported === undefined ? undefined : 'every stage rests on it';
    return undefined; // compile.ts: above all stages
  }

  test('follow the pipeline', () => {
    const wrong = modules.flatMap((from) =>
      importsOf(from)
        .filter(({ target }) => target.endsWith('.ts'))
        .flatMap(({ target }) => {
          const reason = reasonAgainst(from, target);
          return reason === undefined ? [] : [`${from} imports ${target}: ${reason}`];
        }),
    );
    expect(wrong).toEqual([]);
  });

  test('that break a rule are found', () => {
    expect(reasonAgainst('compiler/3-check/a.ts', 'compiler/4-graph/b.ts')).toBeDefined();
    expect(reasonAgainst('compiler/4-graph/a.ts', 'compiler/3-check/b.ts')).toBeUndefined();
    expect(reasonAgainst('compiler/4-graph/a.ts', 'compiler/compile.ts')).toBeDefined();
    expect(reasonAgainst('compiler/operators/a.ts', 'compiler/1-syntax/b.ts')).toBeDefined();
    expect(reasonAgainst('compiler/compile.ts', 'runtime/cli/main.ts')).toBeDefined();
    expect(reasonAgainst('runtime/shard/a.ts', 'compiler/operators/b.ts')).toBeDefined();
    expect(reasonAgainst('runtime/cli/a.ts', 'compiler/compile.ts')).toBeUndefined();
    expect(reasonAgainst('spec/a.ts', 'runtime/device/b.ts')).toBeDefined();
    const text =
      "import type { A } from './a.ts';\nimport {\n  b,\n} from '../b.ts';\nconst c = await import('./c.ts');\n";
    expect(importsOf('x/y/z.ts', text)).toEqual([
      { target: 'x/y/a.ts', typeOnly: true, dynamic: false },
      { target: 'x/b.ts', typeOnly: false, dynamic: false },
      { target: 'x/y/c.ts', typeOnly: false, dynamic: true },
    ]);
  });

  test('form no cycle, imports of types included', () => {
    const edges = new Map(
      sources.map((from) => [
        from,
        importsOf(from)
          .filter((i) => !i.dynamic && i.target.endsWith('.ts'))
          .map((i) => i.target),
      ]),
    );
    expect(findCycle(edges)?.join(' -> ')).toBeUndefined();
    expect(findCycle(new Map([['a', ['b']], ['b', ['c']], ['c', ['b']]]))).toEqual(['b', 'c', 'b']); // biome-ignore format: one line
  });
});

describe('the stages of the compiler', () => {
  test('are called in order, by compile.ts alone', () => {
    const several = modules.filter((file) => stagesCalledBy(file).size > 1);
    expect(several).toEqual(['compiler/compile.ts']);
    expect([...stagesCalledBy('compiler/compile.ts')].map((stage) => stage[0]).sort()).toEqual([...'12345678']);
    const text = "import { lowerGraph } from '../../compiler/4-graph/lower.ts';\n(await import('../../compiler/7-kernels/onnx/lower.ts')).lowerToCpu(p);\n"; // biome-ignore format: one line
    expect(stagesCalledBy('runtime/cli/x.ts', text)).toEqual(new Set(['4-graph', '7-kernels']));
  });
});

describe('the compiler', () => {
  const compiler = files.filter((file) => /^compiler\/.*\.ts$/.test(file));
  /** Which of Node's modules, and where. Names without a place are pure. */
  const ALLOWED: Readonly<Record<string, readonly string[] | 'anywhere'>> = {
    'node:crypto': 'anywhere', // hashes
    'node:util': 'anywhere',
    'node:path': 'anywhere',
    'node:url': 'anywhere',
    'node:fs': ['compiler/host.ts'],
    'node:module': ['compiler/1-syntax/chevrotain.ts'], // finds a library
  };

  test('reads and writes nothing outside host.ts', () => {
    const wrong = compiler.flatMap((file) =>
      importsOf(file)
        .filter(({ target }) => target.startsWith('node:'))
        .filter(({ target }) => ALLOWED[target] !== 'anywhere' && !ALLOWED[target]?.includes(file))
        .map(({ target }) => `${file} imports ${target}`),
    );
    expect(wrong).toEqual([]);
    expect(matches(compiler, /\bfetch\(|\bconsole\.|\bprocess\.(?!platform)/)).toEqual([]);
  });

  test('uses no clock and no chance, so the same input gives the same output', () => {
    expect(
      matches(compiler, /\bnew Date\b|\bDate\.|\bMath\.random\b|\bperformance\.|\brandom(Bytes|UUID|Int)\b/),
    ).toEqual([]);
  });
});

describe('printed commands', () => {
  /** Not a comment, and not an import. */
  const LITERAL = /^(?!\s*(\*|\/\*|\/\/)).*\bnmc (?![},])(?!.*\*\/$)/;
  const BUILDER = ['runtime/support/command-text.ts', 'runtime/cli/shell/started-as.ts'];
  const code = (line: string): string => line.replace(/ \/\/ .*$/, '');

  test('are made by one builder', () => {
    const found = modules
      .filter((file) => !BUILDER.includes(file))
      .flatMap((file) =>
        readText(file)
          .split('\n')
          .map((line) => ({ file, line })),
      )
      .filter(({ line }) => LITERAL.test(code(line)));
    expect(found).toEqual([]);
    for (const text of [
      "  'nmc keys new makes one',",
      'printed`  nmc deploy FILE`',
      "'see `nmc show`'",
      'x(`a nmc b`)',
    ])
      expect(LITERAL.test(text), text).toBe(true);
    for (const text of [
      "import { nmc } from './x.ts';",
      'x(nmc`keys new`)',
      ' * as `nmc up` does',
      "['nmc/part/2', x]",
    ])
      expect(LITERAL.test(text), text).toBe(false);
  });
});

describe('structured names', () => {
  /** Where a name is built, or taken apart, by its letters. */
  const LETTERS = new RegExp(
    [
      String.raw`\borigin\b.*['"\`](node|link|weight) `,
      String.raw`startsWith\('(train|predict\.|(node|link|weight) |energy\.|gradient\.|(in|out|memory|noise|held):|z\.|sample)`,
      String.raw`\b(name|function|of) === 'train'|\b(keep\?\.|run)\('train'`,
      String.raw`['"\`](train\.|predict\.|energy\.|gradient\.|(sum|count|evaluate)\.\$|sample\[)`,
      String.raw`['"\`](in|out|memory|noise|held|node|prediction|energy):\$`,
      String.raw`(:(mask|connections|sum|start)|\.scores)\``,
      String.raw`\^(node|link|weight|memory|noise|sample|predict)\b`,
    ].join('|'),
  );
  /** The text of a graph has lines that begin so too. */
  const OTHERS = ['spec/names.ts', 'compiler/4-graph/text.ts'];

  test('are built and parsed in spec/names.ts only', () => {
    const found = matches(
      modules.filter((file) => !OTHERS.includes(file) && !/^compiler\/[12]-/.test(file)),
      LETTERS,
    );
    expect(found.filter((line) => !/^\S+ (\*|\/\/|\/\*)/.test(line))).toEqual([]);
    for (const text of [
      'builder.origin = `node $',
      "f.name.startsWith('predict.')",
      "program.functions.find((f) => f.name === 'train')",
      'name: `energy.$',
      '/^memory:[^:]+:(.+)#/.exec(id)',
      'read}.scores`]',
    ])
      expect(LETTERS.test(text), text).toBe(true);
    for (const text of ["call.kind === 'train'", "f.role === 'train'", 'const where = `node $'])
      expect(LETTERS.test(text), text).toBe(false);
  });
});

describe('the runtime', () => {
  const runtime = files.filter((file) => /^runtime\/.*\.ts$/.test(file));
  const inPure = runtime.filter((file) => PURE.some((folder) => file.startsWith(`runtime/${folder}/`)));
  /** The program's own files, which are the same wherever it runs. */
  const CONSTANT = 'runtime/support/spec-file.ts';

  test('is layered: each folder imports only the folders below it', () => {
    const wrong = runtime.flatMap((from) =>
      importsOf(from).flatMap(({ target }) => {
        const problem = layerProblem(from, target);
        return problem === undefined ? [] : [`${from} imports ${target}: ${problem}`];
      }),
    );
    expect(wrong).toEqual([]);
    const order = Object.keys(LAYERS);
    const upwards = Object.entries(LAYERS).flatMap(([folder, below]) =>
      below.filter((other) => order.indexOf(other) >= order.indexOf(folder)).map((other) => `${folder} on ${other}`),
    );
    expect(upwards).toEqual([]);
    expect(layerProblem('runtime/roles/a.ts', 'runtime/net/b.ts')).toBeDefined();
    expect(layerProblem('runtime/shed/a.ts', 'runtime/support/b.ts')).toBeDefined();
  });

  test('has roles and a wire format that use no clock, no chance, no input and no output', () => {
    const reached = new Set(inPure);
    // A set that grows while it is gone through.
    for (const file of reached)
      for (const { target, typeOnly } of importsOf(file))
        if (!typeOnly && target.startsWith('runtime/') && target !== CONSTANT) reached.add(target);
    const wrong = [...reached].flatMap((file) =>
      importsOf(file)
        .filter(({ target, typeOnly }) => !typeOnly && target.startsWith('node:') && !PURE_MODULES.includes(target))
        .map(({ target }) => `${file} imports ${target}`),
    );
    expect(wrong).toEqual([]);
    expect(matches(inPure, IMPURE)).toEqual([]);
    for (const text of [
      'const now = Date.now();',
      'randomBytes(8)',
      "generateKeyPairSync('x25519')",
      'setTimeout(f, 1)',
    ])
      expect(IMPURE.test(text), text).toBe(true);
    for (const text of ['createHash(name)', 'the newest Date', 'work.now - member.seen', 'sign(bytes, key)'])
      expect(IMPURE.test(text), text).toBe(false);
  });
});

describe('tests', () => {
  const tests = files.filter((file) => /^test\/.*\.ts$/.test(file) && file !== 'test/architecture.test.ts');

  test('end processes through one function, which refuses a process that does not exist', () => {
    const found = matches(tests, /\bprocess\.kill\(\s*(?!'SIG)\w/);
    expect(found.map((at) => at.split(':')[0])).toEqual(['test/support/end-process.ts']);
  });

  test('have no endless loop, and wait for a bounded time', () => {
    const endless = /\bfor \([^;]*; *;|\bwhile \(true\)|\bwhile \(.*\) await (sleep|new Promise)\b/;
    expect(matches(tests, endless)).toEqual([]);
  });
});

describe('the mesh', () => {
  test('measures time by a clock that is never set', () => {
    const mesh = files.filter((file) => /^runtime\/(backplane|net|roles|simulation|wire)\/.*\.ts$/.test(file));
    expect(matches([...mesh, 'runtime/cli/mesh/up.ts'], /\bDate\.now\b|\bnew Date\(\)/)).toEqual([]);
  });
});

/** Where names and sizes that somebody else has chosen come in: what they may reach, by type (`SafePath`, `BoundedCount`). */
describe('input from outside', () => {
  const FOLDERS = ['wire', 'net', 'plan', 'data', 'backplane', 'store'];
  const COMMANDS = ['fetch', 'fetch-run', 'fetched-parts', 'fetched-plan', 'serve-mesh', 'open-shard-plan', 'join'];
  const guarded = modules.filter(
    (file) =>
      FOLDERS.some((folder) => file.startsWith(`runtime/${folder}/`)) ||
      COMMANDS.some((command) => file === `runtime/cli/mesh/${command}.ts`),
  );
  /** Of `node:fs`: what changes nothing, or only what a descriptor has open. */
  const READERS = new Set([
    ...['access', 'close', 'closeSync', 'createReadStream', 'existsSync', 'fstatSync', 'fsync', 'fsyncSync'],
    ...['lstatSync', 'readFileSync', 'readSync', 'readdir', 'readdirSync', 'realpathSync', 'stat', 'statSync'],
    'statfsSync',
  ]);

  function writersOf(file: string, text = readText(file)): string[] {
    const names = [...text.matchAll(/^import (type )?([^;]*?) from 'node:fs(?:\/promises)?';/gm)];
    return names
      .filter(([, typeOnly]) => typeOnly === undefined)
      .flatMap(([, , clause = '']) => (clause.startsWith('{') ? clause.slice(1, -1).split(',') : [clause]))
      .map((name) => name.trim())
      .filter((name) => name !== '' && !name.startsWith('type ') && !READERS.has(name));
  }

  test('reaches the disk only through paths that were checked', () => {
    expect(guarded.flatMap((file) => writersOf(file).map((name) => `${file}: ${name}`))).toEqual([]);
    expect(matches(guarded, /import\('node:fs/)).toEqual([]);
    expect(writersOf('', "import { statSync, writeFileSync } from 'node:fs';")).toEqual(['writeFileSync']);
    expect(writersOf('', "import fs from 'node:fs';")).toEqual(['fs']);
    const wrappers = matches(['runtime/support/safe-files.ts', 'runtime/support/atomic.ts'], /^export .*\(\w+: string/);
    // The first takes a beginning of ours, the last looks at a name alone.
    const readers = ['makeTemporaryFolder', 'openForReading', 'openForReadingSoon', 'isLeftover'];
    expect(wrappers.map((line) => /function (\w+)/.exec(line)?.[1])).toEqual(readers);
  });

  test('has its paths and its sizes checked in one module each', () => {
    const own = ['runtime/support/safe-path.ts', 'runtime/support/bounded.ts', 'test/architecture.test.ts'];
    expect(
      matches(
        sources.filter((file) => !own.includes(file)),
        /\bas (SafePath|BoundedCount)\b/,
      ),
    ).toEqual([]);
  });

  test.each(Object.entries({ ...TRUSTING, ...CHECKING }))(
    'is passed through %s only where the list says so',
    (call, listed) => {
      const found = guarded
        .filter((file) => new RegExp(`\\b${call}\\(`).test(readText(file)))
        .map((file) => file.slice('runtime/'.length));
      expect(found.sort()).toEqual([...listed].sort());
    },
  );

  /** Arrays over bytes that are there, or copies of them: nothing in them is a size. */
  const VIEWS: readonly string[] = [
    'runtime/data/fingerprint.ts: new Uint8Array(values.buffer, values.byteOffset, values.byteLength)',
    'runtime/data/formats/bytes.ts: new Uint8Array(content.buffer, content.byteOffset, content.length)',
    'runtime/data/formats/npz.ts: new Uint8Array(content.buffer, content.byteOffset, content.length)',
    // In a process of its own, whose memory is bounded, and behind a check of each length.
    'runtime/data/formats/parquet-process.ts: new Uint8Array(bytes)',
    'runtime/data/formats/parquet-process.ts: new Uint8Array(length)',
    'runtime/data/formats/parquet-process.ts: new Uint8Array(unpack(input, { maxOutputLength: Math.max(1, length) }))',
    "runtime/net/membership.ts: new Uint8Array(Buffer.from(secret, 'hex'))",
    'runtime/net/pulse-thread.ts: new BigInt64Array(beats)',
    'runtime/net/pulse.ts: new BigInt64Array(beats)',
    'runtime/net/shard-data.ts: new Uint8Array(data.buffer)',
    'runtime/net/shard-device.ts: new Float32Array(bytes.buffer)',
    'runtime/net/shard-device.ts: new Uint8Array(await blob(mean.blob, mean.bytes))',
    'runtime/net/data-refs.ts: new Uint8Array(values.buffer, values.byteOffset, values.byteLength)',
    'runtime/net/disk-columns.ts: new Uint8Array(out.buffer, out.byteOffset, out.byteLength)',
    'runtime/net/fill-from.ts: new Float32Array(bytes)',
    'runtime/net/fill-from.ts: new Float32Array(part.buffer)',
    'runtime/net/fill-from.ts: new Float64Array(bytes)',
    'runtime/net/streamed-state.ts: new Uint8Array(data.buffer, data.byteOffset, data.byteLength)',
    'runtime/wire/border-keys.ts: new Uint8Array(hkdfSync(…))',
    'runtime/wire/border-values.ts: new Int32Array(float.buffer)',
    'runtime/wire/codec.ts: new Float32Array(buffer, offset, length)',
    'runtime/wire/codec.ts: new Float64Array(buffer, offset, length)',
    'runtime/wire/codec.ts: new Uint16Array(buffer, offset, length)',
    'runtime/wire/codec.ts: new Uint8Array(bytes)',
    "runtime/wire/evidence.ts: new Uint8Array(Buffer.from(text, 'base64'))",
    'runtime/wire/half.ts: new Uint32Array(float.buffer)',
    'runtime/wire/half.ts: new Uint32Array(values.buffer, values.byteOffset, values.length)',
    'runtime/wire/largest-amount.ts: new Float32Array(buffer)',
    'runtime/wire/largest.ts: new Int32Array(values.buffer, values.byteOffset, values.length)',
    "runtime/wire/handshake.ts: new Uint8Array(Buffer.from(secret, 'hex'))",
    "runtime/wire/hash.ts: new Uint8Array(Buffer.from(text, 'hex'))",
    'runtime/wire/hash.ts: new Uint8Array(digestOf(parts))',
  ];
  /** A number, or constants of this program. */
  const CONSTANT = /^(BigInt64Array\.BYTES_PER_ELEMENT|[A-Z0-9_ *+-]*)$/;

  /** Every `new …Array(…)` and the like whose size is not a constant. */
  function allocationsIn(text: string): string[] {
    const heads = text.matchAll(/(?:\bnew \w*Array(?:Buffer)?|\b\w*Array\.from|\bBuffer\.alloc\w*)(?:<[^>()]*>)?\(/g);
    return [...heads].flatMap((head) => {
      const from = head.index + head[0].length;
      let open = 1;
      let end = from;
      while (open > 0) open += { '(': 1, ')': -1 }[text[end++] ?? ')'] ?? 0;
      const inside = text.slice(from, end - 1);
      if (!head[0].includes('.from')) return CONSTANT.test(inside) ? [] : [`${head[0]}${inside})`];
      const length = /^\{ length(?:: ([^,}]*))?[ ,}]/.exec(inside);
      return !length || (length[1] !== undefined && CONSTANT.test(length[1].trim())) ? [] : [`${head[0]}${inside})`];
    });
  }

  test('allocates memory only by sizes that were checked against a bound', () => {
    const found = guarded
      .filter((file) => /^runtime\/(wire|net|plan|data)\//.test(file))
      .flatMap((file) => allocationsIn(readText(file)).map((call) => `${file}: ${call}`))
      .map((call) => call.replace(/hkdfSync\(.*\)\)$/, 'hkdfSync(…))'));
    expect([...new Set(found)].sort()).toEqual([...VIEWS].sort());
    const text = 'new Float32Array(n); new Uint8Array(16); Array.from({ length: n }, f); Buffer.alloc(a(b)); new Map()';
    expect(allocationsIn(text)).toEqual(['new Float32Array(n)', 'Array.from({ length: n }, f)', 'Buffer.alloc(a(b))']);
    expect(allocationsIn('new Array<number>(n); Uint32Array.from({ length }, f); Float32Array.from(values)')).toEqual([
      'new Array<number>(n)',
      'Uint32Array.from({ length }, f)',
    ]);
  });
});

describe('files', () => {
  /** Longer than they should be, each for a reason; above 800 lines there is none. */
  const LONG: readonly string[] = [];

  test('are short', () => {
    const lines = (file: string): number => readText(file).split('\n').length - 1;
    const long = sources.filter((file) => lines(file) > 500);
    expect(long.filter((file) => lines(file) > 800)).toEqual([]);
    expect(long).toEqual(LONG);
  });

  test('have names that say what is in them', () => {
    expect(files.filter((file) => /(^|\/)(utils?|helpers?|misc|common)\.[a-z]+$/.test(file))).toEqual([]);
    expect(files.filter((file) => / /.test(file))).toEqual([]);
  });

  test('of every platform are in the lock file, and no registry is named there', () => {
    const { packages } = JSON.parse(readText('package-lock.json')) as { packages: Record<string, LockEntry> };
    const installed = new Set(Object.keys(packages).map((path) => path.split('node_modules/').at(-1)));
    const named = Object.values(packages).flatMap((entry) => Object.keys(entry.optionalDependencies ?? {}));
    // `npm ci` refuses a lock file without the packages of other platforms, which `npm install` may leave out.
    expect(named.filter((name) => !installed.has(name))).toEqual([]);
    expect(Object.values(packages).filter((entry) => entry.resolved !== undefined)).toEqual([]);
  });

  test('are fully typed: no any, no !, no ignored error', () => {
    const rules = JSON.parse(readText('.biome.json')).linter.rules;
    expect(rules.suspicious.noExplicitAny).toBe('error');
    expect(rules.style.noNonNullAssertion).toBe('error');
    expect(matches(sources, /@ts-(ignore|nocheck|expect-error)/)).toEqual([]);
    expect(matches(sources, /biome-ignore(-all)? lint\/(suspicious\/noExplicitAny|style\/noNonNull)/)).toEqual([]);
  });

  test('are in the folders that the architecture names', () => {
    const top = new Set(files.map((file) => file.split('/')[0] ?? ''));
    const fixed = ['compiler', 'docs', 'dsl-examples', 'runtime', 'spec', 'stdlib', 'test'];
    const allowed = [
      ...fixed,
      'package.json',
      'package-lock.json',
      'tsconfig.json',
      'README.md',
      'CONTRIBUTING.md',
      'LICENSE',
      'Dockerfile',
      'compose.yaml',
    ];
    expect([...top].filter((name) => !name.startsWith('.') && !allowed.includes(name))).toEqual([]);
    expect(fixed.filter((name) => !top.has(name))).toEqual([]);
  });
});

describe('a text', () => {
  test('names no machine', () => {
    // Split, so that these lines do not find themselves.
    const homes = ['work', 'home', 'root', 'Users', 'tmp/h', 'mnt', 'workspace'].map((name) => `/${name}/`);
    expect(matches(prose, new RegExp(`(^|[\\s'"\`(=])(${homes.join('|')})\\w`))).toEqual([]);
    expect(matches(prose, /\.\.\/shared\b|(^|\s)shared\/(data|design|research|peers)/)).toEqual([]);
    expect(
      matches(
        files.filter((f) => f !== 'test/architecture.test.ts'),
        /registry\.npm|"resolved":/,
      ),
    ).toEqual([]);
  });

  test('says nothing about how the work is organised', () => {
    const others = prose.filter((file) => file !== 'test/architecture.test.ts');
    const words = [
      '(ai|coding|sub-?) ?agents?\\b',
      '\\bissue #?\\d',
      '\\bissues show\\b',
      '\\bthis issue\\b',
      'co-authored-by',
      'the brief\\b',
      '\\bTODO\\b',
      '\\bFIXME\\b',
      'preamble\\.md',
      '\\bpull request #?\\d',
      '(helper|earlier|previous|this) session\\b(?! (is|of the device))',
    ];
    expect(matches(others, new RegExp(words.join('|'), 'i'))).toEqual([]);
  });

  test.runIf(files.includes('docs/commands.md'))('about debugging lists the debug levels that exist', () => {
    const [paragraph = ''] = /NMC_DEBUG[\s\S]*?(\n\n|$)/.exec(readText('docs/commands.md')) ?? [];
    const listed = [...paragraph.matchAll(/`(?:NMC_DEBUG=)?(\d)`([^`]*)/g)].map(([, level, text = '']) => ({
      level,
      text,
    }));
    expect(listed.map(({ level }) => Number(level))).toEqual(DEBUG_LEVELS.map(({ level }) => level));
    // In the page's words, yet about the same thing.
    const words = (text: string): string[] => (text.match(/[a-z]{5,}/g) ?? []).map((word) => word.replace(/s$/, ''));
    for (const [i, { topic, shows }] of DEBUG_LEVELS.entries()) {
      const known = words(`${topic} ${shows}`);
      expect(
        words(listed[i]?.text ?? '').filter((word) => known.includes(word)),
        shows,
      ).not.toEqual([]);
    }
  });
});
