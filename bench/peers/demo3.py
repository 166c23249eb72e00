#!/usr/bin/python3
"""The gevent program whose pipeline Hilera has, made to work: UDP frames into MariaDB, one greenlet per frame, the frames
of a device in order by joins, a queue of connections as pool. bench/peers/README.md says what was changed and why.

    demo3.py --port UDP-PORT --socket MARIADB-SOCKET [--connections 10] [--password-file FILE]

Speaks the native codec (ingest/NATIVE_FRAME.md), stores one row of table `frame` per frame with its own commit, and
acknowledges after it. Prints "ready" when the port is bound, and at SIGTERM one JSON object.
"""

from gevent import monkey

monkey.patch_all()

import argparse  # noqa: E402
import hashlib  # noqa: E402
import json  # noqa: E402
import re  # noqa: E402
import resource  # noqa: E402
import signal  # noqa: E402
import socket  # noqa: E402
import struct  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402

import gevent  # noqa: E402
import gevent.queue  # noqa: E402
import pymysql  # noqa: E402

ACK_WANTED, DOWNLINK, ACK = 0x01, 0x02, 0x08
SERIAL = re.compile(rb"[A-Za-z0-9._-]{1,32}\Z")
BODY = struct.Struct(">IIQH")  # epoch, sequence, device time in ms, length of the payload
VALUES = {0x01: ">?", 0x11: ">B", 0x12: ">H", 0x14: ">I", 0x18: ">Q",
          0x21: ">b", 0x22: ">h", 0x24: ">i", 0x28: ">q", 0x34: ">f", 0x38: ">d"}
TEXT, BLOB = 0x40, 0x50

INSERT = """INSERT INTO frame (nserie, frame_id, codec, arrival, collector, digest, device_time, listener, peer_ip,
peer_port, auth_level, fields)
VALUES (%s, %s, 'native', %s, 'demo3', %s, %s, 'demo3', %s, %s, 0, %s)"""
DUPLICATE_KEY = 1062
CONNECTION_LOST = {0, 1053, 1927, 2006, 2013, 2014, 2055}  # 0: closed on our side


class Malformed(Exception):
    pass


def decode_items(payload):
    values, at = {}, 0
    while at < len(payload):
        number, kind = struct.unpack_from(">HB", payload, at)
        at += 3
        if kind in VALUES:
            (value,) = struct.unpack_from(VALUES[kind], payload, at)
            at += kind & 0x0F
        elif kind in (TEXT, BLOB):
            (size,) = struct.unpack_from(">H", payload, at)
            raw = payload[at + 2:at + 2 + size]
            if len(raw) != size:
                raise Malformed
            value = raw.decode("utf-8") if kind == TEXT else raw.hex()
            at += 2 + size
        else:
            raise Malformed
        values[str(number)] = value
    return values


class Trama:
    """One frame, decoded."""

    def __init__(self, datagram, peer, arrival):
        self.peer, self.arrival = peer, arrival
        try:
            if datagram[:3] != b"NF\x01" or datagram[3] & ~ACK_WANTED:
                raise Malformed
            self.flags = datagram[3]
            body = 6 + datagram[5]
            serial = datagram[6:body]
            if not SERIAL.match(serial):
                raise Malformed
            epoch, sequence, self.time_ms, size = BODY.unpack_from(datagram, body)
            if size == 0 or len(datagram) != body + BODY.size + size:
                raise Malformed
            values = decode_items(datagram[body + BODY.size:])
        except (IndexError, struct.error, UnicodeDecodeError) as error:
            raise Malformed from error
        self.nserie = serial.decode("ascii")
        self.fields = json.dumps({"epoch": epoch, "sequence": sequence, "values": values}, separators=(",", ":"))
        digest = hashlib.blake2b(datagram[body:], digest_size=16).digest()
        self.digest, rest = digest[:8], int.from_bytes(digest[8:], "big")
        if not 0 < self.time_ms < 1 << 43:
            self.time_ms = None
        self.frame_id = 1 << 63 | rest if self.time_ms is None else self.time_ms << 20 | rest & 0xFFFFF
        self.ack = (datagram[:3] + bytes([ACK | DOWNLINK]) + datagram[4:body + 8] + bytes(8) + b"\x00\x01\x00")


