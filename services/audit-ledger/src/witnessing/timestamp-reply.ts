import { hash } from 'node:crypto'
import { Integer, Null, ObjectIdentifier, OctetString, Sequence } from 'asn1js'
import {
  AlgorithmIdentifier,
  type Certificate,
  ExtKeyUsage,
  MessageImprint,
  SignedData,
  TimeStampReq,
  TimeStampResp,
  TSTInfo,
} from 'pkijs'

/** An answer of a time-stamp authority that proves nothing. The message says why. */
export class TimestampFault extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'TimestampFault'
  }
}

const SHA256 = '2.16.840.1.101.3.4.2.1'
const TST_INFO = '1.2.840.113549.1.9.16.1.4'
const EXTENDED_KEY_USAGE = '2.5.29.37'
const TIME_STAMPING = '1.3.6.1.5.5.7.3.8'
const SIGNING_CERTIFICATE = '1.2.840.113549.1.9.16.2.12'
const SIGNING_CERTIFICATE_V2 = '1.2.840.113549.1.9.16.2.47'
const HASHES = new Map([
  [SHA256, 'sha256'],
  ['2.16.840.1.101.3.4.2.2', 'sha384'],
  ['2.16.840.1.101.3.4.2.3', 'sha512'],
])
// Between our clock and that of an authority.
const SKEW_MS_MAX = 300_000

/** The DER of a request (RFC 3161, 2.4.1) for a SHA-256 imprint, asking for the certificate. */
export function formatTimestampRequest(imprint: Buffer, nonce: bigint): Buffer {
  const algorithm = { algorithmId: SHA256, algorithmParams: new Null() }
  const request = new TimeStampReq({
    version: 1,
    messageImprint: new MessageImprint({
      hashAlgorithm: new AlgorithmIdentifier(algorithm),
      hashedMessage: new OctetString({ valueHex: Uint8Array.from(imprint).buffer }),
    }),
    nonce: Integer.fromBigInt(nonce),
    certReq: true,
  })
  return Buffer.from(request.toSchema().toBER())
}

export interface TimestampClaim {
  /** The DER of the whole answer. */
  readonly reply: Buffer
  /** The checkpoint's note, whose SHA-256 was to be stamped. */
  readonly note: string
  readonly nonce: bigint
  /** Certificates that may stand at the end of the signer's chain. */
  readonly roots: readonly Certificate[]
  /** Real time, in milliseconds of the epoch. */
  readonly nowMs: number
}

/**
 * Verifies an answer: its status, that it is of this note and this request and of now, that the
 * signer's certificate is the one that the signature names, is for time-stamping only, and leads to
 * a root. Returns the time that it tells.
 *
 * @throws TimestampFault
 */
export async function verifyTimestampReply(claim: TimestampClaim): Promise<Date> {
  const { signed, info } = readReply(claim.reply)
  const data = Buffer.from(claim.note)
  checkImprint(info, data)
  if (info.nonce?.toBigInt() !== claim.nonce) {
    throw new TimestampFault('it answered another request: the nonce is not ours')
  }
  const generatedMs = info.genTime.getTime()
  if (!(Math.abs(generatedMs - claim.nowMs) <= SKEW_MS_MAX)) {
    throw new TimestampFault('its clock and ours are more than five minutes apart')
  }
  await checkSignature(signed, { ...claim, data, at: info.genTime })
  return info.genTime
}

interface ReadReply {
  signed: SignedData
  info: TSTInfo
}

function readReply(reply: Buffer): ReadReply {
  const response = parsed(() => TimeStampResp.fromBER(Uint8Array.from(reply)))
  const status: number = response.status.status
  // 0 is granted, 1 is granted with changes; the rest is a refusal.
  if (status !== 0 && status !== 1) throw new TimestampFault(`it refused (status ${status})`)
  return parsed(() => {
    const token = response.timeStampToken
    if (token === undefined) throw new TimestampFault('it granted, and sent no stamp')
    const signed = new SignedData({ schema: token.content })
    const { eContent, eContentType } = signed.encapContentInfo
    if (eContent === undefined || eContentType !== TST_INFO || signed.signerInfos.length !== 1) {
      throw new TimestampFault('what it sent is not a time-stamp by one signer')
    }
    return { signed, info: TSTInfo.fromBER(Uint8Array.from(Buffer.from(eContent.getValue()))) }
  })
}

