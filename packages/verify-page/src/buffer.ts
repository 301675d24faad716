// Put in front of the page's program by the build: tlog takes `Buffer` for granted.
export { Buffer } from 'buffer/'
