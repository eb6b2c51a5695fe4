"""What every Python test writes: TAP. One line a check; what explains a failure goes to stderr behind "# ".

    from tap import done, equal, ok      (test/lib is put on sys.path by the test)
"""
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Tap:
    def __init__(self):
        self.count = self.failures = 0

    def ok(self, condition, name, *notes):
        self.count += 1
        print(("ok " if condition else "not ok ") + f"{self.count} - {name}".replace("#", "\\#"), flush=True)
        if not condition:
            self.failures += 1
            for note in notes:
                for line in str(note).splitlines():
                    print("# " + line, file=sys.stderr, flush=True)
        return bool(condition)

    def equal(self, got, want, name, *notes):
        return self.ok(got == want, name, f"failed: {name}", f"  got:  {got!r}", f"  want: {want!r}", *notes)

    def done(self):
        print(f"1..{self.count}")
        sys.exit(1 if self.failures else 0)


def skip_all(reason):
    print(f"1..0 # SKIP {reason}")
    sys.exit(0)


_test = Tap()
ok, equal, done = _test.ok, _test.equal, _test.done
