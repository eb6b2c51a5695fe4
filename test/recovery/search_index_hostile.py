#!/usr/bin/env python3
"""A ticketflow index under hostile conditions: damaged pages, cancelled work, no memory, other encodings, one long transaction.

Always the right answer or a clear error; never a crash, never a wrong row. Servers of its own in temporary folders.
Setting: DAMAGE_ROUNDS (default 14)."""
import os, random, re, subprocess, sys, threading, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
from cluster import Cluster  # noqa: E402
from tap import done, equal, ok  # noqa: E402

PATH = "SET search_path = ticketflow, public; SET jit = off;\n"
QUERIES = ["w20|w30|w5", "w1&w2", "w1<->w2", "w1&!w3", "w29:*", "w7", "w100|w200|w2|w3", "nosuchword"]
SETUP = """CREATE EXTENSION ticketflow;
CREATE TABLE d (id bigserial PRIMARY KEY, document tsvector);
CREATE FUNCTION words(n int) RETURNS tsvector LANGUAGE sql VOLATILE
  RETURN (SELECT to_tsvector('simple', string_agg('w' || (power(300, random()))::int, ' ')) FROM generate_series(1, n));
SELECT setseed(0.5);
INSERT INTO d (document) SELECT words(5 + i % 40) FROM generate_series(1, 4000) i;
CREATE INDEX d_rank ON d USING ticketflow (document) WITH (pending_pages = 4);
INSERT INTO d (document) SELECT words(5 + i % 40) FROM generate_series(1, 600) i;
DELETE FROM d WHERE id % 9 = 0; VACUUM d; INSERT INTO d (document) SELECT words(9) FROM generate_series(1, 60);"""
BY_INDEX = "SET enable_seqscan = off; SET enable_bitmapscan = off; SELECT string_agg(id::text, ',' ORDER BY id) FROM (SELECT id FROM d WHERE document @@ '{q}' ORDER BY document <@> '{q}') x"
DIFFERENT = """SELECT count(*) FROM unnest(ARRAY['w20|w30|w5', 'w1&w2', 'w1<->w2', 'w1&!w3', 'w29:*', 'w7']::tsquery[]) q, LATERAL (
  SELECT (SELECT array_agg(id || ':' || s ORDER BY o) FROM (SELECT row_number() OVER () o, x.* FROM
           (SELECT id, 0 - (document <@> q) s FROM d WHERE document @@ q ORDER BY document <@> q LIMIT 1000000) x) y) AS got,
         (SELECT array_agg(id || ':' || s ORDER BY s DESC, place) FROM
           (SELECT id, ctid place, bm25_score('d_rank', document, q) s FROM d WHERE (document @@ q) IS TRUE) z) AS wanted) r
WHERE got IS DISTINCT FROM wanted"""
VERIFY = PATH + "SET enable_seqscan = off; SET enable_bitmapscan = off; SELECT (" + DIFFERENT + ") || ' ' || (SELECT count(*) FROM bm25_check('d_rank'))"


def sqlstate(answer):
    found = re.search(r"ERROR:  (\w{5}):", answer)
    return found.group(1) if found else None


def ask(server, sql, database="postgres"):
    return server.sql("\\set VERBOSITY verbose\n" + PATH + sql, database=database, check=False)


def crashed(server):
    return re.search(r"PANIC|terminated by signal|TRAP:", server.log())


# ---- damage

FREE = 5  # the kind of a page that nothing refers to; it stands 8 bytes into the page's tail of 24
UNREAD, EACH_PAGE, SWAPPED = 4, 5, 6