function parsed<Result>(parse: () => Result): Result {
  try {
    return parse()
  } catch (error) {
    if (error instanceof TimestampFault) throw error
    throw new TimestampFault('what it sent is not a time-stamp reply')
  }
}

function checkImprint({ messageImprint }: TSTInfo, data: Buffer): void {
  const stamped = Buffer.from(messageImprint.hashedMessage.getValue())
  const isOurs = stamped.equals(hash('sha256', data, 'buffer'))
  if (messageImprint.hashAlgorithm.algorithmId !== SHA256 || !isOurs) {
    throw new TimestampFault('it stamped something else than the checkpoint')
  }
}

interface Trusted {
  readonly roots: readonly Certificate[]
  readonly data: Buffer
  readonly at: Date
}

async function checkSignature(signed: SignedData, { roots, data, at }: Trusted): Promise<void> {
  const verdict = await signed
    .verify({
      signer: 0,
      data: Uint8Array.from(data).buffer,
      trustedCerts: [...roots],
      checkChain: true,
      checkDate: at,
      extendedMode: true,
    })
    .catch(() => undefined)
  const certificate = verdict?.signerCertificate
  const isVerified =
    verdict?.signatureVerified === true && verdict.signerCertificateVerified === true
  if (!isVerified || !certificate) {
    throw new TimestampFault('it is not signed by who leads to a root in LEDGER_TSA_CA_FILE')
  }
  if (!isForTimeStamping(certificate)) {
    throw new TimestampFault('its certificate is not one for time-stamping, and only that')
  }
  if (!namesCertificate(signed, certificate)) {
    throw new TimestampFault('its signature does not name the certificate that verifies it')
  }
}

/** RFC 3161, 2.3: one purpose, and critical. */
function isForTimeStamping({ extensions = [] }: Certificate): boolean {
  const usage = extensions.find(({ extnID }) => extnID === EXTENDED_KEY_USAGE)
  const purposes = usage?.parsedValue instanceof ExtKeyUsage ? usage.parsedValue.keyPurposes : []
  return usage?.critical === true && purposes.length === 1 && purposes[0] === TIME_STAMPING
}

/**
 * RFC 5035: the signature covers the hash of its own certificate, so that no other with the same
 * key can be put in its place.
 */
function namesCertificate({ signerInfos }: SignedData, certificate: Certificate): boolean {
  const der = Buffer.from(certificate.toSchema().toBER())
  const attributes = signerInfos[0]?.signedAttrs?.attributes ?? []
  for (const { type, values } of attributes) {
    if (type !== SIGNING_CERTIFICATE && type !== SIGNING_CERTIFICATE_V2) continue
    const [certificates] = elementsOf(values[0])
    const [named] = elementsOf(certificates)
    const [first, second] = elementsOf(named)
    const algorithm = type === SIGNING_CERTIFICATE ? 'sha1' : hashOf(first)
    const value = first instanceof OctetString ? first : second
    if (algorithm === undefined || !(value instanceof OctetString)) return false
    return Buffer.from(value.getValue()).equals(hash(algorithm, der, 'buffer'))
  }
  return false
}

/** The algorithm of an ESSCertIDv2, which is left out for SHA-256. */
function hashOf(first: unknown): string | undefined {
  if (first instanceof OctetString) return 'sha256'
  const [oid] = elementsOf(first)
  return oid instanceof ObjectIdentifier ? HASHES.get(oid.getValue()) : undefined
}

function elementsOf(value: unknown): unknown[] {
  return value instanceof Sequence ? value.valueBlock.value : []
}
