/** Prometheus' own Python parser, in JavaScript, which brings no types. */
declare module 'parse-prometheus-text-format' {
  export interface Family {
    name: string
    help: string
    type: string
    metrics: { value?: string; labels?: Record<string, string> }[]
  }
  /** @throws where Prometheus would refuse the scrape */
  export default function parse(text: string): Family[]
}
