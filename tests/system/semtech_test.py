"""Gateways of the packet forwarder protocol are understood: Semtech's published samples are answered to the byte, the
rows hold what they say, and a gateway's keep-alive is answered whatever the database does."""

import datetime
import json
import unittest

import devices
from devices import Device, fields_of
from support import SystemTest, eventually, hileractl

EUI = bytes.fromhex("b827ebfffe87bd11")
PUSH_DATA, PUSH_ACK, PULL_DATA, PULL_RESP, PULL_ACK, TX_ACK = range(6)

PACKET = (b'{"tmst":3512348514,"chan":9,"rfch":1,"freq":869.1,"stat":1,"modu":"FSK","datr":50000,"rssi":-75,"size":16,'
          b'"data":"VEVTVF9QQUNLRVRfMTIzNA=="}')
STATISTIC = (b'{"time":"2014-01-12 08:59:28 GMT","lati":46.24000,"long":3.25230,"alti":145,"rxnb":2,"rxok":2,"rxfw":2,'
             b'"ackr":100.0,"dwnb":2,"txnb":2}')

TXPK = ('{"imme":true,"freq":861.3,"rfch":0,"powe":12,"modu":"FSK","datr":50000,"fdev":3000,"size":4,'
        '"data":"AQIDBA=="}')

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
        self.sql("DELETE FROM downlink")
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

    def queue(self, txpk, **options):
        answer = hileractl("--control", self.hilerad.control, "--json", "downlink", "add", EUI.hex(), "--text", txpk,
                           **options)
        return answer if options else json.loads(answer)["id"]

    def wait_for_end(self, number, state):
        def row():
            return self.sql("SELECT * FROM downlink WHERE id = %s", number)[0]
        eventually(lambda: row()["state"] == state, f"downlink {number} is {state}: {row()}")
        return row()

    def test_what_a_gateway_says_of_a_packet_that_it_was_to_send_is_the_end_of_its_row(self):
        self.gateway.ask(datagram(PULL_DATA, 1))
        failures = ["TOO_LATE", "TOO_EARLY", "COLLISION_PACKET", "COLLISION_BEACON", "TX_FREQ", "TX_POWER",
                    "GPS_UNLOCKED"]
        said = {error: (b'{"txpk_ack":{"error":"%s"}}' % error.encode(), "failed", error) for error in failures}
        said |= {"NONE": (b'{"txpk_ack":{"error":"NONE"}}', "delivered", None), "nothing": (b"", "delivered", None),
                 "a zero": (b"\0", "delivered", None),
                 "a warning": (b'{"txpk_ack":{"warn":"TX_POWER","value":20}}', "delivered", None)}
        for name, (body, state, error) in said.items():
            with self.subTest(name):
                number = self.queue(TXPK)
                response = self.gateway.receive()
                self.assertEqual(response, answer(PULL_RESP, number & 0xFFFF) + b'{"txpk":' + TXPK.encode() + b"}")
                self.gateway.send(datagram(TX_ACK, number & 0xFFFF, body))
                row = self.wait_for_end(number, state)
                self.assertEqual((row["last_error"], row["attempts"]), (error, 1))
        self.assertEqual(row["answer"], "TX_POWER")

    def test_a_gateway_of_version_1_says_nothing_so_that_its_rows_end_as_sent(self):
        self.gateway.ask(datagram(PULL_DATA, 1, version=1))
        for _ in range(2):  # the second does not wait for an answer to the first
            number = self.queue(TXPK)
            self.assertEqual(self.gateway.receive(),
                             answer(PULL_RESP, 0, version=1) + b'{"txpk":' + TXPK.encode() + b"}")
            self.assertIsNone(self.wait_for_end(number, "sent")["retry_at"])

    def test_what_is_no_packet_is_not_queued(self):
        self.gateway.ask(datagram(PULL_DATA, 1))
        self.assertIn("codec semtech takes the JSON object of a txpk", self.queue("reboot", status=1))
        self.assertIn("codec semtech cannot carry a txpk of 2000 bytes", self.queue(" " * 2000, status=1))

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
