SET search_path = public, ticketflow;
SET jit = off;
SET max_parallel_workers_per_gather = 0;
SELECT format('CALL compare(%L, %L, %L, %s, %L)', person, format(body, rule), format(body, 'true'), :runs, query) FROM people, queries ORDER BY 1 \gexec
SELECT role, query, round(hand, 2) AS "by hand (ms)", round(policy, 2) AS "policy (ms)", round(policy / hand, 2) AS ratio
  FROM timings JOIN users ON id = person ORDER BY role, query;
SELECT format('CALL show_plan(%L, %L, %L)', person, query, format(body, 'true')) FROM people, queries ORDER BY person, query \gexec
\pset tuples_only on
\pset format unaligned
SELECT concat(CASE WHEN p.n = min(p.n) OVER (PARTITION BY p.person, p.query) THEN format(E'\n%s: %s\n', u.role, p.query) END, p.line)
  FROM plans p JOIN users u ON u.id = p.person ORDER BY p.n;
