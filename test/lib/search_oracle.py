"""search_oracle.sql for tests that start servers: FUNCTIONS makes it and asks for words w1, w2, ...; verify() looks at one index."""
import os

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "search_oracle.sql")) as file:
    FUNCTIONS = file.read() + "INSERT INTO queries VALUES ('w20|w30|w5'), ('w1&w2'), ('w1<->w2'), ('!w1'), ('w29:*');\n"


def verify(server, equal, what):
    equal(server.sql("SET jit = off; SELECT * FROM bm25_check('d_rank') LIMIT 3"), "", f"{what}: bm25_check finds nothing")
    equal(server.sql("SELECT differences()"), "0", f"{what}: the index ranks like an exhaustive sort")
