#!/usr/bin/env python3
"""Complexity in databases of other encodings: the same scores where letters are the same, and no ticket that cannot be filed."""
import os, subprocess, sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
from tap import done, equal, ok  # noqa: E402

NAME = f"t_complexity_{os.getpid()}"


def psql(script, database=NAME):
    return subprocess.run(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", database], input=script.encode(), capture_output=True)


def in_database(encoding, script):
    made = psql(f"CREATE DATABASE {NAME} TEMPLATE template0 ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'", "postgres")
    if made.returncode:
        return made
    try:
        return psql("SET client_min_messages = warning; CREATE EXTENSION ticketflow CASCADE; CALL ticketflow.deploy();\n"
                    "INSERT INTO users (id, email, role, is_approved) VALUES ('boss', 'boss@desk.test', 'admin', true);\n" + script)
    finally:
        psql(f"DROP DATABASE {NAME} WITH (FORCE)", "postgres")


SCORE = r"SELECT score, factors FROM ticketflow.complexity_score(E'caf\u00e9 m\u00fcde', E'Der Dr\u00fccker \u00e4rgert uns');"
utf8 = in_database("UTF8", "SET client_encoding = 'UTF8';" + SCORE)
latin = in_database("LATIN1", "SET client_encoding = 'UTF8';" + SCORE)
ok(utf8.returncode == 0 and utf8.stdout.strip(), "UTF8 has a score")
equal(latin.stdout, utf8.stdout, "LATIN1 has the same, with the same factors")

ascii_only = in_database("SQL_ASCII", r"""
INSERT INTO tasks (title, description, created_by, category) VALUES (E'caf\xe9\xa4 printer', E'broken \xff\xfe bytes', 'boss', 'bug');
SELECT count(*) FROM ticket_complexity_scores WHERE complexity_score BETWEEN 0 AND 100;
SELECT sum((f ->> 'points')::numeric) = s.complexity_score FROM ticket_complexity_scores s, jsonb_array_elements(factors) f GROUP BY s.complexity_score;
SELECT count(*) > 3 FROM complexity_lines(1);
""")
equal(ascii_only.stdout.decode().split(), ["1", "t", "t"], "SQL_ASCII files and scores bytes that are no UTF-8" + (": " + ascii_only.stderr.decode()[:200] if ascii_only.returncode else ""))
done()
