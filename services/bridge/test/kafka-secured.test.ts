import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, expect, test } from '@jest/globals'
import { opensslPresent, skipUnless } from '@mumega/testkit'
import { agent, givenAgents, givenMessage } from './given.ts'
import {
  kafkaTest,
  startKafkaBridge,
  untilFailing,
  untilOk,
  type KafkaBridge,
} from './given-kafka.ts'
import { startFront, type Certificate, type Front } from './kafka-front.ts'

const folder = mkdtempSync(join(tmpdir(), 'mumega-kafka-tls-'))
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

const ends: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
}, 60_000)

const { skip } = test
const securedTest = skipUnless(Object.assign(kafkaTest.bind(undefined), { skip }), opensslPresent())

const caFileOf = (name: string) => join(folder, `${name}.pem`)

/** Of a broker on this machine, signed by nobody but itself. */
function givenCertificate(name: string): Certificate {
  const keyFile = join(folder, `${name}.key`)
  const made = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=kafka']
  const files = ['-keyout', keyFile, '-out', caFileOf(name)]
  const names = ['-addext', 'subjectAltName=IP:127.0.0.1']
  execFileSync('openssl', [...made, ...files, ...names], { stdio: 'ignore', timeout: 20_000 })
  return readCertificate(name)
}

let front: Front

/** A bridge that trusts the certificate `trusted` and knows a password, before such a broker. */
async function givenSecured(options: {
  shown: string
  trusted: string
  password: string
}): Promise<KafkaBridge> {
  const certificate = givenCertificate(options.shown)
  const side = await startKafkaBridge(async (brokers) => {
    front = await startFront(brokers, { certificate, password: options.password })
    ends.push(() => front.stop())
    return {
      KAFKA_BROKERS: front.brokers,
      KAFKA_TLS: 'true',
      KAFKA_TLS_CA_FILE: caFileOf(options.trusted),
      KAFKA_SASL_MECHANISM: 'plain',
      KAFKA_SASL_USERNAME: 'mumega',
      KAFKA_SASL_PASSWORD: 'the right one',
    }
  })
  if (side === undefined) throw new Error('there is no broker')
  ends.push(() => side.stop())
  await givenAgents(side.bridge, ['ada', 'bob'])
  return side
}

const tell = (side: KafkaBridge, text: string) =>
  givenMessage(side.bridge, agent('ada'), { to: 'bob', text })

securedTest(
  'a message reaches a broker that asks for TLS and a password',
  async () => {
    const side = await givenSecured({ shown: 'own', trusted: 'own', password: 'the right one' })

    const messageId = await tell(side, 'secret')

    const [record] = await side.stranger.waitForMessages(1)
    expect(record?.headers['message-id']).toBe(messageId)
    await untilOk(side)
    expect(front.seen.admitted).toBeGreaterThan(0)
    expect(front.seen.refused).toBe(0)
  },
  90_000,
)

securedTest(
  'a wrong password is told in health and nowhere shown, and what waits for it arrives',
  async () => {
    const side = await givenSecured({ shown: 'own', trusted: 'own', password: 'another' })
    const sent = [await tell(side, 'patient')]

    const reason = await untilFailing(side, /What is to be sent waits.*wrong password/)
    expect(reason).not.toContain('the right one')
    expect(front.seen.admitted).toBe(0)
    sent.push(await tell(side, 'too'))
    front.expect('the right one')

    const records = await side.stranger.waitForMessages(2)
    expect(records.map(({ headers }) => headers['message-id'])).toEqual(sent)
    await untilOk(side)
  },
  90_000,
)

securedTest(
  'to a broker whose certificate is not trusted nothing is sent, and health says why',
  async () => {
    givenCertificate('own')
    const side = await givenSecured({ shown: 'forged', trusted: 'own', password: 'the right one' })
    const sent = [await tell(side, 'not for everybody')]

    await untilFailing(side, /What is to be sent waits.*certificate/)
    // No password either.
    expect(front.seen).toEqual({ admitted: 0, refused: 0 })
    front.show(readCertificate('own'))

    const records = await side.stranger.waitForMessages(1)
    expect(records.map(({ headers }) => headers['message-id'])).toEqual(sent)
    await untilOk(side)
  },
  90_000,
)

function readCertificate(name: string): Certificate {
  return {
    key: readFileSync(join(folder, `${name}.key`), 'utf8'),
    cert: readFileSync(caFileOf(name), 'utf8'),
  }
}
