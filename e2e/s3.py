"""A server that speaks S3, with one bucket, for the tests: a real one where its programs are there, else a simulation.

`python e2e/s3.py COMMAND…` runs a command with such a server, named in the environment as for Tawny (`AWS_…`), its bucket in
`TAWNY_TEST_BUCKET`. `TAWNY_TEST_S3` chooses the kind.
"""

import os
import pathlib
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid

import boto3
import botocore.config

# Seconds to wait for a server that starts.
PATIENCE = 180
BUCKET = "agents"


def free_port():
    """A port nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Kind:
    """What the kinds have in common: one process that answers S3, which can be held still, stopped and started again."""

    name = None
    # Whether a put with `If-None-Match: *` has one winner.
    conditional_puts = True
    # Whether what it has outlives its process.
    keeps = True

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="tawny-s3-")
        self.root = pathlib.Path(self.folder.name)
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.access, self.secret, self.region = "key", "secret", "us-east-1"
        self.process, self.beside = None, []
        try:
            self.prepare()
            self.start()
            self.make_bucket()
        except BaseException:
            self.close()
            raise

    def prepare(self):
        """Starts what the server needs beside it."""

    def command(self):
        """The command that answers S3, and what its environment has more."""
        raise NotImplementedError

    def make_bucket(self):
        """Makes the bucket."""
        self.client().create_bucket(Bucket=BUCKET)

    def spawn(self, name, command, environment=None):
        """Starts a process, its output in a file."""
        with open(self.root / f"{name}.out", "ab") as output:
            return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                    env={**os.environ, **(environment or {})})

    def start(self):
        """Starts it, or starts it again, and waits until it answers."""
        self.process = self.spawn("s3", *self.command())
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                urllib.request.urlopen(self.endpoint, timeout=10).close()
                return
            except urllib.error.HTTPError:
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{self.name} does not answer:\n{(self.root / 's3.out').read_text()[-3000:]}") from None
                time.sleep(0.1)

    def stop(self):
        """Stops what answers: connections are refused."""
        self.process.terminate()
        self.process.wait(PATIENCE)

    def hold(self):
        """Keeps it from answering; connections stay open."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        """Lets it answer again."""
        self.process.send_signal(signal.SIGCONT)

    def close(self):
        """Stops everything."""
        for process in [self.process, *reversed(self.beside)]:
            if process and process.poll() is None:
                process.kill()
                process.wait()
        self.folder.cleanup()

    @property
    def environment(self):
        """What Tawny reads to reach it."""
        return {"AWS_ENDPOINT": self.endpoint, "AWS_ACCESS_KEY_ID": self.access, "AWS_SECRET_ACCESS_KEY": self.secret,
                "AWS_REGION": self.region}

    def client(self):
        """Another client than Tawny's."""
        return boto3.client(
            "s3", endpoint_url=self.endpoint, aws_access_key_id=self.access, aws_secret_access_key=self.secret,
            region_name=self.region, config=botocore.config.Config(s3={"addressing_style": "path"}))

    def objects(self, prefix):
        """Keys below a prefix, each with what tells its content."""
        pages = self.client().get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return {found["Key"]: found["ETag"] for page in pages for found in page.get("Contents", [])}


class Ceph(Kind):
    """Ceph's object gateway over a monitor and one OSD that keeps objects in memory, without root, users or systemd.

    Only the gateway is held or stopped: what it stored is with the OSD.
    """

    name = "ceph"

    @staticmethod
    def is_there():
        """Whether its programs are installed."""
        return all(shutil.which(program) for program in ("radosgw", "ceph-mon", "ceph-osd", "ceph", "monmaptool"))

    @staticmethod
    def version():
        """As it says itself."""
        said = subprocess.run(["radosgw", "--version"], capture_output=True, text=True, check=True)
        return " ".join(said.stdout.split()[:3])

    def prepare(self):
        cluster, monitor, configuration = uuid.uuid4(), free_port(), self.root / "ceph.conf"
        settings = {
            "fsid": cluster, "mon host": f"v2:127.0.0.1:{monitor}", "public network": "127.0.0.0/8",
            # Nobody else reaches it; the gateway asks for encryption, which is nothing without keys.
            "auth cluster required": "none", "auth service required": "none", "auth client required": "none",
            "ms mon client mode": "crc secure",
            "run dir": self.root, "crash dir": self.root, "log file": f"{self.root}/$name.log",
            "admin socket": f"{self.root}/$name.$pid.asok", "mon data": self.root / "mon", "osd data": self.root / "osd",
            "rgw data": self.root / "rgw",
            # One copy of everything on one machine.
            "osd pool default size": 1, "osd pool default min size": 1, "mon allow pool size one": "true",
            "osd crush chooseleaf type": 0, "osd pool default pg num": 8, "osd pool default pg autoscale mode": "off",
            # A disk that is nearly full must not keep the monitor from starting.
            "mon data avail crit": 0,
            "osd objectstore": "memstore", "memstore device bytes": 4 << 30,
            "rgw frontends": f"beast endpoint=127.0.0.1:{self.port}",
        }
        configuration.write_text("[global]\n" + "".join(f"{name} = {value}\n" for name, value in settings.items()))
        for name in ("mon", "osd", "rgw"):
            (self.root / name).mkdir()
        self.configured = ["--conf", str(configuration)]
        osd = str(uuid.uuid4())
        self.run("monmaptool", "--create", "--fsid", str(cluster), "--addv", "a", f"v2:127.0.0.1:{monitor}",
                 str(self.root / "monmap"))
        self.run("ceph-mon", *self.configured, "--mkfs", "-i", "a", "--monmap", str(self.root / "monmap"))
        self.beside.append(self.spawn("mon", ["ceph-mon", *self.configured, "-i", "a", "-f"]))
        self.run("ceph", *self.configured, "osd", "new", osd)
        self.run("ceph-osd", *self.configured, "-i", "0", "--mkfs", "--osd-uuid", osd)
        self.beside.append(self.spawn("osd", ["ceph-osd", *self.configured, "-i", "0", "-f"]))
        self.run("radosgw-admin", *self.configured, "user", "create", "--uid", "tawny", "--display-name", "tawny",
                 "--access-key", self.access, "--secret-key", self.secret)

    def run(self, *command):
        """Runs a command to its end."""
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[-3000:]}")

    def command(self):
        return ["radosgw", *self.configured, "-n", "client.admin", "-f"], {}


