import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { startLoopbackServer } from './loopback-server.ts'
import type { Capability } from './skip-unless.ts'

/** What a time-stamp authority does wrong until it is told otherwise. */
export type TsaFault =
  | 'hangs'
  | 'answers-too-much'
  | 'answers-nonsense'
  | 'breaks'
  /** It does not know the digest that it is asked for. */
  | 'refuses'
  /** It stamps the same digest, for a request of somebody else. */
  | 'answers-another-request'
  | 'stamps-another-digest'
  /** Signed by the same name under another root. */
  | 'is-not-trusted'
  /** Signed by a certificate of the root that is for other purposes. */
  | 'is-for-other-purposes'
  /** Its signature does not say by which certificate. */
  | 'names-no-certificate'

export interface TestTsa {
  readonly url: string
  /** The root's certificate in PEM. */
  readonly caFile: string
  /** Requests so far. */
  readonly asked: number
  suffer(fault: TsaFault | undefined): void
  /** What `openssl ts -verify` says of a reply over these bytes: undefined when it is content. */
  judge(reply: Buffer, note: string): string | undefined
  stop(): Promise<void>
}

/** Whether this machine has the `openssl` program with `ts`. */
export function opensslPresent(): Capability {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore', timeout: 10_000 })
    return { isPresent: true, reason: '' }
  } catch {
    return { isPresent: false, reason: 'no openssl on PATH' }
  }
}

const CONFIG = `
[req]
distinguished_name = dn
prompt = no
[dn]
CN = Test root
[root]
basicConstraints = critical,CA:true
keyUsage = critical,keyCertSign
subjectKeyIdentifier = hash
[stamping]
basicConstraints = critical,CA:false
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
[other]
basicConstraints = critical,CA:false
keyUsage = critical,digitalSignature
extendedKeyUsage = clientAuth
[tsa]
serial = serial
default_policy = 1.2.3.4.1
digests = DIGESTS
signer_digest = sha256
ess_cert_id_alg = sha256
`

/** A time-stamp authority made of the real `openssl ts`, behind HTTP. */
export async function startTestTsa(): Promise<TestTsa> {
  const folder = mkdtempSync(join(tmpdir(), 'mumega-tsa-'))
  givenKeys(folder)
  let [fault, asked]: [TsaFault | undefined, number] = [undefined, 0]

  const server = await startLoopbackServer(async (request, response) => {
    asked += 1
    const query = await buffer(request)
    if (fault === 'hangs') return
    const status = fault === 'breaks' ? 503 : 200
    response.writeHead(status, { 'content-type': 'application/timestamp-reply' })
    response.end(replyTo(folder, query, fault))
  })
  const caFile = join(folder, 'root.pem')

  return {
    url: `${server.url}/`,
    caFile,
    get asked() {
      return asked
    },
    suffer(next) {
      fault = next
    },
    judge(reply, note) {
      writeFileSync(join(folder, 'judged.tsr'), reply)
      writeFileSync(join(folder, 'judged.note'), note)
      try {
        const words = 'ts -verify -in judged.tsr -data judged.note -CAfile root.pem'
        openssl(folder, words)
        return undefined
      } catch (error) {
        return String(error)
      }
    },
    async stop() {
      await server.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Without a shell: none of the words holds a space. */
function openssl(folder: string, words: string): void {
  execFileSync('openssl', words.split(' '), { cwd: folder, stdio: 'pipe', timeout: 20_000 })
}

function givenKeys(folder: string): void {
  writeFileSync(join(folder, 'config'), CONFIG.replace('DIGESTS', 'sha256'))
  writeFileSync(join(folder, 'refusing'), CONFIG.replace('DIGESTS', 'sha512'))
  for (const root of ['root', 'stranger']) {
    openssl(folder, `ecparam -name prime256v1 -genkey -noout -out ${root}.key`)
    const certify = `req -x509 -new -key ${root}.key -out ${root}.pem -days 2`
    openssl(folder, `${certify} -config config -extensions root`)
  }
  givenSigner(folder, { name: 'tsa', issuer: 'root', purpose: 'stamping' })
  givenSigner(folder, { name: 'other', issuer: 'root', purpose: 'other' })
  givenSigner(folder, { name: 'untrusted', issuer: 'stranger', purpose: 'stamping' })
}

interface SignerNames {
  name: string
  issuer: string
  purpose: string
}

function givenSigner(folder: string, { name, issuer, purpose }: SignerNames): void {
  openssl(folder, `ecparam -name prime256v1 -genkey -noout -out ${name}.key`)
  openssl(folder, `req -new -key ${name}.key -out ${name}.csr -config config -subj /CN=Authority`)
  const signed = `x509 -req -in ${name}.csr -CA ${issuer}.pem -CAkey ${issuer}.key -CAcreateserial`
  openssl(folder, `${signed} -days 1 -extfile config -extensions ${purpose} -out ${name}.pem`)
}

function replyTo(folder: string, query: Buffer, fault: TsaFault | undefined): Buffer {
  writeFileSync(join(folder, 'query.tsq'), query)
  switch (fault) {
    case 'answers-too-much':
      return Buffer.alloc(1_000_000)
    case 'answers-nonsense':
      return Buffer.from('thank you')
    case 'refuses':
      return stamp(folder, { config: 'refusing' })
    case 'is-not-trusted':
      return stamp(folder, { signer: 'untrusted' })
    case 'answers-another-request': {
      // The digest is the only run of 32 bytes in a query for SHA-256.
      const digest = query.subarray(query.indexOf(Buffer.of(0x04, 0x20)) + 2).subarray(0, 32)
      openssl(folder, `ts -query -digest ${digest.toString('hex')} -sha256 -cert -out query.tsq`)
      return stamp(folder)
    }
    case 'stamps-another-digest': {
      const at = query.indexOf(Buffer.of(0x04, 0x20)) + 2
      const other = Buffer.from(query)
      other.writeUInt8(other.readUInt8(at) ^ 1, at)
      writeFileSync(join(folder, 'query.tsq'), other)
      return stamp(folder)
    }
    case 'is-for-other-purposes':
      return resign(folder, 'other', '-cades')
    case 'names-no-certificate':
      return resign(folder, 'tsa', '-binary')
    default:
      return stamp(folder)
  }
}

function stamp(folder: string, { config = 'config', signer = 'tsa' } = {}): Buffer {
  const words = `-queryfile query.tsq -config ${config} -section tsa`
  openssl(folder, `ts -reply ${words} -signer ${signer}.pem -inkey ${signer}.key -out reply.tsr`)
  return readFileSync(join(folder, 'reply.tsr'))
}

/** A good stamp's content, signed anew as `openssl ts` itself refuses to. */
function resign(folder: string, signer: string, option: string): Buffer {
  stamp(folder)
  openssl(folder, 'ts -reply -in reply.tsr -token_out -out token.der')
  openssl(folder, 'cms -verify -noverify -in token.der -inform DER -out info.der')
  const type = '-econtent_type 1.2.840.113549.1.9.16.1.4'
  const form = `-in info.der -binary -nodetach -outform DER -out token.der ${type}`
  openssl(folder, `cms -sign ${form} -signer ${signer}.pem -inkey ${signer}.key ${option}`)
  openssl(folder, 'ts -reply -in token.der -token_in -out reply.tsr')
  return readFileSync(join(folder, 'reply.tsr'))
}
