/** What a test needs of the machine besides Node, and why it is not there where it is not. */
export interface Capability {
  isPresent: boolean
  /** For instance "no Docker engine answers". */
  reason: string
}

export type DefineTest = (name: string, run: () => Promise<void> | void, timeoutMs?: number) => void

/**
 * Jest's `test` where the machine has this; elsewhere one that skips the test and puts the reason
 * into its name, so that the end of `npm test` can say it. `test` is handed in: this package is
 * also used outside of Jest.
 */
export function skipUnless(
  test: DefineTest & { skip: DefineTest },
  { isPresent, reason }: Capability,
): DefineTest {
  return (name, run, timeoutMs) => {
    if (isPresent) test(name, run, timeoutMs)
    else test.skip(`${name} (${reason})`, run, timeoutMs)
  }
}
