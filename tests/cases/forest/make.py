#!/usr/bin/env python3
"""Writes the fixtures of this folder that scikit-learn has to say something about; run once, the results are committed.

    make.py fixture       > fixture.csv        200 rows: integer, real, category, label
    make.py trees         > trees.json         rows with draws, and the tree scikit-learn grows from them
    make.py accuracy      > accuracy.json      accuracies of RandomForestClassifier on the rows of rows() below

tests/unit/test_grow.c reads them; its rows for accuracy.json come from the same generator as rows().
"""
import json
import sys

MASK = (1 << 64) - 1


def splitmix(state):
    while True:
        state = (state + 0x9E3779B97F4A7C15) & MASK
        z = state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        yield z ^ (z >> 31)


def rows(kind, count, seed):
    """Rows (features, label). "low": five integers of few values; "real": eight of 2^24 values. 30 % of the labels are noise."""
    draw = splitmix(seed)
    out = []
    for _ in range(count):
        if kind == "low":
            f = [next(draw) % n for n in (3, 8, 12, 24, 7)]
            t = 3 * f[1] + 2 * f[2] + f[3]
            label = (t > 30) + (t > 45) + (f[0] == 1 and f[4] > 3)
        else:
            f = [next(draw) >> 40 for _ in range(8)]
            t = f[0] + f[1] + (f[2] >> 1)
            label = (t > 15000000) + (t > 25000000) + (f[3] > 12000000 and f[4] < 6000000)
        if next(draw) % 100 < 30:
            label = next(draw) % 4
        out.append((f, int(label)))
    return out


def fixture():
    draw = splitmix(200)
    words = ["ape", "bee", "cat", "dog", "eel", "fox", "gnu"]
    print("age,size,animal,label")
    for _ in range(200):
        age, size, animal = next(draw) % 60, (next(draw) % 20000 - 10000) / 64, next(draw) % 7
        label = "no" if age + 8 * animal > 60 else "yes" if size > 20 else "maybe"
        if next(draw) % 5 == 0:
            label = ["maybe", "no", "yes"][next(draw) % 3]
        print(f"{age},{size},{words[animal]},{label}")


def tree_case(name, min_samples_leaf, max_depth, values, count, seed):
    import numpy
    from sklearn.tree import DecisionTreeClassifier

    draw = splitmix(seed)
    data = []
    for _ in range(count):
        f = values(draw)
        t = f[0] - f[1] + (f[2] if len(f) > 2 else 0)
        label = 0 if t < 0 else 1 if t < 40 else 2
        label = next(draw) % 3 if next(draw) % 4 == 0 else label
        data.append({"values": f, "label": int(label), "draws": int(next(draw) % 4)})
    x = numpy.array([r["values"] for r in data for _ in range(r["draws"])], dtype=numpy.float32)
    y = numpy.array([r["label"] for r in data for _ in range(r["draws"])])
    shapes = set()
    for state in range(30):
        grown = DecisionTreeClassifier(min_samples_leaf=min_samples_leaf, max_depth=max_depth, random_state=state).fit(x, y)
        tree, nodes, stack = grown.tree_, [], [0]
        while stack:
            at = stack.pop()
            if tree.children_left[at] < 0:
                counts = numpy.rint(tree.value[at][0] * tree.weighted_n_node_samples[at]).astype(int)
                nodes.append({"leaf": [int(c) for c in counts]})
            else:
                nodes.append({"feature": int(tree.feature[at]), "threshold": float(tree.threshold[at])})
                stack += [int(tree.children_right[at]), int(tree.children_left[at])]
        shapes.add(json.dumps(nodes))
    if len(shapes) != 1:
        return None  # two features cut equally well somewhere: the tree depends on the order of looking
    return {"name": name, "min_samples_leaf": min_samples_leaf, "max_depth": max_depth or 0, "rows": data,
            "nodes": json.loads(shapes.pop())}


def trees():
    def real(draw):
        return [(next(draw) % 20001 - 10000) / 128 for _ in range(3)]

    def integer(draw):
        return [int(next(draw) % 200) - 100 for _ in range(2)]

    out = []
    for name, leaf, depth, values, count in (
        ("real to purity", 1, None, real, 90),
        ("real, leaves of 5", 5, None, real, 300),
        ("real, depth 4", 1, 4, real, 400),
        ("integer, leaves of 4", 4, None, integer, 150),
        ("integer, depth 3, leaves of 10", 10, 3, integer, 500),
    ):
        for seed in range(1, 2000):
            case = tree_case(name, leaf, depth, values, count, seed)
            if case:
                out.append(case)
                break
        else:
            sys.exit(f"no unambiguous rows for {name}")
    print(json.dumps(out, separators=(",", ":")).replace('},{"name"', '},\n{"name"').replace('},{"values"', '},\n{"values"'))


def accuracy():
    import numpy
    import sklearn
    from sklearn.ensemble import RandomForestClassifier

    out = []
    for kind, train, leaf in (("low", 20000, 1), ("low", 20000, 10), ("real", 4000, 1)):
        everything = rows(kind, train + 10000, 7)
        x = numpy.array([r[0] for r in everything], dtype=numpy.float32)
        y = numpy.array([r[1] for r in everything])
        found = []
        for state in range(12):
            forest = RandomForestClassifier(n_estimators=100, min_samples_leaf=leaf, random_state=state, n_jobs=2)
            forest.fit(x[:train], y[:train])
            found.append(float((forest.predict(x[train:]) == y[train:]).mean()))
        out.append({"rows": kind, "train": train, "test": 10000, "trees": 100, "min_samples_leaf": leaf,
                    "min_draws_leaf": round(leaf / 0.632) if leaf > 1 else 1,  # scikit-learn counts distinct rows, we count draws
                    "mean": round(float(numpy.mean(found)), 5), "sd": round(float(numpy.std(found, ddof=1)), 5)})
    print(json.dumps({"scikit-learn": sklearn.__version__, "seeds": 12, "forests": out}, indent=1))


{"fixture": fixture, "trees": trees, "accuracy": accuracy}[sys.argv[1] if len(sys.argv) > 1 else ""]()
