"""The page of hilerad in a browser, while the simulator sends, the database is killed, and hilerad itself."""

import contextlib
import json
import unittest
import urllib.parse

from browser import Browser, eventually
from support import SystemTest, hileractl

REFUSED = "ERR_CONNECTION_REFUSED"
# Axes, marks and text as a screen reader has them: what is announced must have a name, and each table headings.
NAMELESS = """
  const named = (each) => each.ariaLabel || document.getElementById(each.getAttribute("aria-labelledby"))?.textContent;
  return [...document.querySelectorAll("section:not([hidden]), svg[role=img], [role=region], nav")]
    .filter((each) => !named(each)).map((each) => each.outerHTML.slice(0, 80))
    .concat([...document.querySelectorAll("tbody tr")].filter((row) => row.cells[0].scope !== "row").map(() => "row"));
"""


class Page(SystemTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.start_database()

    def setUp(self):
        self.stack = contextlib.ExitStack()
        self.addCleanup(self.stack.close)
        self.hilerad = self.start_hilerad()

    def open(self):
        return Browser(f"http://127.0.0.1:{self.hilerad.http_port}/", self.stack)

    def number(self, browser, table, row, column=1):
        """What a table says, as a number."""
        cells = browser.driver.execute_script(
            "return [...document.querySelectorAll(`#${arguments[0]} tbody tr`)].map(row => "
            "[...row.cells].map(cell => cell.textContent))", table)
        text = next(cells_of_row[column] for cells_of_row in cells if cells_of_row[0].strip("=+ ") == row)
        return float(text.replace(",", "")) if text not in ("", "\u2013") else None

    def wait_for_headline(self, browser, words):
        eventually(lambda: words in browser.texts("#headline")[0], f"the page says {words!r}")

    def assert_only_asked_us(self, browser):
        asked = [urllib.parse.urlsplit(each) for each in browser.addresses()]
        ours = {(each.hostname, each.port) for each in asked if each.scheme in ("http", "https", "ws", "wss")}
        self.assertEqual(ours, {("127.0.0.1", self.hilerad.http_port)})

    def test_a_status_of_another_form_ends_nothing(self):
        """As when the daemon is upgraded under an open page."""
        self.wait_until_ready(self.hilerad)
        browser = self.open()
        self.wait_for_headline(browser, "All is well")
        browser.driver.execute_script("window.trueFetch = fetch; window.fetch = async () => new Response('{}');")
        self.wait_for_headline(browser, "cannot be reached")
        eventually(lambda: "load it again" in browser.texts("#problems strong")[0], "it says why")
        browser.driver.execute_script("window.fetch = window.trueFetch;")
        self.wait_for_headline(browser, "All is well")

    def test_it_shows_what_goes_on_what_is_wrong_and_that_nobody_answers(self):
        self.wait_until_ready(self.hilerad)
        self.trial.start_simulator(self.hilerad.port, devices=20, rate=200, seconds=300, log=False)
        browser = self.open()
        self.wait_for_headline(browser, "All is well")
        eventually(lambda: (self.number(browser, "datagrams", "received", 2) or 0) > 50, "it shows the rate")
        eventually(lambda: (self.number(browser, "records", "stored") or 0) > 200, "it shows what is stored")
        self.assertEqual(browser.texts("#listeners tbody th"), ["trial"])
        self.assertEqual(len(browser.texts("#plots figure")), 8)
        eventually(lambda: "L" in browser.element("#plots figure > svg path").get_attribute("d"), "a line is drawn")
        eventually(lambda: " ms" in browser.texts("#latency tbody tr")[0] or "\u00b5s" in
                   browser.texts("#latency tbody tr")[0], "it shows the latency of acknowledgements")
        self.assertTrue(any("frame" in row for row in browser.texts("#greenlets tbody tr")))
        self.assertEqual(browser.driver.execute_script(NAMELESS), [])
        self.assertIn("All is well", browser.driver.title)
        self.assertEqual(browser.console(), [], "nothing is against the policy")

        # What is wrong, with the advice of hileractl.
        self.trial.database.kill()
        self.wait_for_headline(browser, "wrong")
        status = json.loads(hileractl("--control", self.hilerad.control, "--json", "status", status=None))
        advice = {each["advice"] for each in status["findings"] if each["severity"] == "problem"}
        eventually(lambda: advice & set(browser.texts("#problems span")), "it says what to do")
        eventually(lambda: (self.number(browser, "records", "pending") or 0) > 100, "records wait")
        eventually(lambda: "cannot be written" in " ".join(browser.texts("#database td")), "its state is shown")
        self.trial.database.start()
        self.wait_for_headline(browser, "All is well")

        # Nobody answers; then somebody does.
        self.hilerad.kill()
        self.wait_for_headline(browser, "cannot be reached")
        self.assertTrue(browser.driver.execute_script("return document.body.hasAttribute('data-stale')"))
        self.assertIn("cannot be reached", browser.driver.title)
        self.assertTrue(all(REFUSED in entry["message"] for entry in browser.console()))
        self.hilerad = self.start_hilerad(http={"port": self.hilerad.http_port})
        self.wait_for_headline(browser, "All is well")
        self.assertFalse(browser.driver.execute_script("return document.body.hasAttribute('data-stale')"))
        self.assert_only_asked_us(browser)

    def test_it_can_be_read_on_a_phone_and_in_the_dark(self):
        browser = self.open()
        self.wait_for_headline(browser, "All is well")
        grounds = set()
        for scheme in ("light", "dark"):
            browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia",
                                           {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
            grounds.add(browser.driver.execute_script("return getComputedStyle(document.body).backgroundColor"))
        self.assertEqual(len(grounds), 2)
        browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                                       {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True})
        eventually(lambda: browser.driver.execute_script("return innerWidth") == 360, "it is as wide as a phone")
        self.assertLessEqual(browser.driver.execute_script("return document.documentElement.scrollWidth"), 360)

    def test_a_refused_reload_is_shown_and_what_stands_in_the_file_stays_text(self):
        browser = self.open()
        self.wait_for_headline(browser, "All is well")
        markup = "<img src=x onerror=alert()>"
        self.hilerad.config.write_text(f'"{markup}": 1\n', encoding="utf-8")
        hileractl("--control", self.hilerad.control, "reload", status=1)
        self.wait_for_headline(browser, "One thing is wrong")
        self.assertIn("the last reload was refused", browser.texts("#problems strong")[0])
        self.assertIn(markup, browser.texts("#problems strong")[0])
        self.assertEqual(browser.texts("img"), [])
        said = hileractl("--control", self.hilerad.control, "status", status=None)
        self.assertIn("PROBLEM: the last reload was refused", said)
        self.assertIn(browser.texts("#problems span")[0], said)


if __name__ == "__main__":
    unittest.main()
