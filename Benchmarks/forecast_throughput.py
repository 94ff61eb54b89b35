"""Forecasts per second of the service at 1, 8 and 64 concurrent clients, and of Python peers on the same requests.

    python forecast_throughput.py [--requests 400] [--threads 2] [--port 18080]

Every request is one series of 512 values, 48 steps, nine quantiles. The service is started on a data folder of its own;
each client keeps one connection and sends its next request when the last one is answered (`Prefer: wait`), and every answer
went through the durable queue. Peers, in process, one series after the other: Fracast-0 (PyPI fracast, also as one batch)
and AutoTheta (PyPI statsforecast).

`make build` first; `Benchmarks/run forecast` installs the peers.
"""
import argparse
import http.client
import json
import math
import os
import random
import signal
import subprocess
import tempfile
import threading
import time

DOCQ = ".build/release/docq"
LENGTH, HORIZON = 512, 48


def make_series(count):
    rng = random.Random(1)
    result = []
    for _ in range(count):
        period, phase = rng.choice([7, 12, 24, 48]), rng.random()
        slope, noise = rng.gauss(0, 0.02), rng.uniform(0.1, 0.6)
        result.append([10 + slope * t + 3 * math.sin(2 * math.pi * (t / period + phase)) + rng.gauss(0, noise)
                       for t in range(LENGTH)])
    return result


def ask(connection, body):
    connection.request("POST", "/forecast", body, {"Content-Type": "application/json", "Prefer": "wait=60"})
    answer = connection.getresponse()
    text = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{answer.status}: {text[:200]}")
    return json.loads(text)


def serve(port, clients, bodies):
    """Forecasts per second and latencies in ms."""
    todo, lock, took = iter(bodies), threading.Lock(), []

    def client():
        connection = http.client.HTTPConnection("127.0.0.1", port)
        while True:
            with lock:
                body = next(todo, None)
            if body is None:
                return
            start = time.perf_counter()
            forecast = ask(connection, body)
            took.append(1e3 * (time.perf_counter() - start))
            assert len(forecast["quantiles"]) == HORIZON

    threads = [threading.Thread(target=client) for _ in range(clients)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - start
    took.sort()
    return len(took) / seconds, took[len(took) // 2], took[int(len(took) * 0.99)]


def peers(series):
    import numpy as np
    import torch
    from fracast import FracastModel
    from statsforecast.models import AutoTheta
    model = FracastModel.from_pretrained()
    arrays = [np.array(y, np.float32) for y in series]
    model.forecast(arrays[0], horizon=HORIZON)

    def rate(count, body):
        start = time.perf_counter()
        body()
        return count / (time.perf_counter() - start)

    few = arrays[:40]
    yield "Fracast-0, one by one", rate(len(few), lambda: [model.forecast(y, horizon=HORIZON) for y in few])
    yield "Fracast-0, batches of 64", rate(
        len(arrays[:128]), lambda: [model.forecast_batch(np.stack(arrays[i:i + 64]), horizon=HORIZON) for i in (0, 64)])
    few = [y.astype(np.float64) for y in arrays[:10]]
    AutoTheta(season_length=24).forecast(few[0], HORIZON, level=[80])
    yield "AutoTheta (season 24), one by one", rate(
        len(few), lambda: [AutoTheta(season_length=24).forecast(y, HORIZON, level=[20, 40, 60, 80]) for y in few])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=400)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--port", type=int, default=18080)
    options = parser.parse_args()
    series = make_series(max(128, options.requests))
    bodies = [json.dumps({"id": str(i), "target": y, "prediction_length": HORIZON})
              for i, y in enumerate(series[:options.requests])]
    folder = tempfile.mkdtemp()
    service = subprocess.Popen(
        [DOCQ, "serve", "--data", folder, "--port", str(options.port)], stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, env={**os.environ, "DOCQ_THREADS": str(options.threads)})
    try:
        for _ in range(100):
            try:
                ask(http.client.HTTPConnection("127.0.0.1", options.port), bodies[0])
                break
            except (OSError, RuntimeError):
                time.sleep(0.1)
        print(f"{'':44}{'forecasts/s':>12}{'median ms':>11}{'p99 ms':>9}")
        for clients in (1, 8, 64):
            rate, middle, slow = serve(options.port, clients, bodies)
            print(f"{f'docq serve, {clients} client(s)':44}{rate:12.1f}{middle:11.1f}{slow:9.1f}", flush=True)
    finally:
        service.send_signal(signal.SIGTERM)
        service.wait(60)
    import torch
    torch.set_num_threads(options.threads)
    for name, rate in peers(series):
        print(f"{name:44}{rate:12.1f}", flush=True)


if __name__ == "__main__":
    main()
