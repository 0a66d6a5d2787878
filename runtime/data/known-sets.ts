/** Public data sets that `nmc data get` can fetch: where each file is, its size and its SHA-256. */

export interface KnownFile {
  /** Under the set's folder. */
  readonly name: string;
  /** Tried in this order. */
  readonly urls: readonly string[];
  readonly bytes: number;
  readonly sha256: string;
  /** The file is a packed tar archive: these members are taken out of it, and it is not kept. */
  readonly members?: readonly string[];
}

export interface KnownSet {
  /** As written after `nmc data get`. */
  readonly name: string;
  /** Under the data directory. */
  readonly folder: string;
  readonly title: string;
  readonly files: readonly KnownFile[];
}

const idxFiles = (bases: readonly string[], rows: readonly (readonly [string, number, string])[]): KnownFile[] =>
  rows.map(([name, bytes, sha256]) => ({ name, bytes, sha256, urls: bases.map((base) => base + name) }));

export const KNOWN_SETS: readonly KnownSet[] = [
  {
    name: 'mnist',
    folder: 'mnist',
    title: 'handwritten digits, 60,000 + 10,000 pictures of 28 x 28',
    files: idxFiles(
      ['https://storage.googleapis.com/cvdf-datasets/mnist/', 'https://ossci-datasets.s3.amazonaws.com/mnist/'],
      [
        ['train-images-idx3-ubyte.gz', 9912422, '440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609'],
        ['train-labels-idx1-ubyte.gz', 28881, '3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c'],
        ['t10k-images-idx3-ubyte.gz', 1648877, '8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6'],
        ['t10k-labels-idx1-ubyte.gz', 4542, 'f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6'],
      ],
    ),
  },
  {
    name: 'fashion-mnist',
    folder: 'fashion-mnist',
    title: 'articles of clothing, 60,000 + 10,000 pictures of 28 x 28',
    files: idxFiles(
      [
        'https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/',
        'http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/',
      ],
      [
        ['train-images-idx3-ubyte.gz', 26421880, '3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84'],
        ['train-labels-idx1-ubyte.gz', 29515, 'a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845'],
        ['t10k-images-idx3-ubyte.gz', 4422102, '346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073'],
        ['t10k-labels-idx1-ubyte.gz', 5148, '67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5'],
      ],
    ),
  },
  {
    name: 'cifar-10',
    folder: 'cifar-10',
    title: 'objects in ten classes, 50,000 + 10,000 colour pictures of 32 x 32',
    files: [
      {
        name: 'cifar-10-binary.tar.gz',
        urls: ['https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz'],
        bytes: 170052171,
        sha256: 'c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd',
        members: [...[1, 2, 3, 4, 5].map((n) => `data_batch_${n}.bin`), 'test_batch.bin'],
      },
    ],
  },
  {
    name: 'shakespeare',
    folder: 'shakespeare',
    title: 'plays of Shakespeare, 1.1 MB of text',
    files: [
      {
        name: 'tinyshakespeare.txt',
        urls: ['https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt'],
        bytes: 1115394,
        sha256: '86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed',
      },
    ],
  },
];
