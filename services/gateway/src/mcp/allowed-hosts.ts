import { isIP } from 'node:net'
import type { IncomingHttpHeaders } from 'node:http'
import type { Config } from '../config.ts'
import { hostNotAllowed } from '../errors.ts'

const OWN = ['localhost', '127.0.0.1', '[::1]']

/**
 * Refuses requests that a browser was led to make: under a name that leads here by a forged DNS
 * answer, or by a page of another origin. Programs send no Origin.
 *
 * @throws gateway.host-not-allowed
 */
export function checkHosts(
  config: Pick<Config, 'MUMEGA_ALLOWED_HOSTS' | 'MUMEGA_HOST'>,
): (headers: IncomingHttpHeaders) => void {
  const allowed = allowedHosts(config)
  return ({ host, origin }) => {
    const name = hostnameOf(`http://${host ?? ''}`)
    if (allowed !== undefined && !allowed.includes(name)) throw hostNotAllowed('Host', name)
    if (origin === undefined) return
    const from = hostnameOf(origin)
    if (from === '' || !(allowed ?? [name]).includes(from)) throw hostNotAllowed('Origin', from)
  }
}

/** Undefined where any name will do. */
function allowedHosts({
  MUMEGA_ALLOWED_HOSTS: named,
  MUMEGA_HOST: address,
}: Pick<Config, 'MUMEGA_ALLOWED_HOSTS' | 'MUMEGA_HOST'>): readonly string[] | undefined {
  if (named !== undefined) return named.split(',').map((name) => name.trim().toLowerCase())
  const isOwn = isIP(address) === 4 ? address.startsWith('127.') : OWN.includes(bracketed(address))
  return isOwn ? [...OWN, bracketed(address)] : undefined
}

function bracketed(address: string): string {
  return isIP(address) === 6 ? `[${address}]` : address
}

/** Lower case, without a port; empty for what is no URL, as `null` of a sandboxed page. */
function hostnameOf(url: string): string {
  return URL.canParse(url) ? new URL(url).hostname : ''
}
