import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SERVICES } from '@mumega/contracts/topology'
import { startTestSuite } from '@mumega/testkit'
import type { Finding } from './finding.ts'
import { buildGo, requiredVersion } from './go-module.ts'
import { sendOneMessage } from './journey.ts'
import { lastLine, runCommand } from './run-command.ts'

/**
 * Go's own note and transparency log packages open our checkpoint and verify a message's receipt.
 */
export async function judgeReceipt(): Promise<Finding[]> {
  const program = await buildGo('go-sumdb', '.')
  const suite = await startTestSuite({ services: SERVICES })
  const folder = mkdtempSync(join(tmpdir(), 'mumega-receipt-'))
  try {
    const { receipt, vkey } = await sendOneMessage(suite)
    const [vkeyFile, receiptFile] = [join(folder, 'vkey'), join(folder, 'receipt.tlog-proof')]
    writeFileSync(vkeyFile, vkey)
    writeFileSync(receiptFile, receipt)
    const { code, output } = await runCommand(program, [vkeyFile, receiptFile], {
      timeoutMs: 10_000,
    })
    return [
      {
        tool: 'Go sumdb/note, sumdb/tlog',
        version: requiredVersion('go-sumdb', 'golang.org/x/mod'),
        checked: 'the checkpoint opens, the receipt of a message verifies, three forgeries do not',
        result: code === 0 ? 'passed' : 'failed',
        reason: lastLine(output),
      },
    ]
  } finally {
    rmSync(folder, { recursive: true, force: true })
    await suite.stop()
  }
}
