// What every test in JavaScript writes: TAP, as tap.py does.
import { isDeepStrictEqual } from 'node:util'

let count = 0
let failures = 0

export function equal(got, want, name) {
  const passed = isDeepStrictEqual(got, want)
  count += 1
  failures += passed ? 0 : 1
  console.log(`${passed ? 'ok' : 'not ok'} ${count} - ${name}`)
  if (!passed) console.error(`# failed: ${name}\n#   got:  ${JSON.stringify(got)}\n#   want: ${JSON.stringify(want)}`)
}

export function done() {
  console.log(`1..${count}`)
  process.exit(failures ? 1 : 0)
}
