#!/usr/bin/env python3
"""Writes what `kubectl get nodes|pods -A -o json` would print for a large made-up cluster.

    make_cluster_dump.py OUT_DIR [--nodes 2000] [--pods 60000]

OUT_DIR/nodes.json and OUT_DIR/pods.json have the size that real dumps have (some 6.5 KB a pod, mostly managedFields,
volumes and container states that an importer must skip). The same arguments give the same bytes.
"""
import argparse
import json
import pathlib


def node(i):
    name = f"worker-{i:05d}"
    address = f"10.{64 + i // 250 // 250}.{i // 250 % 250}.{i % 250 + 4}"
    pod_cidr = f"10.{128 + i // 256}.{i % 256}.0/24"
    mac = f"0e:00:00:{i >> 16:02x}:{i >> 8 & 255:02x}:{i & 255:02x}"
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "annotations": {
                "flannel.alpha.coreos.com/backend-data": json.dumps({"VNI": 1, "VtepMAC": mac}),
                "flannel.alpha.coreos.com/backend-type": "vxlan",
                "flannel.alpha.coreos.com/kube-subnet-manager": "true",
                "flannel.alpha.coreos.com/public-ip": address,
            },
            "labels": {
                "kubernetes.io/arch": "amd64",
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "topology.kubernetes.io/region": "north",
                "topology.kubernetes.io/zone": f"north-{i % 3 + 1}",
            },
            "managedFields": managed_fields("kubelet", 40),
            "name": name,
            "uid": f"00000000-0000-4000-8000-{i:012d}",
        },
        "spec": {"podCIDR": pod_cidr, "podCIDRs": [pod_cidr]},
        "status": {
            "addresses": [{"address": address, "type": "InternalIP"}, {"address": name, "type": "Hostname"}],
            "conditions": [
                {"lastHeartbeatTime": "2024-01-01T00:00:00Z", "message": f"kubelet says {c}", "reason": f"Kubelet{c}",
                 "status": "False", "type": c}
                for c in ("MemoryPressure", "DiskPressure", "PIDPressure", "Ready")
            ],
            "images": [{"names": [f"registry.example/team/image-{n}@sha256:{n:064x}"], "sizeBytes": 1000000 + n}
                       for n in range(30)],
            "nodeInfo": {"architecture": "amd64", "kernelVersion": "6.1.0", "kubeletVersion": "v1.30.0"},
        },
    }


def managed_fields(manager, count):
    return [{
        "apiVersion": "v1",
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:spec": {f"f:field{n}": {".": {}, "f:value": {}} for n in range(count)}},
        "manager": manager,
        "operation": "Update",
        "time": "2024-01-01T00:00:00Z",
    }]


def pod(i, nodes):
    n = i % nodes
    app = f"app-{i % 400:03d}"
    ip = f"10.{128 + n // 256}.{n % 256}.{2 + i // nodes}"
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "annotations": {"example.com/config-hash": f"{i:064x}"},
            "creationTimestamp": "2024-01-01T00:00:00Z",
            "generateName": f"{app}-",
            "labels": {"app": app, "pod-template-hash": f"{i % 400:010x}", "team": f"team-{i % 20}"},
            "managedFields": managed_fields("kube-controller-manager", 4),
            "name": f"{app}-{i:06d}",
            "namespace": f"team-{i % 20}",
            "resourceVersion": str(i),
            "uid": f"00000000-0000-4000-9000-{i:012d}",
        },
        "spec": {
            "containers": [{
                "env": [{"name": f"SETTING_{k}", "value": f"value \"{k}\" of {app}"} for k in range(6)],
                "image": f"registry.example/team/{app}:1.0",
                "name": app,
                "volumeMounts": [{"mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "name": "token",
                                  "readOnly": True}],
            }],
            "nodeName": f"worker-{n:05d}",
            "tolerations": [{"effect": "NoExecute", "key": "node.kubernetes.io/not-ready", "operator": "Exists",
                             "tolerationSeconds": 300}],
            "volumes": [{"name": "token", "projected": {"defaultMode": 420, "sources": []}}],
        },
        "status": {
            "conditions": [{"lastTransitionTime": "2024-01-01T00:00:00Z", "status": "True", "type": t}
                           for t in ("Initialized", "Ready", "ContainersReady", "PodScheduled")],
            "containerStatuses": [{"containerID": f"containerd://{i:064x}", "imageID": f"sha256:{i:064x}", "name": app,
                                   "ready": True, "restartCount": 0,
                                   "state": {"running": {"startedAt": "2024-01-01T00:00:00Z"}}}],
            "hostIP": f"10.{64 + n // 250 // 250}.{n // 250 % 250}.{n % 250 + 4}",
            "phase": "Running",
            "podIP": ip,
            "podIPs": [{"ip": ip}],
        },
    }


def write_list(path, items):
    with path.open("w") as out:
        out.write('{\n    "apiVersion": "v1",\n    "items": [\n')
        for i, item in enumerate(items):
            text = json.dumps(item, indent=4).replace("\n", "\n        ")
            out.write(("" if i == 0 else ",\n") + "        " + text)
        out.write('\n    ],\n    "kind": "List",\n    "metadata": {\n        "resourceVersion": ""\n    }\n}\n')


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--nodes", type=int, default=2000)
    parser.add_argument("--pods", type=int, default=60000)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    write_list(args.out / "nodes.json", (node(i) for i in range(args.nodes)))
    write_list(args.out / "pods.json", (pod(i, args.nodes) for i in range(args.pods)))


if __name__ == "__main__":
    main()
