#!/usr/bin/env python3
"""Makes measure.json with numpy and scipy: python3 tests/cases/drift/make.py > tests/cases/drift/measure.json"""
import json

import numpy
from scipy.spatial.distance import jensenshannon

CASES = [
    ("equal shares", [10, 20, 30], [100, 200, 300]),
    ("a little", [500, 300, 200], [450, 320, 230]),
    ("a lot", [900, 50, 50], [100, 450, 450]),
    ("a new value", [1000, 0], [600, 400]),
    ("a value gone", [250, 250, 250, 250], [400, 300, 300, 0]),
    ("nothing in common", [100, 0], [0, 100]),
    ("twenty bins", [50] * 20, list(range(31, 71, 2))),
    ("one bin", [5], [7]),
]


def measure(name, before, now):
    b, n, bins = numpy.array(before, float), numpy.array(now, float), len(before)
    p, q = (b + 0.5) / (b.sum() + bins / 2), (n + 0.5) / (n.sum() + bins / 2)
    return {
        "name": name,
        "before": before,
        "now": now,
        "psi": float(((p - q) * numpy.log(p / q)).sum()),
        "psi_noise": (bins - 1) * (1 / b.sum() + 1 / n.sum()),
        "js": float(jensenshannon(b, n, base=2)) if bins > 1 else 0.0,
    }


print("[\n" + ",\n".join(json.dumps(measure(*case)) for case in CASES) + "\n]")