def damage(pages, random, how):
    """Returns the file with some pages, or a part of them, not as they were written."""
    pages = list(pages)
    used = [at for at, page in enumerate(pages) if int.from_bytes(page[8176:8178], "little") != FREE]
    if how == UNREAD:  # what no search needs: free pages, and what a crash left behind the end
        return b"".join(page if at in used else random.randbytes(8192) for at, page in enumerate(pages)) + random.randbytes(3 * 8192)
    if how == EACH_PAGE:  # one bit of what each page but the first holds
        for at in range(1, len(pages)):
            page = bytearray(pages[at])
            page[random.randrange(24, max(25, int.from_bytes(page[12:14], "little")))] ^= 1 << random.randrange(8)
            pages[at] = bytes(page)
        return b"".join(pages)
    if how == SWAPPED:  # neighbours, each sound, in each other's place
        for at in range(1, len(pages) - 1, 2):
            pages[at], pages[at + 1] = pages[at + 1], pages[at]
        return b"".join(pages)
    for _ in range(random.randint(1, 3)):
        at = random.choice(used)
        page = bytearray(pages[at])
        if how == 0:
            page = bytearray(random.randbytes(8192))
        elif how == 1:  # torn: the second half is another page's
            page[4096:] = pages[random.choice(used)][4096:]
        elif how == 2:  # another page of the index in its place
            page = bytearray(pages[random.choice(used)])
        else:  # the header says nonsense
            page[random.randrange(8, 24)] = random.randrange(256)
        pages[at] = bytes(page)
    return b"".join(pages)


def damaged_pages(server):
    rnd = random.Random(3)
    # Its own database, written by one session: the same pages in every run.
    server.sql("CREATE DATABASE damage")
    server.sql(SETUP + "VACUUM d; SELECT setseed(0.6); INSERT INTO d (document) SELECT words(9) FROM generate_series(1, 60)", database="damage")
    expected = {q: server.sql(PATH + f"SET enable_indexscan = off; SELECT string_agg(id::text, ',' ORDER BY id) FROM d WHERE (document @@ '{q}') IS TRUE", database="damage") for q in QUERIES}
    file = os.path.join(server.folder, "data", server.sql(PATH + "SELECT pg_relation_filepath('d_rank')", database="damage"))
    server.stop()
    whole = open(file, "rb").read()
    pages = [whole[i:i + 8192] for i in range(0, len(whole), 8192)]
    right, seen, refused, wrong = [0] * 7, [0] * 7, 0, []
    limit = "SET statement_timeout = '60s'; "  # a list of pages that never ends is a fault, too
    for number in range(int(os.environ.get("DAMAGE_ROUNDS", "14"))):
        how = number % 7
        with open(file, "wb") as out:
            out.write(damage(pages, rnd, how))
        server.start()
        for q in QUERIES:
            got = ask(server, limit + BY_INDEX.format(q=q), "damage")
            if got == expected[q]:
                right[how] += 1
            elif sqlstate(got) in ("XX001", "XX002"):
                refused += 1
                # A server with checksums of its own, as initdb of 18 makes it, sees the page first.
                seen[how] += "a page is not what was written" in got or "invalid page in block" in got
            else:
                wrong.append((number, q, got[:200]))
        for statement in ("INSERT INTO d (document) VALUES ('zz')", "VACUUM d", "SELECT bm25_merge('d_rank')", "SELECT count(*) FROM bm25_check('d_rank')"):
            got = ask(server, limit + ("BEGIN; " + statement + "; ROLLBACK" if "VACUUM" not in statement else statement), "damage")
            if sqlstate(got) not in (None, "XX001", "XX002"):
                wrong.append((number, statement, got[:200]))
        # With a checkpoint: nothing of this round is replayed onto the next one's pages.
        server.stop()
    ok(not wrong and refused and any(right[:UNREAD]), f"damaged pages: {sum(right)} right answers, {refused} clear errors, nothing else", wrong[:5])
    asked = [len(QUERIES) * len(range(how, number + 1, 7)) for how in (UNREAD, EACH_PAGE, SWAPPED)]
    equal(right[UNREAD], asked[0], "damage to pages that no search needs hinders none")
    equal([seen[EACH_PAGE], seen[SWAPPED]], asked[1:], "a flipped bit of each page, and each page in another's place, are seen by every search")
    ok(not crashed(server), "and no session crashed", crashed(server))
    server.start()
    ask(server, "REINDEX INDEX d_rank", "damage")
    equal(ask(server, VERIFY.removeprefix(PATH), "damage"), "0 0", "REINDEX cures it")


