"""Checks what audit_proof() gives, knowing only docs/audit.md and SHA-256: no line of the extension runs here."""
import hashlib


def sha(prefix, data):
    return hashlib.sha256(bytes([prefix]) + data).digest()


def canonical(fields):
    return b"".join(b"-" if field is None else str(len(field)).encode() + b":" + field for field in fields)


def fields_of(data):
    """The fields of a row's canonical bytes."""
    fields = []
    while data:
        if data[:1] == b"-":
            fields.append(None)
            data = data[1:]
            continue
        length, _, rest = data.partition(b":")
        fields.append(rest[:int(length)])
        data = rest[int(length):]
    return fields


def root_of(leaf, index, size, path):
    """RFC 9162, 2.1.3.2: the root that a leaf leads to along a path; None where the path has the wrong length."""
    node, last = leaf, size - 1
    for sibling in path:
        if last == 0:
            return None
        if index & 1 or index == last:
            node = sha(1, sibling + node)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            node = sha(1, node + sibling)
        index, last = index >> 1, last >> 1
    return node if last == 0 else None


def seal_digest(proof):
    seal = proof["seal"]
    return sha(2, canonical([value.encode() for value in ("audit_seals", str(seal["id"]), str(seal["sealed_at"]), seal["snapshot"], str(seal["system_id"]),
                                                          str(seal["rows"]), proof["root"], seal["previous"])])).hex()


def holds(proof, kept_digest):
    """Whether the proof's row is under the seal whose digest was kept outside of the database."""
    leaf = sha(0, bytes.fromhex(proof["row"]))
    root = root_of(leaf, proof["index"], proof["size"], [bytes.fromhex(step) for step in proof["path"]])
    return leaf.hex() == proof["leaf"] and root is not None and root.hex() == proof["root"] and seal_digest(proof) == kept_digest
