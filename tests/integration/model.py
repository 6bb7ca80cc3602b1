#!/usr/bin/env python3
"""Bytes of a small model in the format of docs/MODEL_FORMAT.md, for tests that need one without training.

    model.py DESCRIPTION.json > model.bin

DESCRIPTION: {"label": "y", "classes": ["0", "1"], "features": [{"name", "type", "thresholds": [keys], "categories":
["a", ...], "frequent": key}], "distributions": [[shares that sum to 1], ...], "trees": [[node, ...], ...]}. A node is
["leaf", distribution] or ["split", feature, threshold index], in pre-order. A real's threshold is a number, not a key.
"""
import hashlib
import json
import struct
import sys

ONE = 1 << 24


def text(value):
    data = value.encode()
    return struct.pack("<H", len(data)) + data


def varint(number):
    out = b""
    while number >= 0x80:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def key(feature, value):
    if feature["type"] != "real":
        return value
    (bits,) = struct.unpack("<i", struct.pack("<f", value))
    return bits if bits >= 0 else -0x80000000 - bits


def feature_bytes(feature):
    keys = [key(feature, value) for value in feature.get("thresholds", [])]
    categories = feature.get("categories", [])
    out = text(feature["name"]) + bytes([["integer", "real", "category"].index(feature["type"])])
    out += struct.pack("<I", len(keys)) + b"".join(struct.pack("<i", k) for k in keys)
    out += struct.pack("<I", len(categories)) + b"".join(text(c) for c in categories)
    return out + struct.pack("<i", feature.get("frequent", 0))


def node_bytes(node):
    if node[0] == "leaf":
        return varint(0) + varint(node[1])
    return varint(node[1] + 1) + varint(node[2])


def shares(distribution):
    units = [int(share * ONE) for share in distribution]
    units[-1] += ONE - sum(units)
    return b"".join(struct.pack("<I", unit) for unit in units)


def model_bytes(d):
    out = b"GMLFORST" + struct.pack("<5IQ", 1, len(d["features"]), len(d["classes"]), len(d["trees"]),
                                    len(d["distributions"]), sum(map(len, d["trees"])))
    out += text(d["label"]) + b"".join(map(text, d["classes"])) + b"".join(map(feature_bytes, d["features"]))
    out += b"".join(map(shares, d["distributions"]))
    for tree in d["trees"]:
        out += struct.pack("<I", len(tree)) + b"".join(map(node_bytes, tree))
    return out + hashlib.sha256(out).digest()


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        sys.stdout.buffer.write(model_bytes(json.load(file)))
