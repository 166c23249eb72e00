"""Dead letters: what the database did not take is kept aside, listed, and put back when nothing is in the way any more."""

import json
import unittest

from devices import REFUSED, STORED, native_answer, native_frame
from support import OneDeviceTest, eventually, hileractl


class DeadLetter(OneDeviceTest):
    def tearDown(self):
        self.assertEqual(self.order_violations(), 0)
        ledger = self.assert_ends_well(self.hilerad)
        self.assertEqual(ledger["store"]["stored"], self.count("frame", "NOT replayed"))
        self.assertEqual(ledger["store"]["dead_lettered"], self.count("dead_letter"))

    def ctl(self, *arguments, **options):
        return hileractl("--control", self.hilerad.control, "dead-letter", *arguments, **options)

    def listed(self, *arguments):
        return json.loads(self.ctl("list", "--json", *arguments))["dead_letters"]

    def send(self, serial, sequence, answer):
        frame = native_frame(serial, sequence, time_ms=1700000000000 + sequence)
        self.assertEqual(self.device.ask(frame), native_answer(serial, sequence, answer))
        return frame

    def refuse(self, *sequences):
        self.refuse_rows_of("cursed")
        for sequence in sequences:
            self.send("cursed", sequence, REFUSED)

    def test_a_row_that_was_refused_is_put_back_in_its_place(self):
        self.refuse(1)
        self.send("cursed-not", 1, STORED)
        letter, = self.listed()
        self.assertEqual((letter["nserie"], letter["codec"], letter["reason"], letter["obstacle"], letter["replayed_at"]),
                         ("cursed", "native", "refused", None, None))
        self.assertIn("not this one", letter["error"])
        shown = self.ctl("list")
        self.assertIn("cursed", shown)
        self.assertIn("not this one", shown)

        self.ctl("replay", "--id", letter["id"], status=1)  # still refused
        self.assertEqual(self.count("frame", "nserie = 'cursed'"), 0)
        self.sql("DROP TRIGGER refuse")
        self.send("cursed", 2, STORED)
        self.assertIn("cursed: replayed", self.ctl("replay", "--id", letter["id"]))
        rows = self.sql("SELECT frame.*, dead_letter.raw AS datagram FROM frame LEFT JOIN dead_letter "
                        "USING (nserie, frame_id, codec, digest, arrival, collector, listener, peer_ip, peer_port, "
                        "auth_level) WHERE frame.nserie = 'cursed' ORDER BY arrival")
        self.assertEqual([(json.loads(row["fields"])["sequence"], row["replayed"]) for row in rows], [(1, 1), (2, 0)])
        self.assertIsNotNone(rows[0]["datagram"], "all that the letter says is in the row")
        self.assertIsNone(rows[0]["raw"])

        self.assertIn("already_replayed", self.ctl("replay", "--id", letter["id"]))
        self.assertEqual(self.listed(), [])
        self.assertEqual([each["id"] for each in self.listed("--replayed", "yes")], [letter["id"]])
        self.assertEqual(self.hilerad.by_label("dead_letters_replayed_total", "outcome"),
                         {"refused": 1, "replayed": 1, "already_replayed": 1})
        status = json.loads(hileractl("--control", self.hilerad.control, "--json", "status"))
        self.assertEqual(status["database"]["dead_letter_replays"], {"refused": 1, "replayed": 1, "already_replayed": 1})

    def test_a_conflict_stays_until_somebody_has_decided(self):
        # Without an answer it is not remembered as answered.
        self.device.send(native_frame("twin", 1, time_ms=1700000000001, flags=0))
        eventually(lambda: self.count("frame") == 1, "it is stored")
        self.sql("UPDATE frame SET digest = 'a fraud.'")
        self.send("twin", 1, REFUSED)
        letter, = self.listed("--nserie", "twin", "--reason", "conflict")
        self.assertEqual(letter["obstacle"], "conflict")
        said = self.ctl("replay", "--nserie", "twin", status=1)
        self.assertIn("1 conflict", said)
        row, = self.sql("SELECT digest, replayed FROM frame")
        self.assertEqual((row["digest"], row["replayed"]), (b"a fraud.", 0))
        self.sql("UPDATE frame SET frame_id = frame_id + 1")  # the other one gets a number of its own
        self.assertIsNone(self.listed()[0]["obstacle"])
        self.ctl("replay", "--reason", "conflict")
        self.assertEqual(self.count("frame"), 2)

    def test_all_are_put_back_and_one_that_cannot_be_does_not_stop_the_others(self):
        self.refuse(*range(1, 251))
        self.sql("DROP TRIGGER refuse")
        self.send("cursed", 1, STORED)  # sent again meanwhile
        letters = self.listed("--limit", "120")
        self.assertEqual(len(letters), 120)
        self.sql("UPDATE dead_letter SET raw = 'mice' WHERE id = %s", letters[60]["id"])
        self.assertEqual(len(self.ctl("replay", "--reason", "refused", "--limit", "50", "--json").splitlines()), 50)
        said = self.ctl("replay", "--all", status=1)
        self.assertIn("199 replayed, 1 unreadable", said.splitlines()[-1])
        self.assertEqual(self.count("frame", "replayed"), 248)
        self.assertEqual(self.count("dead_letter", "replayed_at IS NULL"), 1)
        self.assertEqual(self.hilerad.by_label("dead_letters_replayed_total", "outcome"),
                         {"already_stored": 1, "replayed": 248, "unreadable": 1})

    def test_what_no_codec_read_is_put_back_when_one_can(self):
        self.refuse(1)
        self.sql("DROP TRIGGER refuse")
        letter, = self.listed()
        frame = native_frame("cursed", 1, time_ms=1700000000001)
        shown = json.loads(self.ctl("show", letter["id"], "--json"))["dead_letter"]
        self.assertEqual(bytes.fromhex(shown["raw"]), frame)
        # As a collector leaves it whose codec makes nothing of the datagram.
        self.sql("UPDATE dead_letter SET reason = 'unreadable', nserie = '', frame_id = 1")
        self.assertEqual(self.listed("--reason", "unreadable")[0]["obstacle"], "unreadable")
        self.ctl("replay", "--all")
        self.assertEqual(self.count("frame"), 0)
        self.assertIn("cursed: replayed", self.ctl("replay", "--reason", "unreadable"))
        self.assertEqual(self.count("frame", "nserie = 'cursed' AND replayed"), 1)
        self.assertEqual(self.listed(), [])

    def test_who_replays_is_in_the_log(self):
        self.ctl("replay", "--all")
        said = [each for each in self.hilerad.events("control_command") if each["command"] == "dead_letter_replay"]
        self.assertEqual([each["outcome"] for each in said], ["done"])
        self.assertTrue(said[0]["pid"].isdecimal())

    def test_what_makes_no_sense_is_refused(self):
        self.ctl("replay", status=64)
        self.ctl("replay", "--all", "--id", "1", status=64)
        self.assertIn("1 not_found", self.ctl("replay", "--id", "1", status=1))
        self.assertIn("printable ASCII", self.ctl("list", "--reason", "a b", status=1))


if __name__ == "__main__":
    unittest.main()
