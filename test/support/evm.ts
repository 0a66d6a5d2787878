/** Contracts, compiled and run in this process: nothing is asked of a chain. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Common, Hardfork, Mainnet } from '@ethereumjs/common';
import { createAddressFromString } from '@ethereumjs/util';
import { createVM, type VM } from '@ethereumjs/vm';
import {
  type Abi,
  decodeErrorResult,
  decodeFunctionResult,
  encodeDeployData,
  encodeFunctionData,
  type Hex,
  toHex,
} from 'viem';
import { readText } from './repository.ts';

const GAS = 10_000_000n;
const resolve = createRequire(import.meta.url).resolve;

/** Of a token that one account has, all of it. */
const COIN = `// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
contract Coin is ERC20 {
    constructor(uint256 all) ERC20("Coin", "COIN") { _mint(msg.sender, all); }
}`;

export interface Compiled {
  readonly abi: Abi;
  readonly bytecode: Hex;
}

interface Solc {
  compile(input: string, callbacks: { readonly import: (path: string) => { readonly contents: string } }): string;
}

interface Output {
  readonly errors?: readonly { readonly formattedMessage: string }[];
  readonly contracts: Readonly<
    Record<
      string,
      Readonly<Record<string, { readonly abi: Abi; readonly evm: { readonly bytecode: { readonly object: string } } }>>
    >
  >;
}

/** Seconds: once in a file. @throws Error with what the compiler says, warnings included */
export async function compileDistributor(): Promise<{ readonly distributor: Compiled; readonly coin: Compiled }> {
  const solc = ((await import('solc')) as unknown as { default: Solc }).default;
  const input = {
    language: 'Solidity',
    sources: {
      'Distributor.sol': { content: readText('spec/settlement/Distributor.sol') },
      'Coin.sol': { content: COIN },
    },
    settings: {
      // It takes half as long without.
      optimizer: { enabled: false },
      evmVersion: 'cancun',
      outputSelection: { '*': { Distributor: ['abi', 'evm.bytecode.object'], Coin: ['abi', 'evm.bytecode.object'] } },
    },
  };
  const contents = (path: string): { contents: string } => ({ contents: readFileSync(resolve(path), 'utf8') });
  const { contracts, errors = [] } = JSON.parse(solc.compile(JSON.stringify(input), { import: contents })) as Output;
  if (errors.length > 0) throw new Error(errors.map(({ formattedMessage }) => formattedMessage).join('\n'));
  const of = (file: string, name: string): Compiled => {
    const made = contracts[file]?.[name];
    if (!made) throw new Error(`the compiler has made no ${name}`);
    return { abi: made.abi, bytecode: `0x${made.evm.bytecode.object}` };
  };
  return { distributor: of('Distributor.sol', 'Distributor'), coin: of('Coin.sol', 'Coin') };
}

/** A chain of one process, whose time is as it is told. */
export class Chain {
  /** Seconds since 1970. */
  now = 1_000_000;
  readonly #vm: VM;

  private constructor(vm: VM) {
    this.#vm = vm;
  }

  static async open(): Promise<Chain> {
    const common = new Common({ chain: Mainnet, hardfork: Hardfork.Cancun });
    return new Chain(await createVM({ common }));
  }

  /** @returns its address, lower-case */
  async deploy({ abi, bytecode }: Compiled, args: readonly unknown[], from: Hex): Promise<Hex> {
    const data = encodeDeployData({ abi, bytecode, args });
    const { createdAddress, execResult } = await this.#run({ data, from });
    if (execResult.exceptionError || !createdAddress)
      throw new Error(`deploy: ${revertOf(abi, execResult.returnValue)}`);
    return createdAddress.toString();
  }

  /** @throws Error with the name of what the contract reverts with */
  async call(abi: Abi, to: Hex, functionName: string, args: readonly unknown[], from: Hex): Promise<unknown> {
    const { execResult } = await this.#run({ data: encodeFunctionData({ abi, functionName, args }), to, from });
    if (execResult.exceptionError) throw new Error(revertOf(abi, execResult.returnValue));
    return decodeFunctionResult({ abi, functionName, data: toHex(execResult.returnValue) });
  }

  #run({ data, to, from }: { readonly data: Hex; readonly to?: Hex; readonly from: Hex }) {
    const sender = createAddressFromString(from);
    return this.#vm.evm.runCall({
      ...{ caller: sender, origin: sender, gasLimit: GAS, data: Buffer.from(data.slice(2), 'hex') },
      ...(to === undefined ? {} : { to: createAddressFromString(to) }),
      block: { header: this.#header() } as never,
    });
  }

  #header(): Readonly<Record<string, unknown>> {
    const none = createAddressFromString(`0x${'0'.repeat(40)}`);
    return {
      ...{ number: 1n, timestamp: BigInt(this.now), gasLimit: GAS, difficulty: 0n, prevRandao: new Uint8Array(32) },
      ...{ baseFeePerGas: 0n, coinbase: none, cliqueSigner: () => none, getBlobGasPrice: () => 0n },
    };
  }
}

function revertOf(abi: Abi, returned: Uint8Array): string {
  try {
    return decodeErrorResult({ abi, data: toHex(returned) }).errorName;
  } catch {
    return `it reverts with ${toHex(returned)}`;
  }
}
