"""A client by gRPC's own library (python3-grpcio of Debian, which the interpreter of the tests may not have): started by
lib/expose.py, it takes one JSON object a line and answers with one each.

  {"do": "check"|"list"|"watch"|"orca"|"call", "message": HEX, "path": PATH}   -> {"answer": HEX} or {"code": ..., "words": ...}
  {"do": "next", "stream": N}                                                 -> the next answer of the Nth stream
  {"do": "cancel", "stream": N}                                               -> {}"""

import json
import sys

import grpc

PATHS = {"check": "/grpc.health.v1.Health/Check", "list": "/grpc.health.v1.Health/List",
         "watch": "/grpc.health.v1.Health/Watch", "orca": "/xds.service.orca.v3.OpenRcaService/StreamCoreMetrics"}


def channel(address, ca=None):
    if ca is None:
        return grpc.insecure_channel(address)
    with open(ca, "rb") as file:
        credentials = grpc.ssl_channel_credentials(root_certificates=file.read())
    return grpc.secure_channel(address, credentials, [("grpc.ssl_target_name_override", "localhost")])


def answer(get):
    try:
        return {"answer": get().hex()}
    except grpc.RpcError as error:
        return {"code": error.code().name, "words": error.details()}


def main():
    seconds = float(sys.argv[1])
    to = channel(*sys.argv[2:])
    streams = []
    for line in sys.stdin:
        order = json.loads(line)
        do, message = order["do"], bytes.fromhex(order.get("message", ""))
        path = order.get("path") or PATHS.get(do)
        if do in ("watch", "orca"):
            streams.append(to.unary_stream(path)(message, timeout=seconds, wait_for_ready=True))
            result = {"stream": len(streams) - 1}
        elif do == "next":
            result = answer(lambda: next(streams[order["stream"]]))
        elif do == "cancel":
            streams[order["stream"]].cancel()
            result = {}
        else:
            result = answer(lambda: to.unary_unary(path)(message, timeout=seconds, wait_for_ready=True))
        print(json.dumps(result), flush=True)


main()
