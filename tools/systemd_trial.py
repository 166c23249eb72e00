"""Installs a package of Hilera in a Debian that systemd has booted, beside a MariaDB, and tries what its units promise:
the sandbox, the sockets, restart, reload, watchdog, starts that fail, a second instance, the purge, upgrade and
removal. Fails when one is not kept, or when a datagram or a record is lost on the way. For tools/package --prove.

    tools/systemd_trial.py ROOT PACKAGE

ROOT is a bare Debian; ROOT.systemd, made when it is not there, is the same with systemd, MariaDB and the libraries of
Hilera. Needs root, cgroups of version 2, and the first time the network. Prints one line for each step.
"""

import json
import re
import sys
import tempfile

import trial
from machine import CONFIG, expect, newer
from systemd_host import BOTH, DATABASE_SOCKET, FOLDER, RATE, SERVICE, SOCKET, Host, install, prepared

SECOND = "hilera@second.service"


def sandbox(host):
    pid = host.pid()
    status = dict(line.split(":\t", 1) for line in host.run("cat", f"/proc/{pid}/status").splitlines())
    expect("user", host.run("stat", "-c", "%U:%G", f"/proc/{pid}").strip(), "hilera:hilera")
    expect("capabilities, new privileges, system call filter",
           [status["CapBnd"].strip("0"), status["CapEff"].strip("0"), status["NoNewPrivs"], status["Seccomp"]],
           ["", "", "1", "2"])
    for name in ("user", "mnt", "ipc", "uts"):
        if host.run("readlink", f"/proc/{pid}/ns/{name}") == host.run("readlink", f"/proc/1/ns/{name}"):
            raise trial.Failure(f"hilerad is in the namespace {name} of all")
    mounts = {fields[4]: fields[5].split(",")[0] for fields in
              map(str.split, host.run("cat", f"/proc/{pid}/mountinfo").splitlines())}
    expect("writable", sorted(path for path, mode in mounts.items() if mode == "rw" and path.startswith("/var/lib")),
           ["/var/lib/hilera"])
    expect("root of the files", mounts["/"], "ro")
    password = host.run("nsenter", "--target", str(pid), "--mount", "cat", f"/run/credentials/{SERVICE}/db-password")
    expect("password of the database passed", password.strip(), "the password of hilera")
    expect("buffers of the sockets", [host.show(SOCKET, "ReceiveBuffer"),
                                      "receive_buffer_small" in host.journal(SERVICE)], [str(16 << 20), False])
    said = host.run("systemd-analyze", "security", "--no-pager", SERVICE)
    expect("exposure", re.search(r"Overall exposure level for \S+: (\S+)", said)[1], "1.1")
    member = ("setpriv", "--reuid", "nobody", "--regid", "nogroup", "--groups", "hilera")
    expect("to a member of its group it says", host.run(*member, "hileractl", "healthz").strip(), "ok")
    host.expect_logged("in the journal", "ready version=")


def frames(host):
    summary = host.send(500)
    expect("acknowledged", summary["acked"], 500)
    host.expect_rows("stored", 500)


def activation(host):
    before = host.rows()
    host.run("systemctl", "stop", SERVICE)
    expect("service stopped", host.states(), ["active", "inactive"])
    host.send(50, "--no-acks")
    host.expect_states("after some datagrams", ["active", "active"])
    host.expect_rows("stored of what started it", before + 50)


def restarts(host):
    before = host.rows()
    with host.load(acks=False) as load:
        for _ in range(3):
            host.run("systemctl", "restart", SERVICE)
    host.expect_rows("stored of what was sent once during 3 restarts", before + load["sent"])


def without_database(host):
    before = host.rows()
    host.run("systemctl", "stop", "mariadb.socket", "mariadb.service")
    expect("running while the database is away", host.states(), ["active", "active"])
    expect("acknowledged", host.send(50)["acked"], 50)
    host.run("systemctl", "restart", SERVICE)
    expect("started while it is away", host.states(), ["active", "active"])
    expect("acknowledged", host.send(50)["acked"], 50)
    host.run("systemctl", "start", "mariadb.service")
    host.expect_rows("stored when it is back", before + 100)


