SET search_path = public, ticketflow;
SET jit = off;
SET max_parallel_workers_per_gather = 0;
SELECT format('CALL compare(%L, %L, %L, %s, %L)', person, format(body, rule), format(body, 'true'), :runs, query) FROM people, queries ORDER BY 1 \gexec
SELECT role, query, round(hand, 2) AS "by hand (ms)", round(policy, 2) AS "policy (ms)", round(policy / hand, 2) AS ratio
  FROM timings JOIN users ON id = person ORDER BY role, query;
