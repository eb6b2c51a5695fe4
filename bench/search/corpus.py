"""The documents and queries of bench/search/run.

`generated`: documents of 4 to 60 words, drawn from the word frequencies of real tickets, so that as many as are wanted can be had;
60 queries of 1 to 4 words of three bands of frequency, and ten whole documents as "similar" queries.
`tickets`: the titles and descriptions of real tickets; queries are 1 to 4 words of one ticket's title, "similar" ones whole tickets."""
import gzip, os, random, re

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DATA = os.environ.get("TICKETFLOW_DATA") or os.path.join(ROOT, "..", "shared", "data")
STOP = set("the and for with that this from are not was can has have will should when its use all into but our you your which there they been".split())


def tickets():
    with gzip.open(os.path.join(DATA, "tickets_effort.tsv.gz"), "rt", encoding="utf-8") as file:
        next(file)
        for line in file:
            yield " ".join(line.rstrip("\n").split("\t")[5:]).replace("\\", " ")


def frequencies():
    counts = {}
    for text in tickets():
        for word in re.findall(r"[a-z]{2,20}", text.lower()):
            counts[word] = counts.get(word, 0) + 1
    words = sorted(counts, key=counts.get, reverse=True)
    return words, [counts[word] for word in words]


class Generated:
    def __init__(self, documents):
        self.count = documents
        self.words, self.weights = frequencies()
        self.random = random.Random(42)

    def documents(self):
        cumulative, total = [], 0
        for weight in self.weights:
            cumulative.append(total := total + weight)
        for _ in range(self.count):
            yield " ".join(self.random.choices(self.words, cum_weights=cumulative, k=4 + int(self.random.random() ** 2 * 56)))

    def queries(self):
        usable = [w for w in self.words if len(w) > 3 and w not in STOP]
        bands = [usable[:200], usable[200:2000], usable[2000:12000]]
        rnd = random.Random(7)
        return [" ".join(rnd.choice(rnd.choice(bands)) for _ in range(1 + i % 4)) for i in range(60)]


class Tickets:
    def __init__(self, documents):
        self.texts = [text for text, _ in zip(tickets(), range(documents))]
        self.count = len(self.texts)

    def documents(self):
        return iter(self.texts)

    def queries(self):
        rnd, found = random.Random(7), []
        while len(found) < 60:
            words = [w for w in re.findall(r"[a-z]{3,20}", rnd.choice(self.texts)[:80].lower()) if w not in STOP]
            if len(words) >= 4:
                found.append(" ".join(rnd.sample(words, 1 + len(found) % 4)))
        return found


def make(name, documents):
    return {"generated": Generated, "tickets": Tickets}[name](documents)
