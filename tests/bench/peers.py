#!/usr/bin/env python3
"""Forests of other libraries on the rows that bench-forest takes, for tests/bench/forest and tests/bench/accuracy.

    peers.py prepare FILE.npz --csv F --label L --features a,b,c [--id C] [--source S]
                                                            numbers as float32, texts by alphabetical code
    peers.py list [--defaults]                              the libraries that are installed
    peers.py run PEER FILE.npz --threads N [--trees 100]    one JSON object
    peers.py run PEER FILE.npz --threads N --defaults [--seed S]
    peers.py picture RESULTS.jsonl OUT.svg                  bars of wall and CPU seconds by set
    peers.py table RESULTS.jsonl                            the same as a Markdown table
    peers.py pairs RESULTS.jsonl                            accuracy and log loss, and by how much green-ml beats each peer

The split is bench-forest's: a fifth of the rows is for the test, by sha256 of the source, a zero byte and the id, or the
row's number. All peers grow 100 trees to purity from a bootstrap sample with the square root of the features as candidates
at each node, as far as they can; LightGBM and XGBoost draw without replacement, LightGBM has at most 4,096 leaves and
XGBoost 20 levels. ranger (apt-get install r-cran-ranger) is asked for probabilities, runs in a process of R and is timed
there, from rows in R's memory.

With --defaults each is as it comes, the number of trees too. LightGBM's random forest refuses to run without a sample, so
it gets 0.632 of the rows; YDF gets texts as texts, as its data frames do.
"""
import argparse
import csv
import hashlib
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time

PEERS = {"sklearn": "sklearn", "sklearnex": "sklearnex", "ydf": "ydf", "lightgbm": "lightgbm", "xgboost": "xgboost"}
NAMES = {"green-ml": "green-ml", "green-ml-purity": "green-ml, leaves of 1", "sklearn": "scikit-learn",
         "sklearnex": "scikit-learn-intelex", "ydf": "YDF", "lightgbm": "LightGBM rf", "xgboost": "XGBoost rf",
         "ranger": "ranger"}
WITH_DEFAULTS = ("xgboost", "lightgbm", "ydf", "ranger", "sklearn")  # the slowest last


