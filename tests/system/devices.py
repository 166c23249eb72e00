"""Devices as a stranger would write them: by the published descriptions (ingest/NATIVE_FRAME.md, Teltonika's wiki),
sharing no line with what they test."""

import hashlib
import json
import socket
import struct

PATIENCE = 15.0  # seconds until an answer is missed

WANTED = 0x01  # flag of a native frame: an answer is wanted
STORED, DUPLICATE, REFUSED = 0, 1, 2  # status of a native answer


class Device:
    """A socket connected to a listener: what comes from any other address or port than the one it sent to is lost."""

    def __init__(self, port, host="127.0.0.1"):
        self.socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(PATIENCE)
        self.socket.connect((host, port))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    @property
    def port(self):
        return self.socket.getsockname()[1]

    def send(self, datagram):
        self.socket.send(datagram)

    def receive(self):
        return self.socket.recv(65536)

    def ask(self, datagram):
        self.send(datagram)
        return self.receive()

    def has_mail(self):
        """Whether something has arrived that nobody has read."""
        self.socket.setblocking(False)
        try:
            self.socket.recv(1, socket.MSG_PEEK)
            return True
        except BlockingIOError:
            return False
        finally:
            self.socket.settimeout(PATIENCE)


def key_of(content, time_ms):
    """frame_id and digest of a record of an unauthenticated device: DESIGN, section 6."""
    digest = hashlib.blake2b(content, digest_size=16).digest()
    low = int.from_bytes(digest[8:], "big")
    return (time_ms << 20 | low & 0xFFFFF) if time_ms else (1 << 63 | low), digest[:8]


# ---- native

def u8(number, value):
    return struct.pack(">HBB", number, 0x11, value)


def i16(number, value):
    return struct.pack(">HBh", number, 0x22, value)


def f32(number, value):
    return struct.pack(">HBf", number, 0x34, value)


def boolean(number, value):
    return struct.pack(">HBB", number, 0x01, value)


def text(number, value):
    encoded = value.encode("utf-8")
    return struct.pack(">HBH", number, 0x40, len(encoded)) + encoded


def native_content(sequence, time_ms, payload, epoch):
    return struct.pack(">IIQH", epoch, sequence, time_ms, len(payload)) + payload


def native_frame(serial, sequence, *, time_ms=1700000000123, payload=u8(1, 7), epoch=7, flags=WANTED, version=1):
    head = b"NF" + bytes([version, flags, 0, len(serial)]) + serial.encode("latin-1")
    return head + native_content(sequence, time_ms, payload, epoch)


def native_answer(serial, sequence, status, *, epoch=7):
    head = b"NF" + bytes([1, 0x0A, 0, len(serial)]) + serial.encode("ascii")
    return head + struct.pack(">IIQHB", epoch, sequence, 0, 1, status)


# ---- Teltonika

CODEC_8 = bytes.fromhex(
    "003DCAFE0105000F33353230393330383634303336353508010000016B4F815B30010000000000000000000000000000000103021503010101"
    "425DBC000001")
CODEC_8E = bytes.fromhex(
    "005FCAFE0107000F3335323039333038363430333635358E010000016B4F831C68010000000000000000000000000000000001000500010001"
    "0100010011009D00010010015E2C880002000B000000003544C87A000E000000001DD7E06A000001")
CODEC_16 = bytes.fromhex(
    "0048CAFE0107000F33353230393430383532333135393210010000015117E40FE80000000000000000000000000000000000EF050504000100"
    "00030000B40000EF01010042111A000001")
GETINFO = bytes.fromhex("000000000000000F0C010500000007676574696E666F0100004312")
RESPONSE = bytes.fromhex(
    "00000000000000370C01060000002F4449313A31204449323A30204449333A302041494E313A302041494E323A313639323420444F313A3020"
    "444F323A3101000066E3")


def avl_record(time_ms, speed=0, io=b"\0\0\0\0\0\0"):
    """A record of codec 8. `io`: event, total and the four groups."""
    return struct.pack(">QBiihHBH", time_ms, 0, 0, 0, 0, 0, 9, speed) + io


def avl_datagram(*records, imei="352093086403655", avl_id=1, codec=0x08, count=None, second_count=None):
    count = len(records) if count is None else count
    second_count = count if second_count is None else second_count
    body = b"\xCA\xFE\x01" + bytes([avl_id]) + struct.pack(">H", len(imei)) + imei.encode("latin-1")
    body += bytes([codec, count]) + b"".join(records) + bytes([second_count])
    return struct.pack(">H", len(body)) + body


def avl_ack(datagram, accepted):
    return b"\x00\x05" + datagram[2:4] + b"\x01" + datagram[5:6] + bytes([accepted])


def fields_of(row):
    return json.loads(row["fields"])
