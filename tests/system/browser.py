"""A browser for tests of pages: headless Chromium, on loopback only, each with a profile of its own."""

import json
import shutil
import tempfile
import time

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

PATIENCE = 60.0  # seconds; for what takes a moment, on a machine that is busy
CHROMIUM = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-default-apps",
    "--disable-extensions", "--disable-features=OptimizationHints,MediaRouter,Translate",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--window-size=1100,760",
]


def eventually(condition, what):
    """The first result of `condition` that is true."""
    deadline = time.monotonic() + PATIENCE
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {PATIENCE:.0f} s: {what}")
        time.sleep(0.02)
    return result


class Browser:
    """Ends with `stack`."""

    def __init__(self, address, stack):
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="hilera-chromium-", ignore_cleanup_errors=True))
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for argument in [*CHROMIUM, f"--user-data-dir={folder}"]:
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(service=Service(shutil.which("chromedriver")), options=options)
        stack.callback(self.driver.quit)
        self.driver.get(address)

    def element(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def texts(self, selector):
        return self.driver.execute_script(
            "return [...document.querySelectorAll(arguments[0])].map(each => each.textContent)", selector)

    def wait_for(self, selector, text):
        eventually(lambda: text in self.texts(selector), f"{text!r} among {selector}")

    def console(self):
        return [entry for entry in self.driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]

    def addresses(self):
        """Of all requests so far, the browser's own pages among them."""
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        for event in events:
            if event["method"] == "Network.requestWillBeSent":
                yield event["params"]["request"]["url"]
            elif event["method"] == "Network.webSocketCreated":
                yield event["params"]["url"]
