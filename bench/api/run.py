#!/usr/bin/env python3
"""Measures the payments API beside its FastAPI peer and beside pgbench, the limit, and prints one table.

    python3 bench/api/run.py                 # builds, measures (about six minutes), prints
    python3 bench/api/run.py --rounds 5      # more rounds: medians of more
    python3 bench/api/run.py --write         # and keeps the table in api/BENCHMARKS.md

Needs wrk and Postgres with pgbench (Debian: apt-get install wrk postgresql-15 postgresql-contrib); everything else is
built or installed in a private environment. In each round the three stand side by side for every scenario, and ratios
are taken inside a round, so that a machine that is busy with something else disturbs all three alike.
"""

import argparse
import base64
import http.server
import json
import os
import platform
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from datetime import date
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
ROWS, CONNECTIONS, POOL = 100_000, 32, 10
USER, PASS = "admin", "benchmark"
AUTH = "Authorization: Basic " + base64.b64encode(f"{USER}:{PASS}".encode()).decode()
SEEDED = "00000000-0000-7000-8000-%012x"

PGBENCH = {
    "get": f"\\set n random(1, {ROWS})\n"
    "SELECT id, status, data::text, amount_minor, version, created_at, updated_at, deleted_at FROM payments"
    " WHERE id = ('00000000-0000-7000-8000-' || lpad(to_hex(:n::int), 12, '0'))::uuid;\n",
    "list": "SELECT id, status, data::text, amount_minor, version, created_at, updated_at, deleted_at FROM payments"
    " WHERE deleted_at IS NULL AND id < 'ffffffff-ffff-ffff-ffff-ffffffffffff' ORDER BY id DESC LIMIT 21;\n",
    "create": "INSERT INTO payments (id, status, data, amount_minor, currency, version, created_at, updated_at)"
    " VALUES (gen_random_uuid(), 'inserted', '{\"order\":\"A-17\",\"lines\":2}', 1234567, 'BRL', 1, now(), now());\n",
}


def run(*command, **options):
    return subprocess.run([str(part) for part in command], check=True, text=True, capture_output=True, **options).stdout


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Postgres:
    """A cluster of its own with the durable defaults."""

    def __init__(self, folder):
        kept = TARGET / "tmp" if os.getuid() else Path(tempfile.gettempdir()) / "payments-api-tests"
        kept.mkdir(parents=True, exist_ok=True)
        self.bin = Path(run(ROOT / "api/tests/postgres.sh", kept).strip())
        self.as_user = [] if os.getuid() else ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        self.folder, self.port = folder, free_port()
        folder.mkdir()
        if not os.getuid():
            os.chown(folder, 65534, 65534)
        run(*self.as_user, self.bin / "initdb", "-D", folder / "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", cwd=folder)
        settings = ["-c", "listen_addresses=127.0.0.1", "-c", "max_connections=100", "-c", "shared_buffers=256MB"]
        log = open(folder / "log", "w")
        command = [*self.as_user, str(self.bin / "postgres"), "-D", str(folder / "data"), "-p", str(self.port), "-k", str(folder), *settings]
        self.process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        for _ in range(200):
            if subprocess.run([self.bin / "psql", *self.where("postgres"), "-c", "SELECT 1"], capture_output=True).returncode == 0:
                return
            time.sleep(0.1)
        sys.exit((folder / "log").read_text())

    def where(self, database):
        return ["-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-d", database]

    def url(self, database):
        return f"postgres://postgres@127.0.0.1:{self.port}/{database}"

    def sql(self, database, text):
        run(self.bin / "psql", *self.where(database), "-v", "ON_ERROR_STOP=1", "-qc", text)

    def pgbench(self, scenario, seconds, clients=POOL):
        """Transactions per second and the median latency in microseconds."""
        with tempfile.TemporaryDirectory() as folder:
            script = Path(folder) / "script.sql"
            script.write_text(PGBENCH[scenario])
            pgbench = self.bin / "pgbench"
            pgbench = pgbench if pgbench.exists() else "pgbench"
            text = run(pgbench, *self.where("ours"), "-n", "-M", "prepared", "-c", clients, "-j", 1, "-T", seconds, "-f", script, "-l", cwd=folder)
            times = [int(line.split()[2]) for log in Path(folder).glob("pgbench_log.*") for line in log.read_text().splitlines()]
        return float(re.search(r"tps = ([\d.]+)", text)[1]), statistics.median(times)

    def stop(self):
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait()


