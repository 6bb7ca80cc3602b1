#!/usr/bin/env python3
"""What scikit-learn says, run once, the results are committed:

    make.py measure       > measure.json        predictions and their scores
    make.py importances   > importances.json    feature_importances_ of the trees of ../forest/trees.json
"""
import json
import pathlib
import random
import sys
import warnings

import numpy
from sklearn import metrics
from sklearn.tree import DecisionTreeClassifier

ONE = 1 << 24
BINS = 15
HERE = pathlib.Path(__file__).parent


def shares(draw, classes, sure):
    cuts = sorted(draw.randrange(ONE + 1) for _ in range(classes - 1))
    parts = [b - a for a, b in zip([0] + cuts, cuts + [ONE])]
    if draw.random() < sure:
        parts = [0] * classes
        parts[draw.randrange(classes)] = ONE
    return parts


def calibration_error(p, right):
    top, error = p.max(axis=1), 0
    for b in range(BINS):
        inside = (top > b / BINS) & (top <= (b + 1) / BINS)
        if inside.any():
            error += inside.mean() * abs(right[inside].mean() - top[inside].mean())
    return error


def measure(name, classes, rows, sure, never=()):
    draw = random.Random(name)
    out = {"name": name, "classes": classes, "labels": [], "scores": []}
    for _ in range(rows):
        part = shares(draw, classes, sure)
        label = draw.choices(range(classes), [s + ONE // 4 for s in part])[0]
        out["labels"].append(0 if label in never else label)
        out["scores"].append(part)
    p = numpy.array(out["scores"]) / ONE
    y, predicted = numpy.array(out["labels"]), p.argmax(axis=1)
    names = list(range(classes))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        precision, recall, f1, count = metrics.precision_recall_fscore_support(y, predicted, labels=names, zero_division=0)
        out["expect"] = {
            "accuracy": metrics.accuracy_score(y, predicted),
            "balanced_accuracy": metrics.balanced_accuracy_score(y, predicted),
            "macro_f1": metrics.f1_score(y, predicted, average="macro", zero_division=0),
            "log_loss": float(-numpy.log(numpy.maximum(p[range(rows), y], 1e-15)).mean()),
            "brier": float(((p - numpy.eye(classes)[y]) ** 2).sum(axis=1).mean()),
            "ece": calibration_error(p, y == predicted),
            "majority_share": float(numpy.bincount(y).max() / rows),
        }
        if sure == 0:
            assert abs(out["expect"]["log_loss"] - metrics.log_loss(y, p, labels=names)) < 1e-12
            scale = {"scale_by_half": False} if classes == 2 else {}
            assert abs(out["expect"]["brier"] - metrics.brier_score_loss(y, p, labels=names, **scale)) < 1e-12
    out["precision"], out["recall"], out["f1"] = list(precision), list(recall), list(f1)
    out["confusion"] = metrics.confusion_matrix(y, predicted, labels=names).tolist()
    return out


def importances():
    out = []
    for case in json.loads((HERE / "../forest/trees.json").read_text()):
        leaf, depth = case["min_samples_leaf"], case["max_depth"] or None
        x = numpy.array([r["values"] for r in case["rows"] for _ in range(r["draws"])], dtype=numpy.float32)
        y = numpy.array([r["label"] for r in case["rows"] for _ in range(r["draws"])])
        tree = DecisionTreeClassifier(min_samples_leaf=leaf, max_depth=depth, random_state=0).fit(x, y)
        assert tree.tree_.node_count == len(case["nodes"])
        out.append({"name": case["name"], "importances": tree.feature_importances_.tolist()})
    return out


def lines(items):
    return "[\n" + ",\n".join(json.dumps(item, separators=(",", ":")) for item in items) + "\n]"


if sys.argv[1] == "measure":
    print(lines([
        measure("two classes", 2, 200, 0),
        measure("three classes, some certain", 3, 300, 0.2),
        measure("a class that never occurs", 4, 150, 0, never=(2,)),
        measure("one row", 3, 1, 0),
        measure("ten classes", 10, 250, 0.05),
    ]))
else:
    print(lines(importances()))
