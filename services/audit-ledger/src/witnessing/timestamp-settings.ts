import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { Certificate } from 'pkijs'
import type { Config } from '../config.ts'
import { tsaUnusable } from '../errors.ts'

/** Which authority stamps checkpoints, and how often. */
export interface TimestampSettings {
  readonly url: string
  readonly roots: readonly Certificate[]
  /** A stamp is due after so many anchors … */
  readonly anchors: number
  /** … and, where the log has grown at all, after so long. Real time. */
  readonly everyMs: number
}

const ANCHORS = 256
const MINUTES = 60
const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/**
 * Reads the settings; undefined where no authority is configured.
 *
 * @throws audit-ledger.tsa-unusable naming the setting and the remedy
 */
export async function readTimestampSettings(
  config: Config,
): Promise<TimestampSettings | undefined> {
  const { LEDGER_TSA_URL: url, LEDGER_TSA_CA_FILE: path } = config
  if (url === undefined && path === undefined) return undefined
  if (url === undefined) {
    throw tsaUnusable('LEDGER_TSA_CA_FILE is set without LEDGER_TSA_URL; set both or none')
  }
  if (path === undefined) {
    throw tsaUnusable('LEDGER_TSA_URL is set without LEDGER_TSA_CA_FILE, by which it is verified')
  }
  return {
    url,
    roots: await readRoots(path),
    anchors: config.LEDGER_TSA_ANCHORS ?? ANCHORS,
    everyMs: (config.LEDGER_TSA_MINUTES ?? MINUTES) * 60_000,
  }
}

async function readRoots(path: string): Promise<Certificate[]> {
  let pems: string[]
  try {
    pems = (await readFile(path, 'utf8')).match(PEM) ?? []
  } catch (cause) {
    throw tsaUnusable('LEDGER_TSA_CA_FILE cannot be read; is it there, and readable?', cause)
  }
  if (pems.length === 0) throw tsaUnusable('LEDGER_TSA_CA_FILE holds no certificate in PEM')
  try {
    return pems.map((pem) => Certificate.fromBER(Uint8Array.from(new X509Certificate(pem).raw)))
  } catch (cause) {
    throw tsaUnusable('LEDGER_TSA_CA_FILE holds a certificate that cannot be read', cause)
  }
}
