"""What an endpoint discovery file of Envoy's may have, by Envoy's API version 3: the messages that it consists of, with
their fields' names, numbers and types, for the JSON parser of protobuf, which refuses all else as Envoy does.

The parser is Debian's (python3-protobuf), and so runs under Debian's own Python: this file is a program too, which reads
such a file and writes what read() returns."""

import functools
import json
import subprocess
import sys

# message: {field: (number, type)}; a type in brackets is repeated
CORE, ENDPOINT, DISCOVERY = "envoy.config.core.v3", "envoy.config.endpoint.v3", "envoy.service.discovery.v3"
ANY, UINT32 = "google.protobuf.Any", "google.protobuf.UInt32Value"
MESSAGES = {
    f"{CORE}.SocketAddress": {"address": (2, "string"), "port_value": (3, "uint32")},
    f"{CORE}.Address": {"socket_address": (1, f"{CORE}.SocketAddress")},
    f"{CORE}.Locality": {"region": (1, "string"), "zone": (2, "string"), "sub_zone": (3, "string")},
    f"{ENDPOINT}.Endpoint": {"address": (1, f"{CORE}.Address"), "hostname": (3, "string")},
    f"{ENDPOINT}.LbEndpoint": {"endpoint": (1, f"{ENDPOINT}.Endpoint"), "health_status": (2, f"{CORE}.HealthStatus"),
                               "load_balancing_weight": (4, UINT32)},
    f"{ENDPOINT}.LocalityLbEndpoints": {"locality": (1, f"{CORE}.Locality"), "lb_endpoints": (2, [f"{ENDPOINT}.LbEndpoint"]),
                                        "load_balancing_weight": (3, UINT32), "priority": (5, "uint32")},
    f"{ENDPOINT}.ClusterLoadAssignment": {"cluster_name": (1, "string"), "endpoints": (2, [f"{ENDPOINT}.LocalityLbEndpoints"])},
    f"{DISCOVERY}.DiscoveryResponse": {"version_info": (1, "string"), "resources": (2, [ANY]), "type_url": (4, "string"),
                                       "nonce": (5, "string")},
}
ENUMS = {f"{CORE}.HealthStatus": ["UNKNOWN", "HEALTHY", "UNHEALTHY", "DRAINING", "TIMEOUT", "DEGRADED"]}
SCALARS = {"string": 9, "uint32": 13}


def _add_field(message, name, number, kind):
    field = message.field.add(name=name, number=number, label=3 if isinstance(kind, list) else 1)
    kind = kind[0] if isinstance(kind, list) else kind
    field.type = SCALARS.get(kind, 14 if kind in ENUMS else 11)
    if kind not in SCALARS:
        field.type_name = "." + kind


def _pool():
    from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, wrappers_pb2

    pool = descriptor_pool.DescriptorPool()
    for module in (any_pb2, wrappers_pb2):
        pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
    packages = {}
    for full in [*ENUMS, *MESSAGES]:
        package, _, name = full.rpartition(".")
        file = packages.setdefault(package, descriptor_pb2.FileDescriptorProto(name=package, package=package, syntax="proto3"))
        if full in ENUMS:
            enum = file.enum_type.add(name=name)
            for number, value in enumerate(ENUMS[full]):
                enum.value.add(name=value, number=number)
            continue
        message = file.message_type.add(name=name)
        for field, (number, kind) in MESSAGES[full].items():
            _add_field(message, field, number, kind)
    before = [any_pb2.DESCRIPTOR.name, wrappers_pb2.DESCRIPTOR.name]
    for package, file in packages.items():
        file.dependency.extend(before)
        pool.Add(file)
        before.append(package)
    return pool


def parse(text):
    from google.protobuf import json_format, message_factory

    pool = _pool()
    factory = message_factory.MessageFactory(pool)
    response = factory.GetPrototype(pool.FindMessageTypeByName(f"{DISCOVERY}.DiscoveryResponse"))()
    json_format.Parse(text, response, descriptor_pool=pool)
    assert response.version_info, text
    clusters = {}
    for resource in response.resources:
        assert resource.type_url == f"type.googleapis.com/{ENDPOINT}.ClusterLoadAssignment", resource.type_url
        assignment = factory.GetPrototype(pool.FindMessageTypeByName(f"{ENDPOINT}.ClusterLoadAssignment"))()
        assert resource.Unpack(assignment)
        assert assignment.cluster_name and assignment.cluster_name not in clusters, text
        # what the API's rules of validation add: ranges, and no gap between priorities
        priorities = [tier.priority for tier in assignment.endpoints]
        assert sorted(set(priorities)) == list(range(len(set(priorities)))) and max(priorities, default=0) <= 128, priorities
        found = clusters[assignment.cluster_name] = []
        for tier in assignment.endpoints:
            for one in tier.lb_endpoints:
                socket, weight = one.endpoint.address.socket_address, one.load_balancing_weight.value
                assert socket.address and 0 < socket.port_value <= 65535 and weight >= 1, one
                found.append((tier.priority, socket.address, socket.port_value, ENUMS[f"{CORE}.HealthStatus"][one.health_status], weight))
    return response.version_info, clusters


@functools.lru_cache
def read(text):
    """(version, {cluster: [[priority, address, port, health, weight]]}) of such a file, or an error."""
    done = subprocess.run(["/usr/bin/python3", "-B", __file__], input=text, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{text}\n{done.stderr}")
    return json.loads(done.stdout)


if __name__ == "__main__":
    json.dump(parse(sys.stdin.read()), sys.stdout)
