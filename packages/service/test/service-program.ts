// Run by run-service.test.ts as a process of its own: a service that does what its argument says.
import { runService } from '@mumega/service/run-service'

const [, , what] = process.argv
const hung = new Promise<never>(() => setInterval(() => undefined, 1_000))

await runService(
  'sample',
  async () => ({
    ready: { url: 'http://here' },
    stop: async () => {
      process.send?.({ stopping: true })
      if (what === 'hangs') await hung
      if (what === 'fails to stop') throw new Error('it cannot stop')
    },
  }),
  what === 'hangs' ? { stopMsMax: 50 } : {},
)
if (what === 'throws') setTimeout(() => void JSON.parse('{'), 0)
else if (what === 'rejects') void Promise.reject(new Error('nobody waits for it'))
else void hung