class Sink(http.server.BaseHTTPRequestHandler):
    """Takes traces and webhooks and forgets them."""

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Server:
    """One of the two services as a child process."""

    def __init__(self, command, environment, log):
        self.port = free_port()
        environment = {**os.environ, "ADMIN_USER": USER, "ADMIN_PASS": PASS, "PORT": str(self.port), **environment}
        self.began = time.perf_counter()
        command = [str(part).replace("{port}", str(self.port)) for part in command]
        self.process = subprocess.Popen(command, env=environment, stdout=open(log, "w"), stderr=subprocess.STDOUT, cwd=HERE)
        while not self.answers():
            if self.process.poll() is not None:
                sys.exit(Path(log).read_text())
            time.sleep(0.001)
        self.cold_start = (time.perf_counter() - self.began) * 1000

    def answers(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as stream:
                stream.sendall(b"GET /status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                return stream.recv(64).split(b" ")[1:2] == [b"200"]
        except OSError:
            return False

    def wrk(self, script, path, seconds, connections=CONNECTIONS, form=""):
        """Requests per second and p50, p99 in microseconds; any answer but 2xx ends the measurement."""
        arguments = ["-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-H", AUTH]
        if script:
            arguments += ["-s", HERE / script]
        environment = {**os.environ, "FORM": form, "ROWS": str(ROWS)}
        text = run("wrk", *arguments, f"http://127.0.0.1:{self.port}{path}", env=environment)
        if "Non-2xx" in text or "Socket errors" in text:
            sys.exit(f"{path}: {text}")
        times = [parse_time(re.search(rf"^ +{share}% +(\S+)$", text, re.M)[1]) for share in (50, 99)]
        return float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1]), *times

    def memory(self):
        rollup = Path(f"/proc/{self.process.pid}/smaps_rollup").read_text()
        return int(re.search(r"^Pss:\s+(\d+)", rollup, re.M)[1]) / 1024

    def stop(self):
        self.process.terminate()
        self.process.wait()


def parse_time(text):
    number, unit = re.match(r"([\d.]+)(us|ms|s)", text).groups()
    return float(number) * {"us": 1, "ms": 1000, "s": 1_000_000}[unit]


def build(skip):
    target = re.search(r"host: (\S+)", run("rustc", "-vV"))[1]
    binary = TARGET / target / "service/payments-api"
    if not skip:
        environment = {**os.environ, "RUSTFLAGS": "-C target-feature=+crt-static"}
        command = ["cargo", "build", "--config", "api/profile.toml", "--profile", "service", "-p", "api", "--target", target]
        subprocess.run(command, cwd=ROOT, env=environment, check=True)
    return binary


def peer_python():
    venv = TARGET / "bench-peer"
    if not (venv / "bin/uvicorn").exists():
        run(sys.executable, "-m", "venv", venv)
        run(venv / "bin/pip", "install", "-q", "--disable-pip-version-check", "-r", HERE / "requirements.txt")
    return venv / "bin/uvicorn"


def prepare(postgres, binary):
    for name in ("ours", "peer"):
        postgres.sql("postgres", f"CREATE DATABASE {name}")
    environment = {**os.environ, "DATABASE_URL": postgres.url("ours")}
    run(binary, "migrate", env=environment)
    row = "'inserted', jsonb_build_object('order', 'A-' || n, 'lines', n % 7), 100 + n"
    postgres.sql("ours", f"""
        INSERT INTO payments (id, status, data, amount_minor, currency, version, created_at, updated_at)
        SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, {row}, 'BRL', 1, now(), now()
        FROM generate_series(1, {ROWS}) n""")
    postgres.sql("peer", f"""
        CREATE TABLE payments (id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, status text NOT NULL,
            data jsonb NOT NULL, amount_minor bigint NOT NULL);
        INSERT INTO payments (status, data, amount_minor) SELECT {row} FROM generate_series(1, {ROWS}) n""")
    for name in ("ours", "peer"):
        postgres.sql(name, "VACUUM ANALYZE")


def ours_settings(postgres, sink):
    """Everything switched on."""
    return {
        "DATABASE_URL": postgres.url("ours"), "DATABASE_POOL": str(POOL), "HOST": "127.0.0.1",
        "METRICS_PORT": str(free_port()), "RATE_LIMIT_PER_MINUTE": "60000000", "DRAIN_SECONDS": "0",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{sink}", "TRACE_SAMPLE": "0.01",
        "WEBHOOK_URL": f"http://127.0.0.1:{sink}/hook", "WEBHOOK_SECRET": "whsec_" + base64.b64encode(b"x" * 32).decode(),
    }


