"""onnx_compare.py MODEL.onnx COLUMNS ROWS ANSWERS: runs the model with onnxruntime on tab-separated rows and compares labels and
probabilities with the answers of forest_probe. Prints one line: rows, wrong labels, largest difference of a probability, and
how many classes were answered."""
import sys

import numpy
import onnxruntime

TYPES = {"tensor(int64)": numpy.int64, "tensor(float)": numpy.float32, "tensor(string)": object}


def main():
    model, columns, rows, answers = sys.argv[1:]
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    names = columns.split(",")
    values = [line.rstrip("\n").split("\t") for line in open(rows, encoding="utf-8")]
    inputs = {}
    for node in session.get_inputs():
        column = [row[names.index(node.name)] for row in values]
        inputs[node.name] = numpy.array(column, dtype=TYPES[node.type]).reshape(-1, 1)
    label, probabilities = session.run(None, inputs)
    ours = [line.rstrip("\n").split("\t") for line in open(answers, encoding="utf-8")]
    wrong = sum(str(found) != row[0] for found, row in zip(label, ours))
    expected = numpy.array([row[1:] for row in ours], dtype=numpy.float64)
    difference = numpy.abs(probabilities.astype(numpy.float64) - expected).max()
    print(len(ours), wrong, "within" if difference <= 1e-6 else f"off by {difference}", len({row[0] for row in ours}))


main()
