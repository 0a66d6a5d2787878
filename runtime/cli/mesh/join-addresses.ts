/** Where other machines reach a mesh that listens on this one. */
import { X509Certificate } from 'node:crypto';
import { connect } from 'node:net';
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';
import type { Certificate } from '../../http/limited-server.ts';
import type { Address } from '../../net/address.ts';
import { isLoopback } from '../../support/loopback.ts';

type Interfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

/** Bridges and cables that exist within this machine alone: their addresses come last. */
const VIRTUAL = /^(docker|br-|veth|virbr|vmnet|vboxnet|cni|flannel|lxc|lxd|podman)/;
const CONNECT_WITHIN_MS = 500;

/** Of a wildcard every address that another machine may know, the likely ones first; else the one that was said. */
export function joinAddresses(listening: Address, interfaces: Interfaces = networkInterfaces()): Address[] {
  if (!isWildcard(listening.host)) return [listening];
  const wanted = listening.host === '::' ? ['IPv4', 'IPv6'] : ['IPv4'];
  const names = Object.keys(interfaces).sort((a, b) => Number(VIRTUAL.test(a)) - Number(VIRTUAL.test(b)));
  return names
    .flatMap((name) => interfaces[name] ?? [])
    .filter(({ internal, family, address }) => !internal && wanted.includes(family) && !isLinkLocal(address))
    .map(({ address }) => ({ ...listening, host: address }));
}

/** The names that a certificate is good for: what joins compares them. */
export function certifiedAddresses(listening: Address, { cert }: Certificate): Address[] {
  const names = new X509Certificate(cert).subjectAltName?.split(', ') ?? [];
  const hosts = names.flatMap((name) => /^(?:DNS|IP Address):([^*]+)$/.exec(name)?.[1] ?? []);
  return hosts.filter((host) => !isLoopback(host)).map((host) => ({ ...listening, host }));
}

/** Where the mesh that answers on this machine answers other machines too. */
export async function openAddresses(local: Address): Promise<Address[]> {
  const addresses = joinAddresses({ ...local, host: '::' });
  const answering = await Promise.all(addresses.map(answers));
  return addresses.filter((_, i) => answering[i]);
}

/** On this machine itself a wildcard is reached by the loopback address. */
export function addressHere(listening: Address): Address {
  return isWildcard(listening.host) ? { ...listening, host: '127.0.0.1' } : listening;
}

function answers({ host, port }: Address): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: CONNECT_WITHIN_MS });
    const end = (answer: boolean) => (): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', end(true)).once('timeout', end(false)).once('error', end(false));
  });
}

function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::' || host === '';
}

function isLinkLocal(address: string): boolean {
  return /^fe[89ab]/i.test(address) || address.startsWith('169.254.');
}
