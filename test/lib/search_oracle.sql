-- What a ticketflow index must agree with: an exhaustive ranking of the same rows, for table d (id, document), its index d_rank and
-- the queries in a table of that name. In two functions, so that a test can look at what differs.
CREATE TABLE queries (q tsquery);
CREATE FUNCTION by_index(q tsquery, k int) RETURNS text[] LANGUAGE sql STABLE
  SET enable_sort = off SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off AS $$
  SELECT array_agg(id || ':' || (0 - s) ORDER BY o) FROM (SELECT row_number() OVER () o, x.* FROM
    (SELECT id, document <@> q s FROM d WHERE document @@ q ORDER BY document <@> q LIMIT k) x) y $$;
CREATE FUNCTION by_sorting(q tsquery) RETURNS text[] LANGUAGE sql STABLE SET jit = off AS $$
  SELECT array_agg(id || ':' || s ORDER BY o) FROM (SELECT row_number() OVER () o, x.* FROM
    (SELECT id, bm25_score('d_rank'::text::regclass, document, q) s FROM d WHERE (document @@ q) IS TRUE ORDER BY 2 DESC, ctid) x) y $$;
-- How many answers of the index are wrong, for each query and several limits.
CREATE FUNCTION differences() RETURNS bigint LANGUAGE sql STABLE SET jit = off AS $$
  SELECT count(*) FROM (SELECT q, by_sorting(q) AS expected FROM queries OFFSET 0) s, unnest(ARRAY[1, 3, 10, 100, 1000, 100000]) k
  WHERE NULLIF(by_index(q, k), '{}') IS DISTINCT FROM NULLIF(expected[1:k], '{}') $$;
-- While others write, the statistics move between two reads: then only the rows are compared.
CREATE FUNCTION lost_or_invented() RETURNS bigint LANGUAGE sql STABLE
  SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off AS $$
  SELECT count(*) FROM queries AS q (q), LATERAL (
    SELECT (SELECT array_agg(id ORDER BY id) FROM (SELECT id FROM d WHERE document @@ q ORDER BY document <@> q LIMIT 1000000) x) AS got,
           (SELECT array_agg(id ORDER BY id) FROM d WHERE (document @@ q) IS TRUE) AS wanted) r
  WHERE got IS DISTINCT FROM wanted $$;