def measure(options, folder, binary):
    postgres = Postgres(folder / "postgres")
    sink = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    threading.Thread(target=sink.serve_forever, daemon=True).start()
    try:
        prepare(postgres, binary)
        settings = ours_settings(postgres, sink.server_port)
        uvicorn = [peer_python(), "peer:app", "--host", "127.0.0.1", "--port", "{port}", "--no-access-log", "--log-level", "warning"]
        starts = []
        for _ in range(5):
            server = Server([binary], settings, folder / "start.log")
            starts.append(server.cold_start)
            server.stop()
        ours = Server([binary], settings, folder / "ours.log")
        peer = Server(uvicorn, {"DATABASE_URL": postgres.url("peer")}, folder / "peer.log")
        plans = {
            "get": [("get.lua", "/", "/v1/payments/" + SEEDED), ("get.lua", "/", "/payment/%d")],
            "list": [(None, "/v1/payments", ""), (None, "/list", "")],
            "create": [("create.lua", "/create", ""), ("create.lua", "/create", "")],
        }
        rounds = []
        for number in range(options.rounds + 1):
            figures = {}
            for scenario, ((script, path, form), (peer_script, peer_path, peer_form)) in plans.items():
                seconds = options.seconds if number else 2
                figures[scenario] = {
                    "limit": postgres.pgbench(scenario, seconds),
                    "ours": ours.wrk(script, path, seconds, form=form),
                    "peer": peer.wrk(peer_script, peer_path, seconds, form=peer_form),
                }
            seconds = max(2, options.seconds // 2) if number else 1
            figures["single"] = {
                "limit": postgres.pgbench("get", seconds, clients=1),
                "ours": ours.wrk("get.lua", "/", seconds, connections=1, form="/v1/payments/" + SEEDED),
                "peer": peer.wrk("get.lua", "/", seconds, connections=1, form="/payment/%d"),
            }
            # The first round warms up: caches, prepared statements, the file system.
            if number:
                rounds.append(figures)
                print(f"round {number} of {options.rounds} done", file=sys.stderr)
        footprint = {"start": statistics.median(starts), "memory": ours.memory(), "peer_memory": peer.memory(), "size": binary.stat().st_size / 1e6}
        ours.stop()
        peer.stop()
        return rounds, footprint
    finally:
        postgres.stop()


def median(rounds, scenario, side, place=0):
    return statistics.median(figures[scenario][side][place] for figures in rounds)


def ratio(rounds, scenario, side):
    return statistics.median(figures[scenario]["ours"][0] / figures[scenario][side][0] for figures in rounds)


def verdict(holds):
    return "met" if holds else "**missed**"


def table(rounds, footprint, options):
    bars = {"create": (3, 0.40), "get": (5, 0.40), "list": (5, 0.33)}
    lines = [
        f"{date.today()}, {platform.machine()}, {os.cpu_count()} processors shared by services, database and load;"
        f" load average {os.getloadavg()[1]:.1f}; medians of {len(rounds)} rounds of {options.seconds} s;"
        f" wrk with {CONNECTIONS} connections, pgbench with {POOL}, pool of {POOL}.",
        "",
        "| requests/s | ours | peer | pgbench | ours / peer | bar | ours / pgbench | bar |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for scenario, (peer_bar, limit_bar) in bars.items():
        sides = " | ".join(f"{median(rounds, scenario, side):.0f}" for side in ("ours", "peer", "limit"))
        to_peer, to_limit = ratio(rounds, scenario, "peer"), ratio(rounds, scenario, "limit")
        lines.append(
            f"| {scenario} | {sides} | {to_peer:.1f} | {peer_bar}: {verdict(to_peer >= peer_bar)}"
            f" | {to_limit:.2f} | {limit_bar:.2f}: {verdict(to_limit >= limit_bar)} |"
        )
    limit, single = median(rounds, "single", "limit", 1), median(rounds, "single", "ours", 1)
    bar = 1.5 * limit + 50
    lines += [
        "",
        "| | ours | peer | pgbench | bar |",
        "|---|---|---|---|---|",
        f"| get, one connection, p50 us | {single:.0f} | {median(rounds, 'single', 'peer', 1):.0f} | {limit:.0f} | {bar:.0f}: {verdict(single <= bar)} |",
        f"| get, {CONNECTIONS} connections, p99 ms | {median(rounds, 'get', 'ours', 2) / 1000:.1f} | {median(rounds, 'get', 'peer', 2) / 1000:.1f} | | |",
        f"| create, {CONNECTIONS} connections, p99 ms | {median(rounds, 'create', 'ours', 2) / 1000:.1f} | {median(rounds, 'create', 'peer', 2) / 1000:.1f} | | |",
        f"| memory after load (PSS), MB | {footprint['memory']:.1f} | {footprint['peer_memory']:.1f} | | 40: {verdict(footprint['memory'] < 40)} |",
        f"| cold start to the first 200, ms | {footprint['start']:.0f} | | | 100: {verdict(footprint['start'] < 100)} |",
        f"| image (the binary is all of it), MB | {footprint['size']:.1f} | | | 20: {verdict(footprint['size'] <= 20)} |",
    ]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--no-build", action="store_true", help="measure the binary that is there")
    parser.add_argument("--write", action="store_true", help="keep the table in api/BENCHMARKS.md")
    parser.add_argument("--json", type=Path, help="keep the raw figures")
    options = parser.parse_args()
    if not shutil.which("wrk"):
        sys.exit("wrk is not installed (Debian: apt-get install wrk)")
    binary = build(options.no_build)
    folder = Path(tempfile.mkdtemp(prefix="payments-api-bench-"))
    folder.chmod(0o755)
    try:
        rounds, footprint = measure(options, folder, binary)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    text = table(rounds, footprint, options)
    print(text)
    if options.json:
        options.json.write_text(json.dumps({"rounds": rounds, "footprint": footprint}, indent=1))
    if options.write:
        kept = ROOT / "api/BENCHMARKS.md"
        head, mark, _ = kept.read_text().partition("<!-- figures -->\n")
        _, end, tail = _.partition("<!-- end of figures -->")
        kept.write_text(f"{head}{mark}\n{text}\n\n{end}{tail}")


if __name__ == "__main__":
    main()
