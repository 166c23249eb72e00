"""A Galera cluster of one's own: nodes made by tools/private-mariadb, all on loopback, each with ports of its own.

Needs the packages galera-4, mariadb-server (of which only the script wsrep_sst_rsync is used) and rsync.
"""

import concurrent.futures
import os
import pathlib
import re
import shutil
import socket
import subprocess
import time

import trial

PROVIDER = pathlib.Path("/usr/lib/galera/libgalera_smm.so")
SYNC_TIMEOUT = 60.0  # seconds

# Faster than the defaults in finding out that a node has died: 1 s instead of 5.
TIMES = ("evs.keepalive_period=PT0.3S;evs.inactive_check_period=PT0.3S;evs.suspect_timeout=PT1S;"
         "evs.inactive_timeout=PT3S;evs.install_timeout=PT3S;pc.announce_timeout=PT1S")


def why_not():
    """What is missing for a cluster; None when nothing is."""
    for program in ("wsrep_sst_rsync", "rsync"):
        if not shutil.which(program):
            return f"{program} is not installed"
    return None if PROVIDER.exists() else f"{PROVIDER} is not installed"


class Node(trial.Mariadb):
    """One server. It starts as a member of the cluster, or as its first one."""

    def __init__(self, folder, number, addresses, options):
        base = addresses[number]
        self.options = [
            "--wsrep-on=ON", f"--wsrep-provider={PROVIDER}", "--wsrep-cluster-name=hilera",
            "--wsrep-cluster-address=gcomm://" + ",".join(f"127.0.0.1:{port}" for port in addresses),
            f"--wsrep-node-name=node{number}", f"--wsrep-node-address=127.0.0.1:{base}", "--wsrep-sst-method=rsync",
            f"--wsrep-sst-receive-address=127.0.0.1:{trial.free_port(socket.SOCK_STREAM)}",
            f"--wsrep-provider-options=base_host=127.0.0.1;base_port={base};"
            # What a killed node finds in its cache is not trusted: a node that joins it then may fail for it.
            f"gmcast.listen_addr=tcp://127.0.0.1:{base};gcache.size=64M;gcache.recover=no;"
            f"ist.recv_addr=127.0.0.1:{trial.free_port(socket.SOCK_STREAM)};{TIMES}",
            "--binlog-format=ROW", "--innodb-autoinc-lock-mode=2", *options]
        self.folder = pathlib.Path(folder)
        self.running = False

    def join(self, *more):
        """Starts it, also again, with `more` options; returns when it has what the others have."""
        self.running = True
        self.start("--", *self.options, *more)
        self.wait_until_synced()

    def kill(self):
        super().kill()
        self.running = False

    def wait_until_synced(self):
        self._wait_for(wsrep_ready="ON", wsrep_local_state_comment="Synced")

    def wait_until_alone(self):
        """Until it has noticed that it is in the minority."""
        self._wait_for(wsrep_cluster_status="non-Primary")

    def _wait_for(self, **states):
        deadline = time.monotonic() + SYNC_TIMEOUT
        while any(self.status(name) != state for name, state in states.items()):
            if time.monotonic() > deadline:
                raise trial.Failure(f"the node in {self.folder} does not get to {states} in {SYNC_TIMEOUT:.0f} s")
            time.sleep(0.05)

    def status(self, name):
        return self.sql(f"SHOW GLOBAL STATUS LIKE '{name}'", database=None).split("\t")[-1].strip()

    def position(self):
        """How far it got before it was killed: the number of its last transaction, and its full name."""
        log = self.folder / "recover.log"
        log.unlink(missing_ok=True)
        command = ["mariadbd", "--no-defaults", f"--datadir={self.folder}/data", f"--log-error={log}",
                   f"--socket={self.folder}/recover.sock", f"--pid-file={self.folder}/recover.pid",
                   "--innodb-log-file-size=64M", *self.options, "--wsrep-recover"]
        if os.geteuid() == 0:
            command.append("--user=mysql")
        done = subprocess.run(command, env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin"},
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode != 0:
            raise trial.Failure(f"the position of the node in {self.folder} is not to be had: {done.stdout}; see {log}")
        found = re.findall(r"Recovered position: *([0-9a-f-]+:(-?\d+))",
                           log.read_text(encoding="utf-8", errors="replace"))
        if not found:
            raise trial.Failure(f"no position of the node in {self.folder}; see {log}")
        name, number = found[-1]
        return int(number), name


class Cluster:
    """Some nodes; `nodes` are all of them, running or not."""

    def __init__(self, folder, size=3, options=()):
        pathlib.Path(folder).mkdir(mode=0o755)
        addresses = [trial.free_port(socket.SOCK_STREAM) for _ in range(size)]
        self.nodes = [Node(pathlib.Path(folder) / f"node{number}", number, addresses, options)
                      for number in range(size)]

    def start(self):
        """All of them, as a new cluster."""
        self.nodes[0].join("--wsrep-new-cluster")
        self.start_others()

    def start_others(self):
        """Those that do not run, as members of what runs; one by one, since each gets its data from another."""
        for node in self.nodes:
            if not node.running:
                node.join()

    def kill(self, *numbers):
        """At the same time, nearly."""
        with concurrent.futures.ThreadPoolExecutor() as threads:
            list(threads.map(lambda number: self.nodes[number].kill(), numbers))

    def restore_quorum(self, survivor):
        """What an operator does when most nodes have died at once: the one that lives becomes the cluster."""
        self.nodes[survivor].wait_until_alone()
        self.nodes[survivor].sql("SET GLOBAL wsrep_provider_options = 'pc.bootstrap=YES'", database=None)
        self.nodes[survivor].wait_until_synced()

    def restart_all(self):
        """What an operator does when all have died: the one that got furthest is the first."""
        positions = [node.position() for node in self.nodes]
        furthest = max(positions)
        first = self.nodes[positions.index(furthest)]
        state = first.folder / "data" / "grastate.dat"
        state.write_text(re.sub(r"safe_to_bootstrap: *\d", "safe_to_bootstrap: 1", state.read_text(encoding="ascii")),
                         encoding="ascii")
        first.join(f"--wsrep-start-position={furthest[1]}", "--wsrep-new-cluster")
        self.start_others()

    def end(self):
        """Whatever state they are in."""
        for node in self.nodes:
            if node.running:
                subprocess.run([trial.PRIVATE_MARIADB, "kill", node.folder], check=False)

    def hosts(self):
        return [f"127.0.0.1:{node.port}" for node in self.nodes]
