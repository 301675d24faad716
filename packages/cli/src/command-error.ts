/** Ends the program with one line for the user. Everything else that is thrown is a bug. */
export class CommandError extends Error {
  readonly exitCode: number

  constructor(exitCode: number, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'CommandError'
    this.exitCode = exitCode
  }
}

/** The command ran, and the answer is no: not ready, no such trace, nothing runs. */
export const EXIT_FAILED = 1

/** The command line makes no sense (sysexits.h, EX_USAGE). */
export const EXIT_USAGE = 64

/** A file that was named cannot be read (sysexits.h, EX_NOINPUT). */
export const EXIT_NO_INPUT = 66

/** What was found cannot be written to the standard output (sysexits.h, EX_IOERR). */
export const EXIT_NO_OUTPUT = 74

/** The command line is wrong. */
export function usageError(message: string): CommandError {
  return new CommandError(EXIT_USAGE, `${message} \`mumega --help\` shows what there is.`)
}
