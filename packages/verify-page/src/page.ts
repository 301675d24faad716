import type { ReceiptVerdict } from '@mumega/tlog/receipt'
import { FILE_BYTES_MAX, verifyReceiptFiles } from '@mumega/tlog/receipt-file'
import { ask, NoWebCrypto } from './web-crypto.ts'
import { factsOf, printable, WORDS } from './words.ts'

const form = byId('form', HTMLFormElement)
const receiptInput = byId('receipt', HTMLInputElement)
const vkeyInput = byId('vkey', HTMLInputElement)
const disclosureInput = byId('disclosure', HTMLInputElement)
const dropped = byId('dropped', HTMLElement)
const result = byId('result', HTMLElement)

/** Counts what was asked, so that a slow answer never takes the place of a later one. */
let asked = 0

/** A file that was dropped; one that is chosen afterwards takes its place. */
let droppedFile: File | undefined

function byId<Type extends HTMLElement>(id: string, type: new () => Type): Type {
  const found = document.getElementById(id)
  if (found instanceof type) return found
  throw new Error(`the page has no ${id}`)
}

form.addEventListener('submit', (event) => {
  event.preventDefault()
  void judgeForm()
})
receiptInput.addEventListener('change', () => {
  take(undefined)
  void judgeForm()
})
for (const input of [vkeyInput, disclosureInput]) {
  for (const name of ['input', 'change'] as const) input.addEventListener(name, forget)
}
for (const name of ['dragover', 'drop'] as const) {
  document.addEventListener(name, (event) => {
    // Otherwise the browser would open the file in place of this page.
    event.preventDefault()
  })
}
document.addEventListener('drop', ({ dataTransfer }) => {
  const file = dataTransfer?.files[0]
  if (file === undefined) return
  take(file)
  void judgeForm()
})

function take(file: File | undefined): void {
  droppedFile = file
  dropped.textContent = file === undefined ? '' : `Dropped: ${printable(file.name)}`
}

/** A verdict stands only beside what it was found with: nothing that was asked is answered now. */
function forget(): void {
  asked += 1
  result.className = ''
  result.replaceChildren()
}

async function judgeForm(): Promise<void> {
  asked += 1
  const question = asked
  const file = droppedFile ?? receiptInput.files?.[0]
  const vkey = vkeyInput.value.trim()
  if (file === undefined) {
    say('attention', 'Choose a receipt', 'Drop a .tlog-proof file anywhere here, or choose one.')
    return
  }
  if (vkey === '') {
    say('attention', 'The key is missing', 'Paste the log’s public key into its field.')
    vkeyInput.focus()
    return
  }
  say('attention', 'Checking …', '')
  try {
    const verdict = await judge(file, vkey, disclosureInput.files?.[0])
    if (question === asked) show(verdict, vkey)
  } catch (error) {
    if (question === asked) sayFailure(error)
  }
}

async function judge(
  file: File,
  vkey: string,
  disclosureFile: File | undefined,
): Promise<ReceiptVerdict> {
  const receipt = await readBounded(file)
  const disclosure = disclosureFile && (await readBounded(disclosureFile))
  const files = { receipt, vkey, ...(disclosure !== undefined && { disclosure }) }
  return ask(() => verifyReceiptFiles(files))
}

/** One byte more than is allowed at most: enough for the judgement to refuse it. */
async function readBounded(file: File): Promise<Uint8Array> {
  return new Uint8Array(await file.slice(0, FILE_BYTES_MAX + 1).arrayBuffer())
}

function show(verdict: ReceiptVerdict, vkey: string): void {
  const { title, meaning } = WORDS[verdict.status]
  const isProved = verdict.status === 'valid' || verdict.status === 'redacted'
  say(isProved ? 'proved' : 'refused', title, meaning)
  result.append(paragraph(printable(verdict.reason), 'reason'))
  const found = factsOf(verdict)
  const facts = [...found, ['Key', printable(vkey)]]
  if (found.length > 0 && !isProved)
    result.append(paragraph('The file says, and nothing proves:', 'doubt'))
  const list = document.createElement('dl')
  for (const [name = '', value = ''] of facts) {
    const [term, description] = [document.createElement('dt'), document.createElement('dd')]
    term.textContent = name
    description.textContent = value
    list.append(term, description)
  }
  result.append(list)
}

function sayFailure(error: unknown): void {
  if (error instanceof NoWebCrypto) {
    const remedy =
      'Nothing was checked. Use a current Chrome, Edge, Firefox or Safari, open this page over ' +
      'https or from a file, or run `mumega verify`.'
    say('attention', 'This browser cannot check signatures', `${error.message}. ${remedy}`)
  } else if (error instanceof TypeError) {
    say(
      'attention',
      'This is not the key of a log',
      `${printable(error.message)}. Paste all of it.`,
    )
    vkeyInput.focus()
  } else {
    say('attention', 'Nothing was checked', 'This page has a fault. Run `mumega verify` instead.')
    throw error
  }
}

type Mood = 'proved' | 'refused' | 'attention'

function say(mood: Mood, title: string, text: string): void {
  const heading = document.createElement('h2')
  heading.textContent = title
  result.className = mood
  result.replaceChildren(heading, ...(text === '' ? [] : [paragraph(text, 'meaning')]))
}

function paragraph(text: string, className: string): HTMLParagraphElement {
  const element = document.createElement('p')
  element.className = className
  element.textContent = text
  return element
}
