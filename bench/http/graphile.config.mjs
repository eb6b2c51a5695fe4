// PostGraphile 5 over the same schema, role and identity set for every request.
import { createRequire } from 'node:module'
const require = createRequire(process.env.MODULES + '/package.json')
const { PostGraphileAmberPreset } = require('postgraphile/presets/amber')
const { makePgService } = require('postgraphile/adaptors/pg')

export default {
  extends: [PostGraphileAmberPreset.default ?? PostGraphileAmberPreset],
  pgServices: [makePgService({ connectionString: `postgresql://bench_web@/${process.env.DATABASE}?host=${process.env.PGHOST}`, schemas: ['api'], pubsub: false, poolConfig: { max: 8 } })],
  grafserv: { port: Number(process.env.PORT), host: '127.0.0.1', graphiql: false, watch: false },
  grafast: { explain: false, context: () => ({ pgSettings: { role: 'bench_agent', 'app.current_user_id': 'user1', search_path: 'api, public' } }) }
}