def timestamp(microseconds, digits):
    seconds, rest = divmod(microseconds, 1_000_000)
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds)) + f".{rest:06}"[:digits + 1]


class Demo3:
    def __init__(self, options):
        self.options = options
        self.counters = dict.fromkeys(("received", "rejected", "stored", "duplicates", "acked", "reconnects"), 0)
        self.last_arrival = 0
        self.hilos_rx_dict = {}
        self.conn_pool = gevent.queue.Queue()
        for _ in range(options.connections):
            self.conn_pool.put(self.conectar())
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 << 20)
        self.sock.bind(("127.0.0.1", options.port))

    def conectar(self):
        password = ""
        if self.options.password_file:
            with open(self.options.password_file, encoding="utf-8") as file:
                password = file.readline().rstrip("\n")
        return pymysql.connect(unix_socket=self.options.socket, user=self.options.user, password=password,
                               database=self.options.name, charset="utf8mb4", autocommit=True,
                               init_command="SET time_zone = '+00:00'")

    def recibir_tramas(self):
        while True:
            datagram, peer = self.sock.recvfrom(2048)
            self.counters["received"] += 1
            self.last_arrival = max(time.time_ns() // 1000, self.last_arrival + 1)
            try:
                trama = Trama(datagram, peer, self.last_arrival)
            except Malformed:
                self.counters["rejected"] += 1
                continue
            anterior = self.hilos_rx_dict.get(trama.nserie)
            self.hilos_rx_dict[trama.nserie] = gevent.spawn(self.paraleliza_trama, trama, anterior)

    def paraleliza_trama(self, trama, anterior):
        if anterior is not None:
            anterior.join()
        db = self.conn_pool.get()
        try:
            while not self.procesa_trama(db, trama):
                db = self.reconectar(db)
        finally:
            self.conn_pool.put(db)
            if self.hilos_rx_dict.get(trama.nserie) is gevent.getcurrent():
                del self.hilos_rx_dict[trama.nserie]

    def procesa_trama(self, db, trama):
        """False when the connection is lost, and so whether the row was stored is not known."""
        device_time = None if trama.time_ms is None else timestamp(trama.time_ms * 1000, 3)
        try:
            with db.cursor() as cursor:
                cursor.execute(INSERT, (trama.nserie, trama.frame_id, trama.arrival, trama.digest, device_time,
                                        "::ffff:" + trama.peer[0], trama.peer[1], trama.fields))
            self.counters["stored"] += 1
        except pymysql.err.IntegrityError as error:
            if error.args[0] != DUPLICATE_KEY:
                raise
            self.counters["duplicates"] += 1
        except (pymysql.err.OperationalError, pymysql.err.InterfaceError) as error:
            if error.args[0] not in CONNECTION_LOST:
                raise
            return False
        if trama.flags & ACK_WANTED:
            self.sock.sendto(trama.ack, trama.peer)
            self.counters["acked"] += 1
        return True

    def reconectar(self, db):
        self.counters["reconnects"] += 1
        if db.open:
            db.close()
        while True:
            try:
                return self.conectar()
            except pymysql.err.OperationalError:
                gevent.sleep(0.5)

    def resumen(self):
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return {**self.counters, "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 3)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--port", type=int, required=True, help="UDP port on 127.0.0.1")
    parser.add_argument("--socket", required=True, help="Unix socket of the MariaDB server")
    parser.add_argument("--connections", type=int, default=10, help="size of the pool (%(default)s)")
    parser.add_argument("--user", default="hilera", help="account (%(default)s)")
    parser.add_argument("--password-file", help="its password; without it there is none")
    parser.add_argument("--name", default="hilera", help="database (%(default)s)")
    demo = Demo3(parser.parse_args())
    receptor = gevent.spawn(demo.recibir_tramas)
    gevent.signal_handler(signal.SIGTERM, receptor.kill)
    print("ready", flush=True)
    receptor.join()
    gevent.joinall(list(demo.hilos_rx_dict.values()))
    print(json.dumps(demo.resumen()), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
