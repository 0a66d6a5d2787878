/** Addresses of this machine only: nothing of what is sent to them can be read elsewhere. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}
