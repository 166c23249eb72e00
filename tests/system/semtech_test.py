"""Gateways of the packet forwarder protocol are understood: Semtech's published samples are answered to the byte, the
rows hold what they say, and a gateway's keep-alive is answered whatever the database does."""

import datetime
import json
import unittest

import devices
from devices import Device, fields_of
from support import SystemTest, eventually

EUI = bytes.fromhex("b827ebfffe87bd11")
PUSH_DATA, PUSH_ACK, PULL_DATA, PULL_ACK, TX_ACK = 0, 1, 2, 4, 5

PACKET = (b'{"tmst":3512348514,"chan":9,"rfch":1,"freq":869.1,"stat":1,"modu":"FSK","datr":50000,"rssi":-75,"size":16,'
          b'"data":"VEVTVF9QQUNLRVRfMTIzNA=="}')
STATISTIC = (b'{"time":"2014-01-12 08:59:28 GMT","lati":46.24000,"long":3.25230,"alti":145,"rxnb":2,"rxok":2,"rxfw":2,'
             b'"ackr":100.0,"dwnb":2,"txnb":2}')

MALFORMED = [
    (b"", "too_short"),
    (b"\x03\0\7\2" + EUI, "bad_version"),
    (b"\2\0\7\x09" + EUI, "unknown_type"),
    (b"\2\0\7\1", "reflected"),
    (b"\1\0\7\5" + EUI, "tx_ack_version"),
    (b"\2\0\7\2" + EUI + b"\0", "trailing_bytes"),
    (b"\2\0\7\0" + EUI + b'{"rxpk":[{}]', "json_syntax"),
    (b"\2\0\7\0" + EUI + b'{"x":' + b"[" * 60000, "json_depth"),
    (b"\2\0\7\0" + EUI + b'{"rxpk":[{"tmst":1,"tmst":1}]}', "json_duplicate"),
    (b"\2\0\7\0" + EUI + b'{"rxpk":{}}', "json_shape"),
    (b"\2\0\7\0" + EUI + b'{"rxpk":[{}' + b",{}" * 300 + b"]}", "too_many_records"),
]


def datagram(kind, token, body=b"", version=2):
    return bytes([version]) + token.to_bytes(2, "big") + bytes([kind]) + EUI + body


def push(token, *packets, version=2):
    return datagram(PUSH_DATA, token, b'{"rxpk":[' + b",".join(packets) + b"]}", version)


def answer(kind, token, version=2):
    return bytes([version]) + token.to_bytes(2, "big") + bytes([kind])


def row_key(content, token):
    """Of a record without a time: DESIGN, section 6, with the token before the content."""
    return devices.key_of(token.to_bytes(2, "big") + content, 0)


class Semtech(SystemTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.start_database()

    def setUp(self):
        self.sql("DELETE FROM frame")
        # So that what is answered is stored.
        self.hilerad = self.start_hilerad(codec="semtech", pipeline={"ack": "database"})
        self.gateway = self.enterContext(Device(self.hilerad.port))

    def tearDown(self):
        self.assert_rows_match(self.assert_ends_well(self.hilerad))

    def test_a_packet_is_a_row(self):
        self.assertEqual(self.gateway.ask(push(0xA1B2, PACKET)), bytes.fromhex("02a1b201"))
        row, = self.sql("SELECT * FROM frame")
        frame_id, digest = row_key(PACKET, 0xA1B2)
        self.assertEqual((row["nserie"], row["codec"], row["frame_id"], row["digest"]),
                         (EUI.hex(), "semtech", frame_id, digest))
        self.assertIsNone(row["device_time"])
        self.assertEqual(fields_of(row), {"type": "rxpk", "values": json.loads(PACKET)})

    def test_a_statistic_is_a_row(self):
        body = b'{"stat":' + STATISTIC + b"}"
        self.assertEqual(self.gateway.ask(datagram(PUSH_DATA, 0xA1B3, body)), bytes.fromhex("02a1b301"))
        row, = self.sql("SELECT * FROM frame")
        frame_id, digest = devices.key_of(STATISTIC, 1389517168000)
        self.assertEqual((row["frame_id"], row["digest"]), (frame_id, digest))
        self.assertEqual(row["device_time"], datetime.datetime(2014, 1, 12, 8, 59, 28))
        self.assertEqual(fields_of(row), {"type": "stat", "values": json.loads(STATISTIC)})

    def test_version_1_is_answered_in_version_1(self):
        self.assertEqual(self.gateway.ask(push(7, PACKET, version=1)), answer(PUSH_ACK, 7, version=1))
        self.assertEqual(self.gateway.ask(datagram(PULL_DATA, 8, version=1)), answer(PULL_ACK, 8, version=1))

    def test_what_the_network_repeats_is_stored_once_and_what_comes_again_later_is_not_lost(self):
        for _ in range(3):
            self.assertEqual(self.gateway.ask(push(1, PACKET)), answer(PUSH_ACK, 1))
        self.assertEqual(self.count("frame"), 1)
        self.assertEqual(self.gateway.ask(push(2, PACKET)), answer(PUSH_ACK, 2))
        self.assertEqual(self.count("frame"), 2)
        self.assertEqual(self.hilerad.metrics()["records_duplicate_total"], 2)

    def test_control_is_answered_and_makes_no_row(self):
        self.assertEqual(self.gateway.ask(datagram(PULL_DATA, 7)), bytes.fromhex("02000704"))
        self.assertEqual(self.gateway.ask(push(9)), answer(PUSH_ACK, 9))
        self.gateway.send(datagram(TX_ACK, 0x5A01, b'{"txpk_ack":{"error":"COLLISION_PACKET"}}'))
        eventually(lambda: self.hilerad.metrics()["datagrams_control_total"] == 3, "all are control")
        self.assertFalse(self.gateway.has_mail())
        self.assertEqual(self.count("frame"), 0)

    def test_malformed_datagrams_are_counted_by_reason_and_not_answered(self):
        for malformed, _ in MALFORMED:
            self.gateway.send(malformed)
        # The first and only answer is that to the good one behind them.
        self.assertEqual(self.gateway.ask(push(3, PACKET)), answer(PUSH_ACK, 3))
        eventually(lambda: self.hilerad.metrics()["datagrams_in_flight"] == 0, "nothing is in flight")
        self.assertEqual(self.hilerad.by_label("datagrams_rejected_total", "reason"),
                         {reason: 1 for _, reason in MALFORMED})
        self.assertFalse(self.gateway.has_mail())


class SemtechWithoutDatabase(SystemTest):
    def test_keep_alives_and_packets_are_answered_while_the_database_is_down(self):
        database = self.start_database()
        database.stop()
        hilerad = self.start_hilerad(codec="semtech")
        with Device(hilerad.port) as gateway:
            for token in range(20):
                self.assertEqual(gateway.ask(datagram(PULL_DATA, token)), answer(PULL_ACK, token))
            self.assertEqual(gateway.ask(push(100, PACKET)), answer(PUSH_ACK, 100))
        self.assertEqual(hilerad.metrics()["db_up"], 0)
        database.start()
        eventually(lambda: hilerad.metrics()["records_stored_total"] == 1, "what the journal holds is stored", 60)
        self.assert_rows_match(self.assert_ends_well(hilerad))


if __name__ == "__main__":
    unittest.main()
