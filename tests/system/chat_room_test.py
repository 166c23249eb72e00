"""The page of the chat room of the examples, in a browser: headless Chromium, two of them, on loopback only.

The program is example_26_chat_room of the folder EXAMPLES_BIN, or of build/asan/bin.
"""

import contextlib
import os
import pathlib
import signal
import subprocess
import unittest
import urllib.parse

from selenium.webdriver.common.keys import Keys

from browser import Browser, PATIENCE, eventually

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ.get("EXAMPLES_BIN", ROOT / "build/asan/bin")) / "example_26_chat_room"
MARKUP = "<img src=x onerror=\"document.title='owned'\"><b>bold</b>"


class Server:
    def __init__(self, port=0):
        self.process = subprocess.Popen([PROGRAM, "--port", str(port)], stdout=subprocess.PIPE, text=True)
        self.address = self.process.stdout.readline().strip()

    @property
    def port(self):
        return urllib.parse.urlsplit(self.address).port

    def stop(self):
        """The exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.stdout.close()
        return self.process.wait(PATIENCE)


class User(Browser):
    def join(self, name, room="lobby"):
        self.element("#name").send_keys(name)
        field = self.element("#room")
        field.clear()
        field.send_keys(room, Keys.ENTER)

    def say(self, text):
        self.element("#text").send_keys(text, Keys.ENTER)


class ChatRoom(unittest.TestCase):
    def setUp(self):
        self.server = Server()
        self.addCleanup(lambda: self.server.stop())  # the one that runs then
        self.stack = contextlib.ExitStack()
        self.addCleanup(self.stack.close)

    def user(self, name=None, room="lobby"):
        user = User(self.server.address, self.stack)
        if name:
            user.join(name, room)
            user.wait_for("#status", "connected")
        return user

    def assert_nothing_wrong(self, user):
        self.assertEqual(user.console(), [])
        asked = [urllib.parse.urlsplit(each) for each in user.addresses()]
        hosts = {each.hostname for each in asked if each.scheme in ("http", "https", "ws", "wss")}
        self.assertEqual(hosts, {"127.0.0.1"})

    def test_two_people_talk_and_one_leaves(self):
        ada = self.user("ada")
        bob = self.user("bob")
        ada.wait_for(".notice", "bob came in.")
        self.assertEqual(ada.texts("#users li"), ["ada", "bob"])
        self.assertEqual(bob.texts("#users li"), ["ada", "bob"])

        ada.say("hello bob")
        bob.wait_for(".message p", "hello bob")
        bob.say("hello ada")
        for user in (ada, bob):
            user.wait_for(".message p", "hello ada")
            self.assertEqual(user.texts(".message p"), ["hello bob", "hello ada"])
            self.assertEqual(user.texts(".message b"), ["ada", "bob"])
        self.assertEqual(ada.texts(".message.mine p"), ["hello bob"])

        # Markup is text.
        ada.say(MARKUP)
        bob.wait_for(".message p", MARKUP)
        for user in (ada, bob):
            self.assertEqual(user.texts("#log img, #log p b"), [])
            self.assertEqual(user.driver.title, "#lobby - greenrt chat")

        # Who comes later is shown what was said; who is in another room hears nothing.
        cleo = self.user("cleo")
        self.assertEqual(cleo.texts(".message p"), ["hello bob", "hello ada", MARKUP])
        eve = self.user("eve", "cellar")
        self.assertEqual(eve.texts(".message p"), [])

        bob.element("#leave").click()
        ada.wait_for(".notice", "bob left.")
        self.assertEqual(ada.texts("#users li"), ["ada", "cleo"])
        self.assertTrue(bob.element("#entrance").is_displayed())
        for user in (ada, bob, cleo, eve):
            self.assert_nothing_wrong(user)

    def test_a_name_that_is_taken_is_refused_and_another_one_is_let_in(self):
        self.user("ada")
        other = self.user()
        other.join("ada")
        other.wait_for("#refusal", "that name is taken")
        other.element("#name").send_keys("2", Keys.ENTER)
        other.wait_for("#status", "connected")
        self.assertEqual(other.texts("#users li"), ["ada", "ada2"])
        self.assert_nothing_wrong(other)

    def test_after_a_restart_of_the_server_everybody_is_back_and_nothing_shown_is_lost(self):
        ada = self.user("ada")
        bob = self.user("bob")
        ada.say("before")
        bob.wait_for(".message p", "before")
        for user in (ada, bob):
            self.assert_nothing_wrong(user)
        port = self.server.port
        self.assertEqual(self.server.stop(), 0)
        for user in (ada, bob):
            eventually(lambda: user.texts("#status[data-state=off]"), "the page says that there is no connection")
            self.assertFalse(user.element("#say button").is_enabled())
        self.server = Server(port)
        for user in (ada, bob):
            user.wait_for(".notice", "You are back.")
        eventually(lambda: ada.texts("#users li") == ["ada", "bob"], "both are there again")
        bob.say("after")
        ada.wait_for(".message p", "after")
        self.assertEqual(ada.texts(".message p"), ["before", "after"])

    def test_it_can_be_used_with_the_keyboard_and_by_a_screen_reader(self):
        ada = self.user("ada")
        self.assertEqual(ada.driver.switch_to.active_element.get_attribute("id"), "text")
        self.assertEqual(ada.element("#text").accessible_name, "Message")
        self.assertEqual(ada.element("#log").aria_role, "log")
        self.assertEqual(ada.element("#status").aria_role, "status")
        ada.element("#leave").send_keys(Keys.ENTER)
        self.assertEqual(ada.element("#name").accessible_name, "Your name")
        self.assert_nothing_wrong(ada)


if __name__ == "__main__":
    unittest.main()