class Garage(Kind):
    """Garage on one node. It knows no conditional puts: of two that claim one key at the same time both win."""

    name = "garage"
    conditional_puts = False

    @staticmethod
    def is_there():
        """Whether its program is installed."""
        return shutil.which("garage") is not None

    @staticmethod
    def version():
        """As it says itself."""
        return subprocess.run(["garage", "--version"], capture_output=True, text=True, check=True).stdout.strip()

    def prepare(self):
        self.access, self.secret, self.region = f"GK{secrets.token_hex(12)}", secrets.token_hex(32), "garage"
        rpc = free_port()
        (self.root / "garage.toml").write_text(f"""
            metadata_dir = "{self.root}/meta"
            data_dir = "{self.root}/data"
            db_engine = "sqlite"
            replication_factor = 1
            rpc_bind_addr = "127.0.0.1:{rpc}"
            rpc_public_addr = "127.0.0.1:{rpc}"
            rpc_secret = "{secrets.token_hex(32)}"
            [s3_api]
            s3_region = "{self.region}"
            api_bind_addr = "127.0.0.1:{self.port}"
        """)

    def command(self):
        bucket = {"GARAGE_DEFAULT_ACCESS_KEY": self.access, "GARAGE_DEFAULT_SECRET_KEY": self.secret,
                  "GARAGE_DEFAULT_BUCKET": BUCKET, "RUST_LOG": "garage=info"}
        return ["garage", "-c", str(self.root / "garage.toml"), "server", "--single-node", "--default-bucket"], bucket

    def make_bucket(self):
        # It made the bucket as it started, a moment after it began to answer.
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self.client().head_bucket(Bucket=BUCKET)
                return
            except boto3.exceptions.botocore.exceptions.ClientError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)


class Moto(Kind):
    """moto's simulation of S3, from PyPI. It keeps nothing that outlives its process."""

    name = "moto"
    keeps = False

    @staticmethod
    def is_there():
        """It comes with the tests' requirements."""
        return True

    @staticmethod
    def version():
        """As its package says."""
        import moto
        return f"moto {moto.__version__}, a simulation"

    def command(self):
        return [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)], {}


KINDS = {kind.name: kind for kind in (Ceph, Garage, Moto)}


def chosen():
    """The kind `TAWNY_TEST_S3` names, else the first that is there."""
    name = os.environ.get("TAWNY_TEST_S3", "")
    if name and name not in KINDS:
        raise ValueError(f"TAWNY_TEST_S3 is {name}, which is none of {', '.join(KINDS)}")
    if name and not KINDS[name].is_there():
        raise FileNotFoundError(f"TAWNY_TEST_S3 is {name}, which is not installed")
    return KINDS[name] if name else next(kind for kind in KINDS.values() if kind.is_there())


def main():
    """Runs a command beside a server."""
    kind = chosen()
    print(f"S3: {kind.version()}", flush=True)
    server = kind()
    try:
        environment = {**os.environ, **server.environment, "TAWNY_TEST_BUCKET": f"s3://{BUCKET}/tests"}
        return subprocess.run(sys.argv[1:], env=environment, stdin=subprocess.DEVNULL).returncode
    finally:
        server.close()


if __name__ == "__main__":
    sys.exit(main())
