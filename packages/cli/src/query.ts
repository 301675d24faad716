/** Of what is given; empty where nothing is. */
export function queryOf(query: Readonly<Record<string, string | number | boolean | undefined>>) {
  const given = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`],
  )
  return given.length === 0 ? '' : `?${given.join('&')}`
}
