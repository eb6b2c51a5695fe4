#!/usr/bin/env python3
"""The 128 cases of PostgREST's dialect: each is the beginning of a test's name in this folder. Prints which file has which."""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from tap import ROOT, done, equal  # noqa: E402

FILES = ("dialect.py", "life.py", "chaos.py")
CASES = range(1, 129)


def main():
    tests = {number: {} for number in CASES}
    for name in FILES:
        with open(os.path.join(ROOT, "test/http", name), encoding="utf-8") as file:
            for found in re.finditer(r"""["'](\d{1,3}) [^"'\n]+""", file.read()):
                if int(found.group(1)) in tests:
                    tests[int(found.group(1))].setdefault(name, []).append(found.group(0))
    for number in CASES:
        print(f"# {number}: " + ", ".join(f"{name} ({len(found)})" for name, found in tests[number].items()))
    equal([number for number in CASES if not tests[number]], [], "every case has a test")
    done()


if __name__ == "__main__":
    main()