def drain(host, configuration):
    """One that takes longer than the unit allows: Hilera asks systemd to wait."""
    before = host.rows()
    host.drop_in(SERVICE, "[Service]\nTimeoutStopSec=2\n")
    host.path(CONFIG).write_text(configuration.replace("ack: journal", "ack: database"), "utf-8")
    host.run("systemctl", "restart", SERVICE)
    host.run("systemctl", "stop", "mariadb.socket", "mariadb.service")
    host.run("hilera-sim", "--target", "127.0.0.1:5600", "--frames", "50", "--devices", "50", "--rate", "0",
             "--wait-acks", "1", "--quiet", status=1)
    cursor = host.cursor()
    host.run("systemctl", "stop", SERVICE)
    host.expect_logged("drained", "stopped ledger=", cursor)
    expect("end of a long drain", host.show(SERVICE, "Result"), "success")
    host.drop_in(SERVICE, "")
    host.path(CONFIG).write_text(configuration, "utf-8")
    host.run("systemctl", "start", "mariadb.service", SERVICE)
    host.expect_rows("stored of what was left", before + 50)


def reboot(host):
    before = host.rows()
    host.power_off()
    host.boot()
    host.expect_states("after a reboot", ["active", "active"])
    expect("acknowledged", host.send(50)["acked"], 50)
    host.expect_rows("stored", before + 50)


def reload(host, configuration):
    pid, cursor = host.pid(), host.cursor()
    host.path(CONFIG).write_text(configuration.replace("level: info", "level: debug"), "utf-8")
    host.run("systemctl", "reload", SERVICE)
    host.expect_logged("reload of a good file", "reloaded", cursor)
    host.path(CONFIG).write_text(configuration.replace("level: info", "level: loud"), "utf-8")
    cursor = host.cursor()
    host.run("systemctl", "reload", SERVICE, status=1)
    host.expect_logged("reload of a bad file", "log.level: expected one of", cursor)
    expect("still the same process", [host.states(SERVICE), host.pid() == pid], [["active"], True])
    host.path(CONFIG).write_text(configuration, "utf-8")
    host.run("systemctl", "reload", SERVICE)


def watchdog(host):
    host.drop_in(SERVICE, "[Service]\nWatchdogSec=3\n")
    host.run("systemctl", "restart", SERVICE)
    for what, signal in (("held up", "STOP"), ("killed", "KILL")):
        pid, cursor = host.pid(), host.cursor()
        with host.load() as load:
            host.run("kill", f"-{signal}", str(pid))
            host.eventually("another process", lambda: host.pid() not in (0, pid))
            host.expect_states(f"again when {what}", ["active", "active"])
            stored = host.rows()
            host.eventually("frames come again", lambda: host.rows() > stored + RATE)
        expect(f"watchdog's doing when {what}", "Watchdog timeout" in host.journal(SERVICE, cursor), signal == "STOP")
        expect(f"lost of what was acknowledged when {what}", host.lost(load["acknowledged"]), 0)
    host.drop_in(SERVICE, "")
    host.run("systemctl", "restart", SERVICE)


def failing_starts(host, configuration):
    """Longer than systemd's default limit of starts, 5 within 10 s: a wrong file, and an address that comes late."""
    late = "listeners:\n  - {name: late, codec: native, address: 192.0.2.1, port: 5602}\n"
    for what, text, mend in (
            ("with a wrong file", configuration.replace("level: info", "level: loud"),
             lambda: host.path(CONFIG).write_text(configuration, "utf-8")),
            ("without its address", configuration.replace("listeners:\n", late),
             lambda: host.run("ip", "address", "add", "192.0.2.1/32", "dev", "lo"))):
        before = host.rows()
        host.path(CONFIG).write_text(text, "utf-8")
        host.attempt("systemctl", "restart", SERVICE)
        host.send(50, "--no-acks")
        host.eventually("started often", lambda: int(host.show(SERVICE, "NRestarts")) > 12)
        host.expect_states(f"after 12 starts {what}", ["active", "activating"])
        mend()
        host.expect_states("mended", ["active", "active"])
        host.expect_rows("stored of what waited meanwhile", before + 50)
    host.path(CONFIG).write_text(configuration, "utf-8")
    host.run("systemctl", "restart", SERVICE)


