/** One request to an HTTP server, whose certificate may be one that no authority of this machine knows. */
import { type IncomingHttpHeaders, request as plainRequest } from 'node:http';
import { request as secureRequest } from 'node:https';
import { rootCertificates } from 'node:tls';

/** An answer has to be here in memory before it is read. */
const MAX_ANSWER_BYTES = 256 * 1024 * 1024;
/** A server that says nothing for so long is gone. */
const SILENT_MS = 300_000;

export interface Asked {
  readonly method?: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** A certificate (PEM) that is trusted beside those of the program: the server’s own, or of its authority. */
  readonly ca?: string | undefined;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/**
 * It follows no redirection: what is sent, tokens and vouchers among it, is for this server alone.
 *
 * @throws Error of the connection, of a certificate that is not trusted, of silence, or of an answer that is too long
 */
export function askServer(address: URL, { method = 'GET', headers = {}, body, ca }: Asked = {}): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
    const options = { method, headers: { ...headers, ...length }, timeout: SILENT_MS };
    const trusted = ca === undefined ? {} : { ca: [...rootCertificates, ca] };
    const request =
      address.protocol === 'https:'
        ? secureRequest(address, { ...options, ...trusted })
        : plainRequest(address, options);
    request.on('error', reject);
    request.on('timeout', () => request.destroy(new Error(`it has said nothing for ${SILENT_MS / 1000} s`)));
    request.on('response', (response) => {
      const parts: Buffer[] = [];
      let bytes = 0;
      response.on('error', reject);
      response.on('data', (part: Buffer) => {
        bytes += part.length;
        if (bytes > MAX_ANSWER_BYTES) request.destroy(new Error('its answer is too long'));
        else parts.push(part);
      });
      response.on('end', () => {
        const text = Buffer.concat(parts).toString('utf8');
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
      });
    });
    request.end(body);
  });
}
