"""Tenantry on a real API server and a real Prometheus with 1,000 tenants: start, rest, and how fast it acts.

    python3 bench/cluster.py PATH/TO/tenantry

Prints the time from start to ready, the memory and processor time at rest, and for each change of load the time from
the scrape that carried it to the size that the API server accepted. Everything runs on this machine, the control plane
too, and shares its cores.
"""

import http.server
import json
import os
import random
import re
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

TENANTS = 1000
CHANGES = 300
REST_SECONDS = 60
HERE = os.path.dirname(os.path.abspath(__file__))

load = {number: 10.0 for number in range(TENANTS)}
served = {}
lock = threading.Lock()


class Exporter(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        with lock:
            page = "".join(f'load_rps{{tenant="t{n}",workload="api"}} {v}\n' for n, v in load.items())
            current = dict(load)
        body = page.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        at = time.time()
        with lock:
            for number, value in current.items():
                served.setdefault((number, value), at)

    def log_message(self, *_):
        pass


class Api:
    def __init__(self, info):
        self.url = info["apiserver"]
        self.context = ssl.create_default_context(cafile=f"{info['dir']}/ca.crt")
        self.context.load_cert_chain(f"{info['dir']}/admin.crt", f"{info['dir']}/admin.key")

    def open(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"})
        return urllib.request.urlopen(request, context=self.context)

    def watch(self, seen):
        path = "/apis/apps/v1/namespaces/bench/deployments?watch=1&timeoutSeconds=3600"
        sizes = {}
        for line in self.open(path):
            at = time.time()
            event = json.loads(line)
            name, size = event["object"]["metadata"]["name"], event["object"]["spec"]["replicas"]
            if sizes.get(name) != size:
                sizes[name] = size
                seen[(name, size)] = at


def deployment(number):
    app = {"app": f"w{number}"}
    pod = {"metadata": {"labels": app}, "spec": {"containers": [{"name": "main", "image": "none"}]}}
    spec = {"replicas": 1, "selector": {"matchLabels": app}, "template": pod}
    return {"metadata": {"name": f"w{number}"}, "spec": spec}


def cpu_and_memory(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    ticks = int(fields[11]) + int(fields[12])
    with open(f"/proc/{pid}/status") as file:
        text = file.read()
    return ticks / os.sysconf("SC_CLK_TCK"), int(re.search(r"VmRSS:\s+(\d+)", text)[1]) / 1024


def start(tenantry, work, info, cycle):
    log = open(f"{work}/up.log", "w")
    began = time.time()
    up = subprocess.Popen(
        [tenantry, "up", "--store", f"{work}/store.db", "--kubeconfig", info["kubeconfig"], "--prometheus",
         info["prometheus"], "--cycle", cycle, "--lease-namespace", "bench"],
        stderr=log,
    )
    while " ready " not in open(f"{work}/up.log").read():
        if up.poll() is not None:
            sys.exit(open(f"{work}/up.log").read())
        time.sleep(0.01)
    return up, time.time() - began


def main():
    tenantry = os.path.abspath(sys.argv[1])
    random.seed(1)
    with tempfile.TemporaryDirectory() as work:
        bed = subprocess.Popen(
            [f"{HERE}/../testbed/run", "up", "--until-eof", "--postgres=false", "--dir", f"{work}/bed"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        try:
            measure(tenantry, work, json.loads(bed.stdout.readline()))
        finally:
            bed.stdin.close()
            bed.wait()


def measure(tenantry, work, info):
    api = Api(info)
    api.open("/api/v1/namespaces", {"metadata": {"name": "bench"}})
    os.mkdir(f"{work}/tenants")
    for number in range(TENANTS):
        api.open("/apis/apps/v1/namespaces/bench/deployments", deployment(number))
        with open(f"{work}/tenants/t{number}.yaml", "w") as file:
            file.write(
                "tenant_config:\n  autoscaling:\n    strategy: reactive\n    max_replicas: 8\n    metrics:\n"
                "      request_rate_threshold: 10\n"
                "      request_rate_query: sum by (tenant, workload) (load_rps)\n"
                f"  workloads: {{ api: {{ namespace: bench, name: w{number} }} }}\n"
            )
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Exporter)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with open(f"{info['prometheus_targets_dir']}/bench.json", "w") as file:
        json.dump([{"targets": [f"127.0.0.1:{server.server_port}"]}], file)
    apply = [tenantry, "config", "apply", f"{work}/tenants", "--store", f"{work}/store.db"]
    subprocess.run(apply, check=True, stdout=subprocess.DEVNULL)
    time.sleep(30)

    up, ready = start(tenantry, work, info, "10s")
    print(f"start to ready          {ready:.2f} s (1,000 tenants)")
    time.sleep(20)
    before, _ = cpu_and_memory(up.pid)
    time.sleep(REST_SECONDS)
    after, memory = cpu_and_memory(up.pid)
    print(f"at rest, cycle of 10 s  {memory:.0f} MiB resident, {(after - before) / REST_SECONDS * 100:.2f} % of a core")
    up.terminate()
    up.wait()

    up, ready = start(tenantry, work, info, "1s")
    print(f"started again           {ready:.2f} s to ready")
    seen = {}
    threading.Thread(target=api.watch, args=(seen,), daemon=True).start()
    time.sleep(5)
    changed = random.sample(range(TENANTS), CHANGES)
    for number in changed:
        with lock:
            load[number] = 30.0
        time.sleep(0.1)
    time.sleep(15)
    before, _ = cpu_and_memory(up.pid)
    time.sleep(20)
    after, memory = cpu_and_memory(up.pid)
    times = []
    for number in changed:
        scraped, written = served.get((number, 30.0)), seen.get((f"w{number}", 3))
        if scraped and written:
            times.append(max(written - scraped, 0.0))
    times.sort()
    at = lambda share: times[min(int(len(times) * share), len(times) - 1)]
    print(f"changes seen            {len(times)} of {CHANGES}, of 1,000 workloads, cycle of 1 s")
    print(f"sample to accepted size p50 {at(0.5):.2f} s, p90 {at(0.9):.2f} s, p99 {at(0.99):.2f} s, most {times[-1]:.2f} s")
    print(f"then, cycle of 1 s      {memory:.0f} MiB resident, {(after - before) / 20 * 100:.1f} % of a core")
    up.terminate()
    up.wait()


main()