# ---- cancel

def cancels(server):
    rnd = random.Random(4)
    server.sql(PATH + "CREATE TABLE big AS SELECT id, document FROM d, generate_series(1, 8); CREATE TABLE half (document tsvector); CREATE INDEX half_rank ON half USING ticketflow (document) WITH (pending_pages = 1)")
    work = {
        "CREATE INDEX": "SET maintenance_work_mem = '1MB'; CREATE INDEX big_rank ON big USING ticketflow (document)",
        "REINDEX CONCURRENTLY": "REINDEX INDEX CONCURRENTLY d_rank",
        "VACUUM": "DELETE FROM d WHERE id IN (SELECT id FROM d ORDER BY random() LIMIT 30); VACUUM d",
        "merge": "INSERT INTO d (document) SELECT words(20) FROM generate_series(1, 50); SELECT bm25_merge('d_rank')",
        "insert": "INSERT INTO d (document) SELECT words(20) FROM generate_series(1, 400)",
        "search": "SELECT count(*) FROM (SELECT id FROM d WHERE document @@ '!w299' ORDER BY document <@> '!w299') x; SELECT count(*) FROM (SELECT id FROM d WHERE document @@ 'w2:*' ORDER BY document <@> 'w2:*') x",
    }
    for name, statement in work.items():
        stopped = finished = 0
        other = []
        for _ in range(12):
            got = ask(server, f"SET statement_timeout = {rnd.choice([1, 1, 2, 3, 5, 8, 13, 20, 40, 80])}; {statement}")
            stopped += sqlstate(got) == "57014"
            finished += sqlstate(got) is None
            if sqlstate(got) not in (None, "57014"):
                other.append(got[:200])
            ask(server, "DROP INDEX IF EXISTS big_rank, d_rank_ccnew, d_rank_ccold")
        answer = ask(server, VERIFY.removeprefix(PATH))
        ok(not other and stopped and answer == "0 0", f"cancelled {stopped} of {stopped + finished} times in {name}: the index is sound", other[:3], answer)
    ask(server, "VACUUM d")
    equal(ask(server, VERIFY.removeprefix(PATH)), "0 0", "and after VACUUM")


# ---- memory and progress

