import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { chromium, type Browser, type Page } from 'playwright-core'
import { skipUnless } from '@mumega/testkit'
import { verifyReceipt } from '@mumega/tlog/receipt'
import { verifyReceiptFiles } from '@mumega/tlog/receipt-file'
import { disclosure, givenReceipt, strangerVkey, vkey } from './given.ts'

const FILE = fileURLToPath(new URL('../verify.html', import.meta.url))
const BROWSERS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

const executablePath = BROWSERS.find((path) => existsSync(path))
const inBrowser = skipUnless(test, {
  isPresent: executablePath !== undefined,
  reason: 'there is no Chromium; `apt-get install chromium` provides one',
})

const receipt = givenReceipt(1)
let browser: Browser | undefined
let requests: string[]

beforeAll(async () => {
  if (executablePath === undefined) return
  const args = ['--headless', '--no-sandbox', '--disable-background-networking']
  browser = await chromium.launch({ executablePath, args })
})
afterAll(async () => {
  await browser?.close()
})

/** The page as somebody has it who saved it: from a file. Every request it makes is noted. */
async function openPage(): Promise<Page> {
  if (browser === undefined) throw new Error('there is a browser')
  const page = await browser.newPage()
  requests = []
  page.on('request', (request) => requests.push(request.url()))
  await page.goto(pathToFileURL(FILE).href)
  return page
}

interface Asked {
  receipt: string | Buffer
  vkey?: string
  disclosure?: string
}

/** What the page says of a receipt, by its fields and its button alone. */
async function judged(asked: Asked): Promise<string> {
  const page = await openPage()
  const { receipt: given, vkey: key = vkey } = asked
  await page.getByLabel('Public key of the log').fill(key)
  const file = { name: 'receipt.tlog-proof', mimeType: 'text/plain' }
  if (asked.disclosure !== undefined) {
    const buffer = Buffer.from(asked.disclosure)
    const name = 'disclosure.json'
    const json = { name, mimeType: 'application/json', buffer }
    await page.getByLabel('Disclosed content').setInputFiles(json)
  }
  await page.getByLabel('Receipt').setInputFiles({ ...file, buffer: Buffer.from(given) })
  await page.getByRole('button', { name: 'Verify' }).click()
  const text = await resultOf(page)
  await page.close()
  return text
}

async function resultOf(page: Page): Promise<string> {
  const result = page.getByRole('status')
  await result.locator('h2:not(:text("Checking"))').waitFor()
  return result.innerText()
}

inBrowser('a valid receipt is said to be valid, and its entry is shown', async () => {
  const text = await judged({ receipt })

  expect(text).toMatch(/^Valid\n/)
  expect(text).toContain('message.accepted (fact)')
  expect(text).toContain('acme, number 2')
  expect(text).toContain('ledger.example.com/main, entry 1 of 21, counted from 0')
  expect(text).not.toContain('nothing proves')
})

inBrowser('a verdict names its key, and is gone once key or content is another', async () => {
  const page = await openPage()
  const [key, result] = [page.getByLabel('Public key of the log'), page.getByRole('status')]
  await key.fill(vkey)
  const file = { name: 'receipt.tlog-proof', mimeType: 'text/plain', buffer: Buffer.from(receipt) }
  await page.getByLabel('Receipt').setInputFiles(file)
  expect(await resultOf(page)).toContain(vkey)

  await key.press('End')
  await key.press('x')
  expect(await result.innerText()).toBe('')

  await key.fill(vkey)
  await page.getByRole('button', { name: 'Verify' }).click()
  expect(await resultOf(page)).toMatch(/^Valid\n/)
  const forged = Buffer.from(JSON.stringify({ ...disclosure, payload: { text: 'bye' } }))
  const json = { name: 'disclosure.json', mimeType: 'application/json', buffer: forged }
  await page.getByLabel('Disclosed content').setInputFiles(json)
  expect(await result.innerText()).toBe('')
  await page.close()
})

