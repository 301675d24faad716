import { pathToFileURL } from 'node:url'
import { readText } from '../tree.ts'
import type { Finding } from './finding.ts'
import { findNpmTool } from './npm-tool.ts'

const TOOL = { name: '@asyncapi/parser', version: '3.6.3', file: '@asyncapi/parser/cjs/index.js' }
const DOCUMENT = 'docs/asyncapi.json'

/** What is used of the parser, which is no dependency of ours. */
interface Parser {
  parse(text: string): Promise<{
    document?: { operations(): { length: number } }
    /** Of severity 0 errors, 1 warnings, 2 and 3 advice. */
    diagnostics: { severity: number; message: string; path: (string | number)[] }[]
  }>
}

/** AsyncAPI's own parser on the document of the bus. */
export async function judgeAsyncApi(): Promise<Finding[]> {
  const finding = { tool: 'AsyncAPI parser', version: TOOL.version, checked: DOCUMENT }
  const path = await findNpmTool(TOOL)
  const module = (await import(pathToFileURL(path).href)) as {
    default: { Parser: new () => Parser }
  }
  const { document, diagnostics } = await new module.default.Parser().parse(readText(DOCUMENT))
  const wrong = diagnostics.filter(({ severity }) => severity <= 1)
  const [first] = wrong
  if (document === undefined || first !== undefined) {
    const reason = `${wrong.length}: ${first?.message ?? ''} at ${first?.path.join('/') ?? ''}`
    return [{ ...finding, result: 'failed', reason }]
  }
  const reason = `valid, with ${document.operations().length} operations`
  return [{ ...finding, result: 'passed', reason }]
}
