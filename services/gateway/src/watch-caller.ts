import type { Socket } from 'node:net'

/**
 * Calls `onGone` when the connection of a request closes, at once where it has closed, until the
 * returned function is called. A response cannot say it: one that was pipelined belongs to no
 * connection until the answers before it are written, and never hears that there is none any more.
 */
export function watchCaller(socket: Socket, onGone: () => void): () => void {
  // Not a leak where there are many: so many requests were pipelined, within the limit of streams.
  socket.setMaxListeners(0)
  socket.once('close', onGone)
  if (socket.destroyed) onGone()
  return () => void socket.off('close', onGone)
}
