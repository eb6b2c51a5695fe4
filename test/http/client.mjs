// Run by client.py: node client.mjs URL TOKEN, with CLIENT naming the folder that holds node_modules.
import { createRequire } from 'node:module'
import { done, equal } from '../lib/tap.mjs'

const require = createRequire(process.env.CLIENT + '/package.json')
const { PostgrestClient } = require('@supabase/postgrest-js')
const [url, token] = process.argv.slice(2)
const client = new PostgrestClient(url)
const agent = new PostgrestClient(url, { headers: { Authorization: `Bearer ${token}`, apikey: token, 'X-Client-Info': 'test/1' } })

// Which methods of the client's builders were called: at the end none may be left.
const methods = new Map()
for (let proto = Object.getPrototypeOf(client.rpc('x')); proto !== Object.prototype; proto = Object.getPrototypeOf(proto)) {
  for (const name of Object.getOwnPropertyNames(proto).filter((name) => name !== 'constructor' && !methods.has(name))) {
    const original = proto[name]
    methods.set(name, 0)
    proto[name] = function (...given) {
      methods.set(name, methods.get(name) + 1)
      return original.apply(this, given)
    }
  }
}

async function data(name, request, want) {
  const { data, error } = await request
  equal(error ?? data, want, name)
}
async function failure(name, request, status, code) {
  const result = await request
  equal([result.status, result.error?.code, result.data], [status, code, null], name)
}

await data('rpc with arguments', client.rpc('add', { a: 1, b: 2 }), 3)
await data('rpc without arguments', client.rpc('sayhello'), 'hello')
await data('get: true', client.rpc('add', { a: 1, b: 2 }, { get: true }), 3)
await data('get: true with an array', client.rpc('plus_one', { arr: [1, 2] }, { get: true }), [2, 3])
await data('an array in the body', client.rpc('plus_one', { arr: [1, 2] }), [2, 3])
await data('an object in the body', client.rpc('jn', { data: { k: 1 } }), 'object')
await data('variadic', client.rpc('vari', { v: ['a', 'b'] }), ['a', 'b'])

const head = await client.rpc('tall', undefined, { head: true, count: 'exact' })
equal([head.status, head.data, head.count], [200, null, 5], 'head: true counts')
const headWithObject = await client.rpc('jn', { data: { k: 1 } }, { head: true })
equal([headWithObject.status, headWithObject.error], [200, null], 'head: true with an object')
for (const kind of ['exact', 'planned', 'estimated']) {
  const counted = await client.rpc('fifteen', undefined, { count: kind }).range(0, 4)
  equal([counted.status, counted.count, counted.data.length], [206, 15, 5], `count: ${kind}`)
}

await data('select', client.rpc('tall').select('id').limit(2), [{ id: 1 }, { id: 2 }])
await data('select with alias and cast', client.rpc('fifteen').select('x:n::text').limit(1), [{ x: '1' }])
await data('eq', client.rpc('tall').eq('id', 3).select('id'), [{ id: 3 }])
await data('neq, lt', client.rpc('fifteen').neq('n', 1).lt('n', 4).select('n'), [{ n: 2 }, { n: 3 }])
await data('in', client.rpc('fifteen').in('label', ['row 1', 'row 2']).select('n'), [{ n: 1 }, { n: 2 }])
await data('gte, lte', client.rpc('fifteen').gte('n', 14).lte('n', 14).select('n'), [{ n: 14 }])
await data('ilike', client.rpc('fifteen').ilike('label', 'ROW _').gt('n', 8).select('n'), [{ n: 9 }])
await data('likeAllOf', client.rpc('fifteen').likeAllOf('label', ['%1%', '%2%']).select('n'), [{ n: 12 }])
await data('likeAnyOf', client.rpc('fifteen').likeAnyOf('label', ['% 2', '% 3']).select('n'), [{ n: 2 }, { n: 3 }])
await data('ilikeAllOf', client.rpc('fifteen').ilikeAllOf('label', ['ROW%', '%5']).select('n'), [{ n: 5 }, { n: 15 }])
await data('regexMatch', client.rpc('fifteen').regexMatch('label', 'w [23]$').select('n'), [{ n: 2 }, { n: 3 }])
await data('regexIMatch', client.rpc('fifteen').regexIMatch('label', 'W [23]$').select('n'), [{ n: 2 }, { n: 3 }])
await data('isDistinct', client.rpc('spans').isDistinct('fine', true).select('id'), [{ id: 2 }, { id: 3 }])
await data('notIn', client.rpc('fifteen').notIn('n', [1, 2, 3]).limit(1).select('n'), [{ n: 4 }])
await data('is true, is false', client.rpc('spans').is('fine', true).select('id'), [{ id: 1 }])
await data('containedBy', client.rpc('kinds').containedBy('a', [1, 2, 3]).select('m'), [{ m: 'calm' }])
await data('rangeGt', client.rpc('spans').rangeGt('span', '[1,9)').select('id'), [{ id: 3 }])
await data('rangeGte', client.rpc('spans').rangeGte('span', '[5,9)').select('id'), [{ id: 2 }, { id: 3 }])
await data('rangeLt', client.rpc('spans').rangeLt('span', '[5,9)').select('id'), [{ id: 1 }])
await data('rangeLte', client.rpc('spans').rangeLte('span', '[5,9)').select('id'), [{ id: 1 }, { id: 2 }])
await data('rangeAdjacent', client.rpc('spans').rangeAdjacent('span', '[5,9)').select('id'), [{ id: 1 }])
await data('overlaps of ranges', client.rpc('spans').overlaps('span', '[4,6)').select('id'), [{ id: 1 }, { id: 2 }])
for (const [type, words] of [['plain', 'row 7'], ['phrase', 'row 7'], ['websearch', '"row 7" or nothing']])
  await data(`textSearch ${type}`, client.rpc('fifteen').textSearch('label', words, { type, config: 'simple' }).select('n'), [{ n: 7 }])
