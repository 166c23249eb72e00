#!/usr/bin/python3
"""What gevent takes for the work of greenrt_bench: nanoseconds for one turn, one greenlet, one item there and back.

    gevent_bench.py [--seconds S]   the names are those of greenrt_bench, with /gevent; the best of five runs each
"""

import argparse
import time

import gevent
import gevent.event
import gevent.queue


def yields(turns):
    def other():
        for _ in range(turns // 2):
            gevent.sleep(0)

    gevent.joinall([gevent.spawn(other), gevent.spawn(other)])


def spawn_join(turns):
    for _ in range(turns):
        gevent.spawn(int).join()


def event(turns):
    ping, pong = gevent.event.Event(), gevent.event.Event()

    def other():
        for _ in range(turns):
            ping.wait()
            ping.clear()
            pong.set()

    def one():
        for _ in range(turns):
            ping.set()
            pong.wait()
            pong.clear()

    gevent.joinall([gevent.spawn(other), gevent.spawn(one)])


def queue_pingpong(turns):
    there, back = gevent.queue.Queue(), gevent.queue.Queue()

    def other():
        for _ in range(turns):
            back.put(there.get())

    def one():
        for _ in range(turns):
            there.put(1)
            back.get()

    gevent.joinall([gevent.spawn(other), gevent.spawn(one)])


def measure(work, seconds):
    """Nanoseconds a turn, of CPU time: as many turns as take about a fifth of the time, five times, the best."""
    turns = 1000
    while True:
        began = time.process_time()
        work(turns)
        took = time.process_time() - began
        if took > seconds / 10:
            break
        turns *= 2
    best = took
    for _ in range(4):
        began = time.process_time()
        work(turns)
        best = min(best, time.process_time() - began)
    return best / turns * 1e9


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each line, about (default %(default)s)")
    arguments = parser.parse_args()
    for work, name in ((yields, "yield"), (spawn_join, "spawn_join"), (event, "event"),
                       (queue_pingpong, "queue_pingpong")):
        print(f"{name + '/gevent':<24}{measure(work, arguments.seconds):10.0f} ns", flush=True)


if __name__ == "__main__":
    main()
