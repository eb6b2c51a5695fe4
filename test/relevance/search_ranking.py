#!/usr/bin/env python3
"""Relevance of ranked search on public collections (nDCG@10), and equality with an exhaustive ranking at every depth.

Needs the collections: TICKETFLOW_DATA or ../shared/data; skipped where they are absent. Run inside test/with_pg.
--table prints measured values for a few settings instead of testing."""
import gzip
import math
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
from scratch import DATA, Scratch  # noqa: E402
from tap import done, ok, skip_all  # noqa: E402

CUT = 10


def rows(collection, name):
    with gzip.open(os.path.join(DATA, collection, name + ".tsv.gz"), "rt", encoding="utf-8") as file:
        return [line.rstrip("\n").split("\t") for line in file]


def copy(table, data):
    quote = lambda value: value.replace("\\", "\\\\")
    return f"COPY {table} FROM stdin;\n" + "".join("\t".join(map(quote, row)) + "\n" for row in data) + "\\.\n"


def load(collection):
    database.rows("DROP TABLE IF EXISTS docs, queries; "
         "CREATE TABLE docs (id text, title text, body text, plain tsvector, labelled tsvector); CREATE TABLE queries (id text, body text);\n"
         + copy("docs (id, title, body)", [(r + ["", ""])[:3] for r in rows(collection, "docs")])
         + copy("queries", [r[:2] for r in rows(collection, "queries")])
         + "UPDATE docs SET plain = to_tsvector('english', title || ' ' || body), "
           "labelled = setweight(to_tsvector('english', title), 'A') || setweight(to_tsvector('english', body), 'D');"
           "CREATE INDEX plain_rank ON docs USING ticketflow (plain); CREATE INDEX labelled_rank ON docs USING ticketflow (labelled);"
           "ANALYZE docs;")


def ndcg(collection, column, query, settings="", drop_self=False):
    ranked = {}
    for query_id, doc in database.rows(f"""SET jit = off; {settings};
        SELECT q.id, d.id FROM queries q CROSS JOIN LATERAL
          (SELECT id, {column} <@> {query} AS s FROM docs WHERE {column} @@ {query} ORDER BY {column} <@> {query} LIMIT {CUT + 1}) d
        ORDER BY q.id, s, d.id"""):
        if not (drop_self and doc == query_id):
            ranked.setdefault(query_id, []).append(doc)
    relevant = {}
    for query_id, doc, grade in rows(collection, "qrels"):
        if float(grade) > 0 and not (drop_self and doc == query_id):
            relevant.setdefault(query_id, {})[doc] = float(grade)
    total = 0
    for query_id, grades in relevant.items():
        gain = sum(grades.get(doc, 0) / math.log2(i + 2) for i, doc in enumerate(ranked.get(query_id, [])[:CUT]))
        best = sum(g / math.log2(i + 2) for i, g in enumerate(sorted(grades.values(), reverse=True)[:CUT]))
        total += gain / best
    return total / len(relevant)


def differences(column, query, limits):
    return int(database.rows(f"""SET jit = off;
        CREATE OR REPLACE FUNCTION pg_temp.best(q tsquery, k int) RETURNS text[] LANGUAGE sql STABLE AS
          $$SELECT array_agg(id || s ORDER BY o) FROM (SELECT row_number() OVER () o, x.* FROM
            (SELECT id, -({column} <@> q) s FROM docs WHERE {column} @@ q ORDER BY {column} <@> q LIMIT k) x) y$$;
        SELECT count(*) FROM (SELECT {query} q, (SELECT array_agg(id || s ORDER BY s DESC, place) FROM (SELECT id, ctid place,
            bm25_score('{column}_rank', {column}, {query}) s FROM docs WHERE {column} @@ {query}) e) expected FROM queries q ORDER BY md5(id) LIMIT 15) e,
          unnest(ARRAY[{limits}]) k WHERE pg_temp.best(q, k) IS DISTINCT FROM expected[1:k]""")[0][0])


ANY = "any_of('english'::regconfig, q.body)"
TITLE = "SET ticketflow.weights = '{1,1,1,%s}'; SET ticketflow.b = '{0.75,0.75,0.75,%s}'"
SIMILAR = "(SELECT similar_query('labelled_rank', o.labelled) FROM docs o WHERE o.id = q.id)"
OWN = "(SELECT any_of('english'::regconfig, o.title || ' ' || o.body) FROM docs o WHERE o.id = q.id)"

CASES = [  # collection, what, column, query, settings, without the query itself, least value, published or reference value
    ("scifact", "plain BM25", "plain", ANY, "", False, .677, .687),
    ("scifact", "BM25F, default weights", "labelled", ANY, "", False, .699, .699),
    ("npl", "plain BM25", "plain", ANY, "", False, .429, .439),
    ("cranfield", "plain BM25", "plain", ANY, "", False, .511, .521),
    ("seamonkey_duplicates", "duplicates, plain", "plain", OWN, "", True, .565, .575),
    ("seamonkey_duplicates", "duplicates by similar_query, default weights", "labelled", SIMILAR, "", True, .649, .649),
]


def table():
    for collection in ("scifact", "cranfield", "seamonkey_duplicates"):
        load(collection)
        own = collection.startswith("seamonkey")
        print(collection, "plain", round(ndcg(collection, "plain", OWN if own else ANY, "", own), 4))
        for weight in (1, 2, 3, 4, 6):
            for b in (0.3, 0.5, 0.75):
                queries = {"any": OWN, "similar": SIMILAR} if own else {"any": ANY}
                print(collection, f"title {weight} b {b}", *(f"{name} {ndcg(collection, 'labelled', query, TITLE % (weight, b), own):.4f}"
                                                           for name, query in queries.items()), flush=True)


def test():
    loaded = None
    for collection, what, column, query, settings, drop_self, least, reference in CASES:
        if loaded != collection:
            load(collection)
            loaded = collection
            own = collection.startswith("seamonkey")
            ok(differences("plain", OWN if own else ANY, "1, 3, 10, 100, 1000") == 0, f"{collection}: index and exhaustive ranking agree")
        value = ndcg(collection, column, query, settings, drop_self)
        ok(value >= least, f"{collection}, {what}: nDCG@10 {value:.4f} (reference {reference})")
    done()


if not os.path.isdir(DATA):
    skip_all("the collections are not here (TICKETFLOW_DATA)")
with Scratch("engine") as database:
    table() if "--table" in sys.argv else test()