await data('is', client.rpc('tall').is('data', null).select('id'), [])
await data('like', client.rpc('fifteen').like('label', '%1').select('n'), [{ n: 1 }, { n: 11 }])
await data('ilikeAnyOf', client.rpc('fifteen').ilikeAnyOf('label', ['ROW 1', 'ROW 2']).select('n'), [{ n: 1 }, { n: 2 }])
await data('contains', client.rpc('tall').contains('data', { n: 2 }).select('id'), [{ id: 2 }])
await data('overlaps', client.rpc('kinds').overlaps('a', [2, 9]).select('m'), [{ m: 'calm' }])
await data('textSearch', client.rpc('fifteen').textSearch('label', 'row & 7', { config: 'simple' }).select('n'), [{ n: 7 }])
await data('not', client.rpc('fifteen').not('n', 'gt', 1).select('n'), [{ n: 1 }])
await data('or', client.rpc('fifteen').or('n.eq.1,n.eq.15').select('n'), [{ n: 1 }, { n: 15 }])
await data('match', client.rpc('fifteen').match({ n: 2, label: 'row 2' }).select('n'), [{ n: 2 }])
await data('filter', client.rpc('fifteen').filter('n', 'in', '(3,4)').select('n'), [{ n: 3 }, { n: 4 }])
await data('a filter with get: true', client.rpc('below', { id: 4 }, { get: true }).gt('id', 2).select('id'), [{ id: 3 }])
await data('order', client.rpc('fifteen').order('n', { ascending: false }).limit(1).select('n'), [{ n: 15 }])
await data('order, nulls first', client.rpc('spans').order('fine', { ascending: false, nullsFirst: true }).select('id'), [{ id: 3 }, { id: 1 }, { id: 2 }])
await data('range', client.rpc('fifteen').range(3, 4).select('n'), [{ n: 4 }, { n: 5 }])
await data('single', client.rpc('tall').eq('id', 1).select('id').single(), { id: 1 })
await failure('single of none', client.rpc('tall').eq('id', 99).single(), 406, 'PGRST116')
await failure('single of many', client.rpc('tall').single(), 406, 'PGRST116')
await data('maybeSingle of none', client.rpc('tall').eq('id', 99).maybeSingle(), null)
await data('maybeSingle of one', client.rpc('tall').eq('id', 1).select('id').maybeSingle(), { id: 1 })
await data('csv', client.rpc('rows', { min: 2, max: 4 }).csv(), 'id\n3\n4')
await data('stripNulls', client.rpc('csv_kinds').stripNulls(), [{ a: 1, b: 'x y', d: true, e: 'q"u,o' }])
await data('rollback', client.rpc('ins', { title: 'never' }).select('title').rollback(), { title: 'never' })
await data('nothing was written', client.rpc('tall').eq('title', 'never'), [])
await failure('maxAffected', client.rpc('fifteen_new').maxAffected(5), 400, 'PGRST124')
const plan = await client.rpc('tall').explain({ format: 'json' })
equal([plan.status, Array.isArray(plan.data) && 'Plan' in plan.data[0]], [200, true], 'explain')
const text = await client.rpc('tall').explain()
equal([text.status, typeof text.data], [200, 'string'], 'explain as text')
await data('schema', client.schema('api2').rpc('only_there'), 2)
await failure('an unknown schema', client.schema('nope').rpc('add', { a: 1, b: 2 }), 406, 'PGRST106')
await data('headers', agent.rpc('whoami'), 'agent')
await data('setHeader', client.rpc('whoami').setHeader('Authorization', `Bearer ${token}`), 'agent')
await failure('an unknown function', client.rpc('nothing_here'), 404, 'PGRST202')
await failure('an error of PostgreSQL', client.rpc('add', { a: 'x', b: 1 }), 400, '22P02')
await failure('not for anonymous', client.rpc('secret'), 401, '42501')
const nothing = await client.rpc('v')
equal([nothing.status, nothing.data, nothing.error], [204, null, null], 'void')
try {
  await client.rpc('add', { a: 'x', b: 1 }).throwOnError()
  equal('returned', 'thrown', 'throwOnError')
} catch (error) {
  equal([error.code, error.details, error.hint], ['22P02', null, null], 'throwOnError')
}
await failure('geojson without geometries', client.rpc('tall').geojson(), 406, 'PGRST107')
await data('returns, overrideTypes', client.rpc('tall').eq('id', 1).select('id').returns().overrideTypes(), [{ id: 1 }])
await data('retry', client.rpc('add', { a: 1, b: 2 }, { get: true }).retry(true), 3)
const controller = new AbortController()
setTimeout(() => controller.abort(), 100)
const aborted = await client.rpc('slow', { s: 20 }).abortSignal(controller.signal)
equal([aborted.data, /abort/i.test(aborted.error?.message ?? '')], [null, true], 'abortSignal')

// processResponse and then are called by the client itself.
equal([...methods].filter(([, calls]) => calls === 0).map(([name]) => name), [], 'every method of the builders was called')
done()
