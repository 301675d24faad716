/** The drill cannot be held, and why; nothing was tried. */
export class DrillRefused extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'DrillRefused'
  }
}