class Session:
    """One psql that stays, so that its backend can be watched and limited."""

    def __init__(self, server):
        self.server = server
        self.process = subprocess.Popen(["psql", "-XqAt"], env=server.env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.pid = int(self.ask("SELECT pg_backend_pid()"))
        self.ask("\\set VERBOSITY verbose\n" + PATH)

    def ask(self, sql):
        self.process.stdin.write(sql + ";\n\\echo ready\n")
        self.process.stdin.flush()
        lines = []
        while (line := self.process.stdout.readline()) not in ("ready\n", ""):
            lines.append(line)
        return "".join(lines).strip()

    def memory(self, what="RssAnon"):
        with open(f"/proc/{self.pid}/status") as status:
            return int(re.search(what + r":\s+(\d+) kB", status.read()).group(1))

    def limit(self, kilobytes):
        self.server._shell(f"as_server prlimit --pid {self.pid} --as={kilobytes * 1024 if kilobytes else 'unlimited'}:")

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def memory(server):
    server.sql(PATH + "CREATE TABLE wide AS SELECT id, document FROM d, generate_series(1, 14); ANALYZE wide")
    session = Session(server)
    session.ask("SET maintenance_work_mem = '8MB'; SELECT count(*) FROM wide WHERE length(document) > 0")
    before, most, seen = session.memory(), [0], set()
    running = threading.Event()

    def watch():
        while not running.is_set():
            most[0] = max(most[0], session.memory())
            time.sleep(0.002)
    watcher = threading.Thread(target=watch)
    watcher.start()
    look = server.background("psql", "-XqAt", "-c", """DO $$ DECLARE p record; seen text[] := '{}'; first timestamptz := clock_timestamp(); BEGIN
        WHILE clock_timestamp() < first + interval '60 s' LOOP
          PERFORM pg_stat_clear_snapshot();
          SELECT phase, tuples_done INTO p FROM pg_stat_progress_create_index WHERE command = 'CREATE INDEX';
          IF FOUND THEN seen := seen || (p.phase || CASE WHEN p.tuples_done > 0 THEN ' +' ELSE '' END); END IF;
          EXIT WHEN p.phase IS NULL AND cardinality(seen) > 0;
          PERFORM pg_sleep(0.001);
        END LOOP;
        RAISE NOTICE '%', (SELECT string_agg(DISTINCT s, ',') FROM unnest(seen) s);
      END $$""")
    time.sleep(0.5)
    session.ask("CREATE INDEX wide_rank ON wide USING ticketflow (document)")
    running.set()
    watcher.join()
    seen = look.communicate()[0]
    ok("scanning table +" in seen and "merging temporary segments" in seen, "pg_stat_progress_create_index tells the phases and the rows done", seen)
    # 8 bytes a row for the merge, as documented, and what any CREATE INDEX needs.
    allowed = 8 * 1024 + 8 * int(server.sql(PATH + "SELECT count(*) FROM wide")) // 1024 + 4 * 1024
    ok(most[0] - before <= allowed, f"a build in 8 MB takes {(most[0] - before) / 1024:.1f} MB, of {allowed / 1024:.1f} MB that are allowed")
    equal(session.ask("SELECT count(*) FROM bm25_check('wide_rank')"), "0", "and its index is sound")
    session.ask("DROP INDEX wide_rank; SET maintenance_work_mem = '1GB'")
    out = set()
    for room in (1, 3, 6, 12):
        session.limit(session.memory("VmSize") + room * 1024)
        out.add(sqlstate(session.ask("CREATE INDEX wide_rank ON wide USING ticketflow (document)")))
        out.add(sqlstate(session.ask("SELECT count(*) FROM (SELECT id FROM d WHERE document @@ 'w2:*' ORDER BY document <@> 'w2:*') x")))
        session.limit(0)
        session.ask("DROP INDEX IF EXISTS wide_rank")
    ok("53200" in out and out <= {"53200", None}, "out of memory is an error (53200) and the session lives", out)
    session.ask("CREATE INDEX wide_rank ON wide USING ticketflow (document)")
    equal(session.ask("SELECT count(*) FROM bm25_check('wide_rank')"), "0", "and builds the index once it has memory again")
    session.close()


# ---- what a load leaves behind

def load_in_one_transaction(server):
    server.sql(PATH + """CREATE TABLE l (document tsvector); CREATE INDEX l_rank ON l USING ticketflow (document);
        DO $$ BEGIN FOR i IN 1..12000 LOOP INSERT INTO l VALUES (words(30)); END LOOP; END $$""")
    filled = int(server.sql(PATH + "SELECT pg_relation_size('l_rank')"))
    server.sql(PATH + "REINDEX INDEX l_rank")
    built = int(server.sql(PATH + "SELECT pg_relation_size('l_rank')"))
    ok(filled <= 4 * built + 4 * 1048576, f"rows one by one in one transaction: {filled / 1e6:.1f} MB, {built / 1e6:.1f} MB when built")


# ---- encodings

def encodings(server):
    for encoding, letter in (("LATIN1", "chr(233)"), ("SQL_ASCII", "'e'"), ("EUC_JP", "convert_from('\\xb4c1'::bytea, 'EUC_JP')")):
        name = encoding.lower()
        server.sql(f"CREATE DATABASE {name} ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
        server.sql(SETUP.replace("'w' ||", f"'w' || repeat({letter}, (random() * 2)::int) ||") + "INSERT INTO d (document) SELECT words(30) FROM generate_series(1, 200)", database=name)
        equal(ask(server, VERIFY.removeprefix(PATH), name), "0 0", f"{encoding}: the index ranks like an exhaustive sort")


def main():
    with Cluster("autovacuum = off") as server:
        server.sql(SETUP)
        equal(ask(server, VERIFY.removeprefix(PATH)), "0 0", "before")
        cancels(server)
        memory(server)
        load_in_one_transaction(server)
        encodings(server)
        damaged_pages(server)
    done()


main()
