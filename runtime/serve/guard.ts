/** Who may ask for what: before anything of a request is read but its headers. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { checkBearer, type Tokens } from '../http/bearer.ts';
import { clientAddress, type Hosts, isLocal } from '../http/hosts.ts';
import { HARDENED } from '../http/http-error.ts';

export interface GuardOptions {
  readonly hosts: Hosts;
  /** Where they are given, everything but `/healthz` needs one. */
  readonly tokens?: Tokens;
}

/** The path of health checks, which need no token. */
const OPEN = '/healthz';
/** Tells what others do: without a token on this machine only. */
const INSIGHT = '/metrics';

const clients = new WeakMap<FastifyRequest, string>();

export function guard(app: FastifyInstance, { hosts, tokens }: GuardOptions): void {
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(HARDENED);
    clients.set(request, `address ${clientAddress(request.socket.remoteAddress)}`);
    hosts.check(request.raw);
    const path = request.routeOptions.url;
    if (path === OPEN || (!tokens && (path !== INSIGHT || isLocal(request.raw)))) return;
    clients.set(request, `token ${checkBearer(request.headers.authorization, tokens)}`);
  });
}

/** Whose turn a request takes: that of its token, or of its address. */
export function clientOf(request: FastifyRequest): string {
  return clients.get(request) ?? 'nobody';
}
