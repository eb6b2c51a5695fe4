// Run by sessions.py: node sessions.mjs, with CLIENT naming the folder that holds node_modules and PG... the desk's database.
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { promisify } from 'node:util'
import { done, equal } from '../lib/tap.mjs'

const require = createRequire(process.env.CLIENT + '/package.json')
const session = require('express-session')
const PgStore = require('connect-pg-simple')(session)
const { Pool } = require('pg')

const pool = new Pool({ host: process.env.PGHOST, max: 4 })
const store = new PgStore({ pool, tableName: 'sessions', schemaName: 'public', pruneSessionInterval: false })
const call = Object.fromEntries(['set', 'get', 'touch', 'destroy', 'pruneSessions'].map((name) => [name, promisify(store[name].bind(store))]))
const rows = async (text, ...values) => (await pool.query({ text, values, rowMode: 'array' })).rows
const secondsLeft = async (sid) => Number((await rows('SELECT extract(epoch FROM expire - now()) FROM sessions WHERE sid = $1', sid))[0][0])
const between = (low, value, high) => low <= value && value <= high
const lasting = (ms, more) => ({ cookie: { originalMaxAge: ms, expires: new Date(Date.now() + ms).toJSON(), path: '/' }, ...more })
const hour = 3600e3

// The store by itself.
equal(await call.get('nobody') ?? null, null, 'no session where there is none')
const first = lasting(hour, { passport: { user: 'ann' }, note: "d'oh \u{1F600} \\ \"", list: [1, null, { a: [] }] })
await call.set('s1', first)
equal(await call.get('s1'), first, 'set, get: the same object')
equal(between(3500, await secondsLeft('s1'), 3601), true, 'its expiry is that of the cookie')
equal(await rows("SELECT sess #>> '{passport,user}' FROM sessions WHERE sid = 's1'"), [['ann']], 'SQL reads it')
await call.set('s1', { ...first, note: 'changed' })
equal((await call.get('s1')).note, 'changed', 'set again replaces')
equal(await rows('SELECT count(*)::int FROM sessions'), [[1]], 'and makes no second row')
await call.touch('s1', lasting(2 * hour))
equal(between(7100, await secondsLeft('s1'), 7201), true, 'touch moves the expiry')
equal((await call.get('s1')).note, 'changed', 'and nothing else')
await call.touch('nobody', lasting(hour))
equal(await rows('SELECT count(*)::int FROM sessions'), [[1]], 'touching what is not there makes nothing')
await Promise.all(Array.from({ length: 20 }, (_, n) => call.set('both', lasting(hour, { n }))))
equal(await rows("SELECT count(*)::int FROM sessions WHERE sid = 'both'"), [[1]], 'twenty requests at once with a new session make one')

await call.set('late', lasting(-2 * hour, {}))
equal(await call.get('late') ?? null, null, 'an expired session is not given')
equal(await rows("SELECT count(*)::int FROM sessions WHERE sid = 'late'"), [[1]], 'though it is still there')
await call.pruneSessions()
equal(await rows('SELECT array_agg(sid ORDER BY sid) FROM sessions'), [[['both', 's1']]], 'pruning removes it and no other')
await call.set('late', lasting(-2 * hour, {}))
await pool.query('CALL maintain()')
equal(await rows('SELECT array_agg(sid ORDER BY sid) FROM sessions'), [[['both', 's1']]], 'and so does maintain()')
await call.destroy('both')
equal([await call.get('both') ?? null, await rows('SELECT count(*)::int FROM sessions')], [null, [[1]]], 'destroy')
await pool.query("SELECT end_sessions('ann')")
equal(await call.get('s1') ?? null, null, 'the desk ends the sessions of a person: her next request is nobody\'s')

// A server with cookies.
const middleware = session({ store, secret: 'only a test', resave: false, saveUninitialized: false, cookie: { maxAge: hour } })
const server = createServer((request, response) => middleware(request, response, (error) => {
  const answer = () => response.end(JSON.stringify(error ? String(error) : request.session?.passport?.user ?? null))
  if (request.url === '/in') { request.session.passport = { user: 'ann' }; answer() }
  else if (request.url === '/out') request.session.destroy(answer)
  else answer()
}))
await new Promise((done) => server.listen(0, '127.0.0.1', done))
const ask = async (path, cookie) => {
  const response = await fetch(`http://127.0.0.1:${server.address().port}${path}`, { headers: cookie ? { cookie } : {} })
  return [await response.json(), response.headers.get('set-cookie')?.split(';')[0]]
}
const [, cookie] = await ask('/in')
equal((await ask('/', cookie))[0], 'ann', 'a browser is known again by its cookie')
equal((await ask('/'))[0], null, 'another is not')
equal((await rows("SELECT count(*)::int FROM sessions WHERE sess #>> '{passport,user}' = 'ann'")), [[1]], 'by one row')
await ask('/out', cookie)
equal([(await ask('/', cookie))[0], await rows('SELECT count(*)::int FROM sessions')], [null, [[0]]], 'after signing out nobody is')

server.close()
await store.close()
await pool.end()
done()
