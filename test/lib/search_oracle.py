"""SQL functions that compare a ticketflow index with an exhaustive ranking of the same rows.

Both count queries that are answered wrongly, for table d (id, document) with the index d_rank and the words w1, w2, ...
"""

FUNCTIONS = """
CREATE FUNCTION differences() RETURNS bigint LANGUAGE sql STABLE
  SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off AS $$
  SELECT count(*) FROM (VALUES ('w20|w30|w5'::tsquery), ('w1&w2'), ('w1<->w2'), ('!w1'), ('w29:*')) AS q (q), LATERAL (
    SELECT (SELECT array_agg(id || ':' || s ORDER BY o) FROM (SELECT row_number() OVER () o, x.* FROM
             (SELECT id, 0 - (document <@> q) s FROM d WHERE document @@ q ORDER BY document <@> q LIMIT 1000000) x) y) AS got,
           (SELECT array_agg(id || ':' || s ORDER BY s DESC, place) FROM
             (SELECT id, ctid place, bm25_score('d_rank', document, q) s FROM d WHERE (document @@ q) IS TRUE) z) AS wanted) r
  WHERE got IS DISTINCT FROM wanted $$;
-- While others write, the statistics move between two reads: then only the rows are compared.
CREATE FUNCTION lost_or_invented() RETURNS bigint LANGUAGE sql STABLE
  SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off AS $$
  SELECT count(*) FROM (VALUES ('w20|w30|w5'::tsquery), ('w1&w2'), ('w1<->w2'), ('!w1'), ('w29:*')) AS q (q), LATERAL (
    SELECT (SELECT array_agg(id ORDER BY id) FROM (SELECT id FROM d WHERE document @@ q ORDER BY document <@> q LIMIT 1000000) x) AS got,
           (SELECT array_agg(id ORDER BY id) FROM d WHERE (document @@ q) IS TRUE) AS wanted) r
  WHERE got IS DISTINCT FROM wanted $$;
"""


def verify(server, equal, what):
    equal(server.sql("SET jit = off; SELECT * FROM bm25_check('d_rank') LIMIT 3"), "", f"{what}: bm25_check finds nothing")
    equal(server.sql("SELECT differences()"), "0", f"{what}: the index ranks like an exhaustive sort")
