/** Words of other systems for things that have another name here. */
import { closest } from './suggest.ts';

const HABITS: Readonly<Record<string, readonly string[]>> = {
  rate: ['lr', 'learning_rate', 'eta', 'step_size', 'alpha'],
  decay: ['weight_decay', 'wd', 'l2'],
  beta1: ['b1', 'beta_1'],
  beta2: ['b2', 'beta_2'],
  epsilon: ['eps'],
  batch: ['batch_size', 'bs', 'minibatch'],
  epochs: ['n_epochs', 'num_epochs', 'max_epochs', 'nb_epoch'],
  seed: ['random_seed', 'random_state', 'rng'],
  sequence: ['sequence_length', 'seq_len', 'bptt'],
  optimizer: ['optim', 'optimiser', 'solver'],
  method: ['rule', 'algorithm', 'learner'],
  steps: ['iterations', 'n_steps', 'num_steps', 'n_iter', 'ticks', 'n_ticks', 'T'],
  tolerance: ['tol', 'threshold'],
  after: ['activation', 'act', 'nonlinearity', 'act_fn'],
  act: ['activation', 'nonlinearity', 'act_fn'],
  bias: ['use_bias', 'with_bias'],
  init: ['initializer', 'kernel_initializer', 'weight_init'],
  heads: ['n_heads', 'num_heads', 'n_head'],
  causal: ['is_causal', 'masked'],
  stride: ['strides'],
  vocabulary: ['vocab_size', 'num_embeddings', 'vocab'],
  n: ['k', 'degree', 'in_degree'],
};

/** The known word that was probably meant: by habit from elsewhere, else the nearest in letters. */
export function meant(word: string, known: readonly string[]): string | undefined {
  return known.find((name) => HABITS[name]?.includes(word)) ?? closest(word, known);
}