def second_instance(host):
    host.write(f"{FOLDER}/second.yaml", json.dumps({
        "collector": "second",
        "listeners": [{"name": "native", "codec": "native", "address": "127.0.0.1", "port": 601}],
        "journal": {"directory": "/var/lib/hilera-second/journal"},
        "database": {"socket": DATABASE_SOCKET, "password_file": "credential:db-password"},
        "http": {"port": 9851}, "control": {"socket": "/run/hilera-second/control"}}))
    host.write(f"{FOLDER}/second.db-password", "the password of hilera\n", owner="root:root", mode="600")
    # A port that only systemd may open.
    host.write("/etc/systemd/system/hilera@second.socket", "[Socket]\nListenDatagram=127.0.0.1:601\n",
               owner="root:root", mode="644")
    host.run("systemctl", "daemon-reload")
    before = host.rows()
    host.run("systemctl", "start", "hilera@second.socket")
    host.run("systemctl", "enable", "--now", SECOND)
    expect("second instance beside the first", host.states(SECOND, SERVICE), ["active", "active"])
    expect("acknowledged by it", host.send(50, port=601)["acked"], 50)
    host.expect_rows("stored by it", before + 50)
    expect("under its name", host.sql("SELECT COUNT(*) FROM frame WHERE collector = 'second'").strip(), "50")
    host.run("hileractl", "--control", "/run/hilera-second/control", "healthz")


def purge(host):
    host.sql("CREATE USER hilera_purge@localhost IDENTIFIED BY 'the password of purge';" + "".join(
        f"GRANT SELECT, DELETE ON hilera.{table} TO hilera_purge@localhost;"
        for table in ("frame", "downlink", "dead_letter")))
    host.write(f"{FOLDER}/purge.cnf", f"[client]\nsocket={DATABASE_SOCKET}\nuser=hilera_purge\n"
               "password=the password of purge\n[mariadb-client]\ninit-command=SET @frame_days = 90\n",
               owner="root:root", mode="600")
    before = host.rows()
    host.sql("INSERT INTO frame (nserie, frame_id, codec, arrival, collector, digest, listener, auth_level, fields) "
             "VALUES ('old', 1, 'native', 1, 'trial', 'digest01', 'trial', 0, '{}')")
    host.run("systemctl", "start", "hilera-purge.service")
    expect("rows left by the purge", host.rows(), before)
    host.run("systemctl", "enable", "--now", "hilera-purge.timer")
    expect("timer of the purge", "hilera-purge.timer" in host.run("systemctl", "list-timers", "--no-pager"), True)


def upgrade(host, package):
    def pids():
        return [host.show(unit, "MainPID") for unit in (SERVICE, SECOND)]

    before, old = host.rows(), pids()
    with host.load(acks=False) as load:
        host.install(package)
        host.expect_states("after the upgrade", ["active"] * 3, *BOTH, SECOND)
        expect("restarted by it", [new != each for new, each in zip(pids(), old)], [True, True])
    host.expect_rows("stored of what was sent once during the upgrade", before + load["sent"])


def removal(host):
    host.run("apt-get", "remove", "-y", "-q", "hilera")
    units = (*BOTH, SECOND, "hilera@second.socket", "hilera-purge.timer")
    expect("after the removal", host.states(*units), ["inactive"] * len(units))
    expect("processes left", host.attempt("pgrep", "-x", "hilerad"), (1, ""))
    expect("units that failed", host.run("systemctl", "--failed", "--no-legend", "--plain").strip(), "")
    host.run("apt-get", "purge", "-y", "-q", "hilera")
    links = sorted(path.name for path in host.path("/etc/systemd/system").rglob("*hilera*") if path.is_symlink())
    expect("links to units after the purge", links, [])
    expect("files with a password after the purge", host.attempt("grep", "-rl", "the password of", FOLDER), (1, ""))


def main():
    base, package = sys.argv[1:]
    base = prepared(base, package)
    with tempfile.TemporaryDirectory(prefix="hilera-trial-", dir="/var/tmp") as folder:
        with Host(base, folder) as host:
            try:
                configuration = install(host, package)
                sandbox(host)
                frames(host)
                activation(host)
                restarts(host)
                without_database(host)
                drain(host, configuration)
                reboot(host)
                reload(host, configuration)
                watchdog(host)
                failing_starts(host, configuration)
                second_instance(host)
                purge(host)
                upgrade(host, newer(package, folder))
                removal(host)
            except trial.Failure as failure:
                end = host.attempt("journalctl", "--no-pager", "-q", "-n", "40")[1]
                raise trial.Failure(f"{failure}\nThe end of the journal:\n{end}") from failure


if __name__ == "__main__":
    trial.exit_on_signals()
    try:
        main()
    except trial.Failure as failure:
        sys.exit(f"systemd_trial: {failure}")
