/** Pictures in class folders: dark and bright ones to train on, and a test folder that has only the dark ones. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { greyPng } from '../unit/data/fixtures.ts';

const GREY = { bright: 230, dark: 20 } as const;

const PICTURES = ', image = u8[2, 2], label = int';

const MODEL = `pcn 1

import std/nodes
import std/links
import std/learn
import std/data

model m {
  sense x: f32[4]
  node  y: f32[2] = nodes.gaussian()
  link x -> y = links.dense()
}

train il of m on data.file("train"${PICTURES}) {
  clamp x = sample.image / 255
  clamp y = one_hot(sample.label, 2)
  method    = learn.il(steps = 2, rate = 0.1)
  optimizer = learn.adam(rate = 0.2)
  batch     = 4
  epochs    = 10
}

predict classify of m {
  clamp x = input.image / 255
  read label = argmax(y)
}
check accuracy(classify.label, data.file("test"${PICTURES}).label) >= 0.99
`;

/** Writes the pictures and a model that tells them apart, whose check reads the folder without the bright ones. */
export function writeClassFolders(folder: string, model: string): void {
  for (const [root, classes] of [
    ['train', ['bright', 'dark']],
    ['test', ['dark']],
  ] as const)
    for (const name of classes) {
      mkdirSync(join(folder, root, name), { recursive: true });
      for (let i = 0; i < 8; i++)
        writeFileSync(
          join(folder, root, name, `${i}.png`),
          greyPng(2, 2, () => GREY[name] + i),
        );
    }
  writeFileSync(join(folder, model), MODEL);
}