def prepare(args):
    import numpy

    names, limit = args.features.split(","), (1 << 64) // 5
    columns, labels, test = [[] for _ in names], [], []
    with open(args.csv, newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        header = next(reader)
        at, label = [header.index(n) for n in names], header.index(args.label)
        identity = header.index(args.id) if args.id else None
        for number, row in enumerate(reader, 1):
            key = row[identity] if identity is not None else str(number)
            test.append(int.from_bytes(hashlib.sha256(f"{args.source}\0{key}".encode()).digest()[:8], "big") < limit)
            labels.append(row[label])
            for column, i in zip(columns, at):
                column.append(row[i])
    coded = numpy.empty((len(labels), len(names)), dtype=numpy.float32)
    texts = [False] * len(names)
    for f, column in enumerate(columns):
        try:
            coded[:, f] = numpy.array(column, dtype=numpy.float32)
        except ValueError:
            coded[:, f] = numpy.unique(column, return_inverse=True)[1]
            texts[f] = True
        columns[f] = None
    classes = numpy.unique(labels, return_inverse=True)[1]
    test = numpy.array(test)
    numpy.savez(args.file, x=coded[~test], y=classes[~test], x_test=coded[test], y_test=classes[test], texts=texts)


def installed(defaults):
    import importlib.util

    if not importlib.util.find_spec("numpy"):
        return []
    found = [peer for peer, module in PEERS.items() if importlib.util.find_spec(module)]
    try:
        subprocess.run(["Rscript", "-e", "library(ranger)"], check=True, stderr=subprocess.DEVNULL)
        found.append("ranger")
    except (OSError, subprocess.CalledProcessError):
        pass
    return [peer for peer in (WITH_DEFAULTS if defaults else [*PEERS, "ranger"]) if peer in found]


def grow(peer, data, threads, trees):
    """Returns fit(), predict(rows) -> probabilities, nodes()."""
    features, classes = data["x"].shape[1], int(data["y"].max()) + 1
    candidates = max(1, int(math.sqrt(features)))
    if peer in ("sklearn", "sklearnex"):
        if peer == "sklearnex":
            from sklearnex.ensemble import RandomForestClassifier
        else:
            from sklearn.ensemble import RandomForestClassifier
        model = RandomForestClassifier(n_estimators=trees, n_jobs=threads, random_state=0)
        return (lambda: model.fit(data["x"], data["y"]), model.predict_proba,
                lambda: sum(e.tree_.node_count for e in model.estimators_))
    if peer == "lightgbm":
        import lightgbm

        model = lightgbm.LGBMClassifier(
            boosting_type="rf", n_estimators=trees, num_leaves=4096, subsample=0.632, subsample_freq=1,
            colsample_bynode=candidates / features, min_child_samples=1, min_child_weight=0, n_jobs=threads, verbose=-1)
        return lambda: model.fit(data["x"], data["y"]), model.predict_proba, lambda: None
    if peer == "xgboost":
        import xgboost

        model = xgboost.XGBRFClassifier(
            n_estimators=trees, max_depth=20, subsample=0.632, colsample_bynode=candidates / features, reg_lambda=0,
            min_child_weight=0, tree_method="hist", n_jobs=threads)
        return lambda: model.fit(data["x"], data["y"]), model.predict_proba, lambda: None
    import ydf

    names = [f"f{i}" for i in range(features)]
    table = {n: data["x"][:, i] for i, n in enumerate(names)} | {"label": data["y"]}
    learner = ydf.RandomForestLearner(
        label="label", task=ydf.Task.CLASSIFICATION, num_trees=trees, num_threads=threads, max_depth=-1, min_examples=1,
        num_candidate_attributes=candidates, winner_take_all=False, compute_oob_performances=False)
    ydf.verbose(0)
    grown = []

    def predict(rows):
        p = grown[0].predict({n: rows[:, i] for i, n in enumerate(names)}, num_threads=threads)
        return p if classes > 2 else __import__("numpy").stack([1 - p, p], axis=1)

    return lambda: grown.append(learner.train(table)), predict, lambda: None


def ranger(data, threads, settings):
    """The probabilities of the test's rows, and what R says it took."""
    import numpy

    classes = int(max(data["y"].max(), data["y_test"].max())) + 1  # a rare one may not be in both
    with tempfile.TemporaryDirectory() as folder:
        for name in ("x", "x_test"):
            data[name].T.tofile(f"{folder}/{name}")  # R's matrices are by column
        data["y"].astype(numpy.int32).tofile(f"{folder}/y")
        said = subprocess.run(["Rscript", "-e", f"""
            library(ranger)
            setwd("{folder}")
            numbers <- function(f, what) readBin(f, what, file.size(f) / 4, size = 4)
            rows <- function(f) {{
                x <- matrix(numbers(f, "numeric"), ncol = {data["x"].shape[1]})
                colnames(x) <- paste0("f", seq_len(ncol(x)))
                x
            }}
            taken <- function(since) {{
                took <- proc.time() - since
                c(took[["elapsed"]], took[["user.self"]] + took[["sys.self"]])
            }}
            x <- rows("x")
            x_test <- rows("x_test")
            y <- factor(numbers("y", "integer"))
            start <- proc.time()
            grown <- ranger(x = x, y = y, probability = TRUE, num.threads = {threads}, verbose = FALSE, {settings})
            fit <- taken(start)
            peak <- grep("^VmHWM", readLines("/proc/self/status"), value = TRUE)
            start <- proc.time()
            p <- predict(grown, x_test, num.threads = {threads}, verbose = FALSE)$predictions
            predict <- taken(start)
            nodes <- sum(lengths(grown$forest$split.varIDs))
            all <- matrix(0, nrow(p), {classes})
            all[, as.integer(levels(y)) + 1] <- p[, levels(y)]
            writeBin(as.vector(all), "p")
            cat(fit, predict[2], as.numeric(gsub("[^0-9]", "", peak)), nodes)"""],
                              check=True, stdout=subprocess.PIPE, text=True).stdout
        p = numpy.fromfile(f"{folder}/p").reshape(classes, -1).T
    wall, cpu, predict_cpu, peak_kb, nodes = map(float, said.split())
    return p, {"fit_wall_s": wall, "fit_cpu_s": cpu, "fit_peak_rss_mb": peak_kb * 1024 / 1e6, "nodes": int(nodes),
               "predict_ns_per_row_trees": predict_cpu * 1e9 / len(p)}


def grow_by_default(peer, data, threads, seed):
    """As grow() does."""
    import numpy

    if peer == "ydf":
        import ydf

        ydf.verbose(0)
        grown = []

        def table(rows):
            return {f"f{i}": rows[:, i].astype(str) if text else rows[:, i] for i, text in enumerate(data["texts"])}

        def predict(rows):
            p = grown[0].predict(table(rows), num_threads=threads)
            return numpy.stack([1 - p, p], axis=1) if p.ndim == 1 else p

        learner = ydf.RandomForestLearner(label="label", task=ydf.Task.CLASSIFICATION, num_threads=threads, random_seed=seed)
        return lambda: grown.append(learner.train(table(data["x"]) | {"label": data["y"]})), predict, lambda: None
    if peer == "sklearn":
        from sklearn.ensemble import RandomForestClassifier

        model = RandomForestClassifier(n_jobs=threads, random_state=seed)
        nodes = lambda: sum(e.tree_.node_count for e in model.estimators_)
    elif peer == "lightgbm":
        import lightgbm

        model, nodes = lightgbm.LGBMClassifier(boosting_type="rf", subsample=0.632, subsample_freq=1, n_jobs=threads,
                                               random_state=seed, verbose=-1), lambda: None
    elif peer == "xgboost":
        import xgboost

        model, nodes = xgboost.XGBRFClassifier(n_jobs=threads, random_state=seed), lambda: None
    else:
        raise SystemExit(f"peers.py: {peer} has no defaults of its own")
    return lambda: model.fit(data["x"], data["y"]), model.predict_proba, nodes


def cpu_s():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def measure(data, fit, predict, nodes):
    """As ranger() does."""
    wall, cpu = time.perf_counter(), cpu_s()
    fit()
    wall, cpu = time.perf_counter() - wall, cpu_s() - cpu
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    before = cpu_s()
    p = predict(data["x_test"])
    return p, {"fit_wall_s": wall, "fit_cpu_s": cpu, "fit_peak_rss_mb": rss, "nodes": nodes(),
               "predict_ns_per_row_trees": (cpu_s() - before) * 1e9 / len(p)}


def run(args):
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(args.threads)
    import numpy

    data = dict(numpy.load(args.file))
    if args.peer == "ranger":
        to_purity = (f"num.trees = {args.trees}, mtry = {math.isqrt(data['x'].shape[1])}, min.node.size = 1, "
                     "oob.error = FALSE, ")
        p, taken = ranger(data, args.threads, ("" if args.defaults else to_purity) + f"seed = {args.seed + 1}")
    elif args.defaults:
        p, taken = measure(data, *grow_by_default(args.peer, data, args.threads, args.seed))
    else:
        p, taken = measure(data, *grow(args.peer, data, args.threads, args.trees))
    chosen = numpy.clip(p[numpy.arange(len(p)), data["y_test"]], 1e-15, 1)
    print(json.dumps({"peer": args.peer} | taken | {
        "accuracy": float((p.argmax(axis=1) == data["y_test"]).mean()), "log_loss": float(-numpy.log(chosen).mean())}))


def results(file):
    """The medians of each set and peer, in the order of the file."""
    groups = {}
    with open(file, encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            groups.setdefault((row["set"], row["peer"]), []).append(row)
    out = []
    for (name, peer), rows in groups.items():
        median = {"set": name, "peer": peer, "runs": len(rows)}
        for key in ("fit_wall_s", "fit_cpu_s", "fit_peak_rss_mb", "nodes", "accuracy", "log_loss",
                    "predict_ns_per_row_trees", "predict_ns_per_row_table"):
            values = sorted(r[key] for r in rows if r.get(key) is not None)
            median[key] = values[len(values) // 2] if values else None
        out.append(median)
    return out


def table(args):
    def show(value, form):
        return "-" if value is None else form.format(value)

    print("| set | trainer | wall s | CPU s | peak MB | nodes | accuracy | log loss | predict us/row |")
    print("|---|---|---|---|---|---|---|---|---|")
    for r in results(args.file):
        by_table = r["predict_ns_per_row_table"]
        us = show(r["predict_ns_per_row_trees"] / 1000, "{:.2f}") + (f" (table {by_table / 1000:.3f})" if by_table else "")
        print(f"| {r['set']} | {NAMES[r['peer']]} | {r['fit_wall_s']:.2f} | {r['fit_cpu_s']:.2f} | "
              f"{r['fit_peak_rss_mb']:.0f} | {show(r['nodes'], '{:,}')} | {r['accuracy']:.4f} | {r['log_loss']:.4f} | {us} |")


def pairs(args):
    runs, ours = {}, {}
    with open(args.file, encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            runs.setdefault((row["set"], row["peer"]), {})[row["seed"]] = row

    def mean(values):
        values = list(values)
        return sum(values) / len(values)

    def margin(name, rows, key, sign):
        """By how much green-ml is better on the same rows, and that mean's standard error."""
        d = [sign * (runs[name, "green-ml"][seed][key] - row[key]) for seed, row in rows.items()]
        if len(d) < 2:
            return f"{d[0]:+.4f}"
        error = math.sqrt(sum((x - mean(d)) ** 2 for x in d) / (len(d) - 1) / len(d))
        return f"{mean(d):+.4f} ± {error:.4f}"

    print("| set | trainer | runs | accuracy | log loss | accuracy: ours better by | log loss: ours lower by | nodes |")
    print("|---|---|---|---|---|---|---|---|")
    for (name, peer), rows in runs.items():
        better = ("", "") if peer == "green-ml" else (margin(name, rows, "accuracy", 1), margin(name, rows, "log_loss", -1))
        nodes = "-" if any(r.get("nodes") is None for r in rows.values()) else f"{mean(r['nodes'] for r in rows.values()):,.0f}"
        print(f"| {name} | {NAMES[peer]} | {len(rows)} | {mean(r['accuracy'] for r in rows.values()):.4f} | "
              f"{mean(r['log_loss'] for r in rows.values()):.4f} | {better[0]} | {better[1]} | {nodes} |")
        if peer == "green-ml":
            ours[name] = rows.values()
    for name, rows in ours.items():
        ratio = [r["auto_cpu_s"] / (r["fit_cpu_s"] - r["auto_cpu_s"]) for r in rows]
        chosen = sorted({(r["auto"].get("max_features", 0), r["auto"]["min_samples_leaf"]) for r in rows})
        print(f"\n{name}: the search costs {mean(ratio):.2f} of what is left of the growing, at most {max(ratio):.2f}; chosen "
              + ", ".join(f"{f} columns with leaves of {leaf}" for f, leaf in chosen), end="")
    print()


def picture(args):
    rows = results(args.file)
    sets = list(dict.fromkeys(r["set"] for r in rows))
    most = max(r["fit_cpu_s"] for r in rows)
    least = min(r["fit_wall_s"] for r in rows) / 2

    def length(seconds):  # logarithmic
        return 460 * math.log(seconds / least) / math.log(most / least)

    y, body = 46, []
    for name in sets:
        body.append(f'<text x="12" y="{y + 12}" class="set">{name}</text>')
        y += 20
        for r in (r for r in rows if r["set"] == name):
            kind = "own" if r["peer"] == "green-ml" else "peer"
            body.append(f'<text x="150" y="{y + 11}" text-anchor="end">{NAMES[r["peer"]]}</text>')
            body.append(f'<rect x="158" y="{y + 1}" width="{length(r["fit_cpu_s"]):.1f}" height="12" class="{kind} cpu"/>')
            body.append(f'<rect x="158" y="{y + 3}" width="{length(r["fit_wall_s"]):.1f}" height="8" class="{kind}"/>')
            body.append(f'<text x="{164 + length(r["fit_cpu_s"]):.1f}" y="{y + 11}">'
                        f'{r["fit_wall_s"]:.2f} s, {r["fit_cpu_s"]:.2f} CPU s</text>')
            y += 17
        y += 8
    style = ("text{font:11px sans-serif;fill:#333}.set{font-weight:bold}.own{fill:#2a7d4f}.peer{fill:#8899aa}.cpu{opacity:.4}"
             ".title{font-size:13px;font-weight:bold}")
    with open(args.out, "w", encoding="utf-8") as file:
        file.write(f'<svg xmlns="http://www.w3.org/2000/svg" width="800" height="{y}" viewBox="0 0 800 {y}">'
                   f'<style>{style}</style><rect width="800" height="{y}" fill="#fff"/>'
                   '<text x="12" y="22" class="title">Growing 100 trees: seconds (dark) and CPU seconds (light), '
                   f'logarithmic</text>{"".join(body)}</svg>\n')


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("prepare")
    command.add_argument("file")
    for option in ("--csv", "--label", "--features"):
        command.add_argument(option, required=True)
    command.add_argument("--id")
    command.add_argument("--source", default="")
    commands.add_parser("list").add_argument("--defaults", action="store_true")
    command = commands.add_parser("run")
    command.add_argument("peer", choices=[*PEERS, "ranger"])
    command.add_argument("file")
    command.add_argument("--threads", type=int, required=True)
    command.add_argument("--trees", type=int, default=100)
    command.add_argument("--defaults", action="store_true")
    command.add_argument("--seed", type=int, default=0)
    commands.add_parser("table").add_argument("file")
    commands.add_parser("pairs").add_argument("file")
    command = commands.add_parser("picture")
    command.add_argument("file")
    command.add_argument("out")
    args = parser.parse_args()
    if args.command == "list":
        print("\n".join(installed(args.defaults)))
    else:
        {"prepare": prepare, "run": run, "table": table, "pairs": pairs, "picture": picture}[args.command](args)


sys.exit(main())
