// What a careful hand writes: node's http server and pg, prepared statements, role and identity set in a transaction.
import crypto from 'node:crypto'
import http from 'node:http'
import { createRequire } from 'node:module'
const pg = createRequire(process.env.MODULES + '/package.json')('pg')

const pool = new pg.Pool({ host: process.env.PGHOST, database: process.env.DATABASE, user: 'bench_web', max: Number(process.env.NODE_POOL ?? 8) })
const secret = process.env.SECRET
const known = new Map()
function verify(header) {
  const token = header?.slice(7) ?? ''
  const cached = known.get(token)
  if (cached) return cached
  const [head, body, signature] = token.split('.')
  const wanted = crypto.createHmac('sha256', secret).update(`${head}.${body}`).digest('base64url')
  if (wanted !== signature) throw Object.assign(new Error('unauthorized'), { status: 401 })
  const claims = JSON.parse(Buffer.from(body, 'base64url'))
  known.set(token, claims)
  return claims
}
const calls = {
  get_task: ['SELECT row_to_json(t)::text AS body FROM api.get_task($1::int) t', (a) => [a.task_id]],
  get_task_sql: ['SELECT row_to_json(t)::text AS body FROM api.get_task_sql($1::int) t', (a) => [a.task_id]],
  create_task: ['SELECT row_to_json(t)::text AS body FROM api.create_task($1::text, $2::text) t', (a) => [a.title, a.description]],
  search_tasks: ["SELECT coalesce(json_agg(t), '[]')::text AS body FROM api.search_tasks($1::text) t", (a) => [a.query]],
  list_tasks: ["SELECT coalesce(json_agg(t), '[]')::text AS body FROM api.list_tasks() t", () => []]
}
const settings = `SELECT set_config('search_path', 'api, public', true), set_config('request.method', $1, true), set_config('request.path', $2, true),
  set_config('request.headers', $3, true), set_config('request.jwt.claims', $4, true), set_config('app.current_user_id', $5, true), set_config('role', $6, true)`

const server = http.createServer(async (request, response) => {
  let client
  try {
    const url = new URL(request.url, 'http://x')
    let text = ''
    for await (const chunk of request) text += chunk
    const claims = verify(request.headers.authorization)
    const name = url.pathname.slice(5)
    const [sql, args] = calls[name]
    const values = args(text ? JSON.parse(text) : Object.fromEntries(url.searchParams))
    client = await pool.connect()
    await client.query({ name: 'begin', text: 'BEGIN' })
    await client.query({ name: 'settings', text: settings, values: [request.method, url.pathname, JSON.stringify(request.headers), JSON.stringify(claims), claims.sub, claims.role] })
    const result = await client.query({ name, text: sql, values })
    await client.query({ name: 'commit', text: 'COMMIT' })
    response.writeHead(200, { 'Content-Type': 'application/json; charset=utf-8' }).end(result.rows[0].body)
  } catch (error) {
    await client?.query('ROLLBACK')
    response.writeHead(error.status ?? 500).end(JSON.stringify({ message: error.message }))
  } finally {
    client?.release()
  }
})
server.listen(Number(process.env.PORT), '127.0.0.1', () => console.log('listening'))
