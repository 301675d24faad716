/** What the database holds is not what was committed or signed. Nothing may be signed over it. */
export class Tampered extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'Tampered'
  }
}
