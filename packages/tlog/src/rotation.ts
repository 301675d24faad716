import { statementText } from './statement.ts'

/**
 * What a principal signs with the key that it has and with the one that it is to have. It names the
 * first, so that it counts once.
 */
export function rotationText(rotation: { principalId: string; from: string; to: string }): string {
  const { principalId, from, to } = rotation
  return statementText('rotate-key', { principal: principalId, from, to })
}