inBrowser('every receipt of a log verifies, as it does outside a browser', async () => {
  for (let index = 0; index < 21; index += 5) {
    expect(await judged({ receipt: givenReceipt(index) })).toMatch(/^Valid\n/)
    expect(verifyReceipt({ text: givenReceipt(index), vkey }).status).toBe('valid')
  }
})

const lines = receipt.split('\n')
const signature = /— \S+ (\S+)\n$/.exec(receipt)?.[1] ?? ''
const otherHash = Buffer.alloc(32, 9).toString('base64')

/** The text with one bit of a base64 field turned over. */
function flipped(field: string): string {
  const bytes = Buffer.from(field, 'base64')
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
  return receipt.replace(field, bytes.toString('base64'))
}

const FORGERIES: [name: string, asked: Asked][] = [
  ['the key of somebody else', { receipt, vkey: strangerVkey }],
  ['another place', { receipt: receipt.replace('index 1', 'index 2') }],
  ['another hash in the proof', { receipt: receipt.replace(lines[3] ?? '', otherHash) }],
  ['a proof that is too short', { receipt: lines.toSpliced(3, 1).join('\n') }],
  ['another size of the log', { receipt: receipt.replace('\n21\n', '\n22\n') }],
  ['a signature with one bit turned', { receipt: flipped(signature) }],
  [
    'the entry of another receipt',
    { receipt: receipt.replace(lines[1] ?? '', givenReceipt(2).split('\n')[1] ?? '') },
  ],
  [
    'another content',
    { receipt, disclosure: JSON.stringify({ ...disclosure, payload: { text: 'bye' } }) },
  ],
]

for (const [name, asked] of FORGERIES) {
  inBrowser(`${name} is said to diverge, and nothing to be proved`, async () => {
    const text = await judged(asked)

    expect(text).toMatch(/^Diverged: do not rely on it\n/)
    expect(text).toContain('The file says, and nothing proves:')
  })
}

inBrowser('the content that the entry commits to is said to be that', async () => {
  const text = await judged({ receipt, disclosure: JSON.stringify(disclosure) })

  expect(text).toMatch(/^Valid\n/)
  expect(text).toContain('is the one that the entry commits to')
})

inBrowser('an erasure that the log records is told as one', async () => {
  const redacted = JSON.stringify({ redacted: true, receipt: givenReceipt(20) })

  const text = await judged({ receipt, disclosure: redacted })

  expect(text).toMatch(/^Valid, the content was erased\n/)
  expect(text).toContain('2026-11-21T08:00:00.000Z by agent:kasra')
})

inBrowser('a receipt that no checkpoint covers is not yet anchored', async () => {
  const text = await judged({ receipt: givenReceipt(1, false) })

  expect(text).toMatch(/^Not yet anchored\n/)
  expect(text).toContain('The file says, and nothing proves:')
})

const JUNK: [name: string, receipt: string | Buffer][] = [
  ['half a receipt', receipt.slice(0, receipt.length / 3)],
  ['an empty file', ''],
  ['2 MB of junk', Buffer.alloc(2_000_000, 'junk ')],
  ['1 MB of lines', 'c2sp.org/tlog-proof@v1\n'.padEnd(1_000_000, 'x\n')],
  ['bytes that are not text', Buffer.from([0xff, 0xfe, 0x00])],
]

inBrowser(
  'what is longer than any receipt gets the verdict and reason of the program',
  async () => {
    const long = Buffer.alloc(1_048_577, receipt)
    const { status, reason } = verifyReceiptFiles({ receipt: long, vkey })

    expect(status).toBe('malformed')
    for (const asked of [{ receipt: long }, { receipt, disclosure: long.toString() }]) {
      const text = await judged(asked)
      expect(text).toMatch(/^Malformed: this is not a receipt\n/)
      expect(text).toContain(reason)
    }
  },
)

for (const [name, junk] of JUNK) {
  inBrowser(`${name} is malformed, and the page goes on`, async () => {
    expect(await judged({ receipt: junk })).toMatch(/^Malformed: this is not a receipt\n/)
  })
}

