#!/usr/bin/env python3
"""Clients of others, as they come from their makers, against a running model-api that serves pipeline "towns".

    clients.py triton URL       tritonclient[http], in binary and in JSON
    clients.py kserve URL       kserve's InferenceRESTClient

Prints one line of JSON about what it saw; every line must be what the test wants.
"""
import asyncio
import json
import sys

import numpy

AGE, WEIGHT, TOWN = [34, 7], [2.5, 1.0], ["Berlin", "7"]


def tensors(make, binary):
    columns = [("age", "INT32", numpy.array(AGE, dtype=numpy.int32)), ("weight", "FP32", numpy.array(WEIGHT, dtype=numpy.float32)),
               ("town", "BYTES", numpy.array(TOWN, dtype=object))]
    made = []
    for name, datatype, array in columns:
        tensor = make(name, [2], datatype)
        tensor.set_data_from_numpy(array, binary_data=binary)
        made.append(tensor)
    return made


def matrix(make, datatype, dtype, binary):
    tensor = make("row", [1, 3], datatype)
    tensor.set_data_from_numpy(numpy.array([[34, 2, 7]], dtype=dtype), binary_data=binary)
    return [tensor]


def numbers(make, datatype, dtype, binary):
    """Both numbers of a row in one datatype."""
    made = [make("town", [1], "BYTES")]
    made[0].set_data_from_numpy(numpy.array(["7"], dtype=object), binary_data=binary)
    for name, value in (("age", 34), ("weight", 2)):
        tensor = make(name, [1], datatype)
        tensor.set_data_from_numpy(numpy.array([value], dtype=dtype), binary_data=binary)
        made.append(tensor)
    return made


def texts(array):
    return [text.decode() if isinstance(text, bytes) else str(text) for text in array]


def triton(url):
    import tritonclient.http as http

    client = http.InferenceServerClient(url.removeprefix("http://"))
    metadata = client.get_model_metadata("towns")
    version = metadata["versions"][0]
    said = [client.is_server_live(), client.is_server_ready(), client.is_model_ready("towns"), client.is_model_ready("towns", version),
            client.is_model_ready("cities"), client.get_server_metadata()["name"], [tensor["datatype"] for tensor in metadata["inputs"]]]
    for binary in (True, False):
        result = client.infer("towns", tensors(http.InferInput, binary), request_id="r1")
        said += [texts(result.as_numpy("prediction")), result.as_numpy("probabilities").tolist(), result.get_response()["id"]]
        wanted = [http.InferRequestedOutput("prediction", binary_data=binary)]
        result = client.infer("towns", matrix(http.InferInput, "INT64", numpy.int64, binary), model_version=version, outputs=wanted)
        said += [texts(result.as_numpy("prediction")), result.as_numpy("probabilities") is None]
    try:
        client.infer("towns", matrix(http.InferInput, "INT64", numpy.int64, True)[:0])
    except http.InferenceServerException as error:
        said.append(str(error))
    print(json.dumps(said))


async def ask_kserve(url):
    from kserve import InferInput, InferRequest, InferenceRESTClient, RESTConfig

    client = InferenceRESTClient(RESTConfig(protocol="v2"))
    said = [await client.is_server_live(url), await client.is_server_ready(url), await client.is_model_ready(url, "towns")]
    request = InferRequest("towns", tensors(InferInput, False), request_id="r1")
    answer = await client.infer(url, request, model_name="towns")
    said += [answer.id, answer.outputs[0].name, texts(answer.outputs[0].data), answer.outputs[1].as_numpy().tolist()]
    for datatype, dtype in (("FP16", numpy.float16), ("FP64", numpy.float64), ("UINT8", numpy.uint8)):
        answer = await client.infer(url, InferRequest("towns", numbers(InferInput, datatype, dtype, datatype == "FP16")), model_name="towns")
        said.append(texts(answer.outputs[0].data))
    print(json.dumps(said))


def kserve(url):
    asyncio.run(ask_kserve(url))


if __name__ == "__main__":
    {"triton": triton, "kserve": kserve}[sys.argv[1]](sys.argv[2])
