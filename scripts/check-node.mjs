// Imported first by every script, before anything that an older Node could not read.

const [major, minor] = process.versions.node.split('.').map(Number)

if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(
    'Mumega needs Node 20.19 or newer; this is ' +
      process.version +
      '. Install a newer one (https://nodejs.org, or your version manager) and run this again.\n',
  )
  process.exit(1)
}