for (const key of [
  '',
  'nonsense',
  vkey.slice(0, -3),
  vkey.replace(/\+[0-9a-f]{8}\+/, '+00000000+'),
]) {
  inBrowser(`a key that is none is named as what is wrong: "${key.slice(-20)}"`, async () => {
    const text = await judged({ receipt, vkey: key })

    expect(text).toMatch(/^(The key is missing|This is not the key of a log)\n/)
  })
}

inBrowser('nothing out of a receipt becomes part of the page', async () => {
  const page = await openPage()
  await page.getByLabel('Public key of the log').fill(vkey)
  const file = { name: '<b>x</b>', mimeType: 'text/plain', buffer: Buffer.from(receipt) }
  await page.getByLabel('Receipt').setInputFiles(file)
  const text = await resultOf(page)

  expect(text).toContain('<img src=x onerror="document.title=1">\\u{202e}')
  expect(await page.locator('img').count()).toBe(0)
  expect(await page.title()).toBe('Verify a receipt – Mumega')
  await page.close()
})

inBrowser('the page loads and sends nothing, and its policy would not let it', async () => {
  await judged({ receipt })
  expect(requests).toEqual([pathToFileURL(FILE).href])

  const page = await openPage()
  const refused = await page.evaluate(async () => {
    const outcomes = await Promise.allSettled([fetch('https://example.com/'), fetch('data:,x')])
    return outcomes.map(({ status }) => status)
  })
  expect(refused).toEqual(['rejected', 'rejected'])
  await page.close()
})

inBrowser(
  'where the browser cannot check the signature, that is said and nothing else',
  async () => {
    const page = await openPage()
    await page.evaluate(() => {
      const refuse = () => Promise.reject(new DOMException('no Ed25519', 'NotSupportedError'))
      Object.defineProperty(crypto.subtle, 'importKey', { value: refuse })
    })
    await page.getByLabel('Public key of the log').fill(vkey)
    const file = { name: 'r.tlog-proof', mimeType: 'text/plain', buffer: Buffer.from(receipt) }
    await page.getByLabel('Receipt').setInputFiles(file)

    expect(await resultOf(page)).toMatch(
      /^This browser cannot check signatures\n.*Nothing was checked/s,
    )
    await page.close()
  },
)

inBrowser('a dropped file is judged, and all of it can be done by the keyboard', async () => {
  const page = await openPage()
  await page.getByLabel('Public key of the log').fill(vkey)
  await page.evaluate((text) => {
    const transfer = new DataTransfer()
    transfer.items.add(new File([text], 'dropped.tlog-proof'))
    document.dispatchEvent(new DragEvent('drop', { dataTransfer: transfer, cancelable: true }))
  }, receipt)
  expect(await resultOf(page)).toMatch(/^Valid\n/)

  await page.reload()
  const focused: string[] = []
  for (let nth = 0; nth < 4; nth += 1) {
    await page.keyboard.press('Tab')
    focused.push(await page.evaluate(() => document.activeElement?.id || 'button'))
  }
  expect(focused).toEqual(['receipt', 'vkey', 'disclosure', 'button'])
  await page.keyboard.press('Enter')
  expect(await resultOf(page)).toMatch(/^Choose a receipt\n/)
  await page.close()
})

test('the file is whole in itself: its policy names its one script and style by their hashes', () => {
  const html = readFileSync(FILE, 'utf8')
  const [, policy = ''] = /Content-Security-Policy"\s+content="([^"]+)"/.exec(html) ?? []
  for (const name of ['script', 'style']) {
    const [, ...more] = html.split(`<${name}`)
    expect(more).toHaveLength(1)
    const body = new RegExp(`<${name}[^>]*>([^]*?)</${name}>`).exec(html)?.[1] ?? ''
    const hash = createHash('sha256').update(body).digest('base64')
    expect(policy).toContain(`${name}-src 'sha256-${hash}'`)
  }
  expect(policy).toMatch(/^default-src 'none';/)
  expect(html).not.toMatch(/\s(?:src|href)=/)
})
