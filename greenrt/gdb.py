"""gdb commands for programs that use greenrt, in a live process and in a core file.

    (gdb) source greenrt/gdb.py
    (gdb) info greenlets           the greenlets of every thread: name, state, for how long, who has spawned it, where
    (gdb) info greenlets REGEX     those whose line matches
    (gdb) greenlet 7               the backtrace of one; up, down, frame and print then work in it
    (gdb) greenlet                 back to what the thread itself runs
    (gdb) greenlet apply all bt    a command for each; or  greenlet apply 3 7 bt

Nothing runs in the process, and no register is written: an unwinder claims the thread's innermost frame, and says that
it was called from where the greenlet waits. That one frame keeps the number 0, the greenlet's own begin at 1. Going on
(continue, step) ends it; go back to the thread before a step.

Times are as of the hub's last look at the clock. Members of Hub, Greenlet and Context are read by their names, for which hub.cc has full debug information in every
build. What a switch saves where is read from the machine code of jump_fcontext. x86-64 only.
"""

import re

import gdb
import gdb.unwinder

RUNTIME = re.compile(r"(greenrt|std|boost|__gnu_cxx)::")  # not what somebody wants to know of where a greenlet is
NO_RTTI = re.compile(r"warning: RTTI symbol not found for class '.*'\n")  # gdb cannot find classes made of lambdas


def nanoseconds(time_point):
    return int(time_point["__d"]["__r"])


def duration_text(nanos):
    for unit, size in (("h", 3_600_000_000_000), ("min", 60_000_000_000), ("s", 1_000_000_000)):
        if nanos >= size:
            return f"{nanos / size:.1f} {unit}"
    return f"{nanos / 1_000_000:.1f} ms"


def address_of(value):
    return int(value.cast(gdb.lookup_type("unsigned long")))


def at(address, kind):
    return gdb.Value(address).cast(kind.pointer()).dereference()


def class_named(name):
    try:
        return gdb.lookup_type(name)
    except gdb.error:
        raise gdb.GdbError(f"the program has no debug information on {name}")


class Object:
    """An object in the process, whose members are read by name. The way around gdb's own look at the dynamic type, which
    warns of every class that is made of a lambda."""

    def __init__(self, address, kind):
        self.address, self.kind = address, kind.strip_typedefs()

    @staticmethod
    def _find(kind, name):
        for each in kind.fields():
            if each.is_base_class:
                if (found := Object._find(each.type.strip_typedefs(), name)) is not None:
                    return each.bitpos // 8 + found[0], found[1]
            elif each.name == name and hasattr(each, "bitpos"):
                return each.bitpos // 8, each.type
        return None

    def member(self, name):
        found = self._find(self.kind, name)
        if found is None:
            raise gdb.GdbError(f"{self.kind.name} has no member {name}: this gdb.py belongs to another version")
        return Object(self.address + found[0], found[1])

    @property
    def value(self):
        return at(self.address, self.kind)

    def __getitem__(self, name):
        return self.member(name).value

    def text(self, name):
        """A std::string."""
        text = self[name]
        return text["_M_dataplus"]["_M_p"].string(errors="replace", length=int(text["_M_string_length"]))

    def enumerator(self, name):
        """The name without its scope, as kRunning."""
        return str(self[name]).rpartition("::")[2]


class SavedRegisters:
    """Where jump_fcontext leaves what belongs to the context that it left."""

    _layout = None

    @classmethod
    def _read_layout(cls):
        try:
            start = address_of(gdb.parse_and_eval("(unsigned long) &jump_fcontext"))
        except gdb.error as error:
            raise gdb.GdbError(f"jump_fcontext of Boost.Context is not to be found: {error}")
        offsets, size = {}, None
        with gdb.with_parameter("disassembly-flavor", "att"):
            code = gdb.selected_inferior().architecture().disassemble(start, start + 64)
        for instruction in code:
            text = instruction["asm"]
            if frame := re.match(r"(?:lea\s+-0x(\w+)\(%rsp\),%rsp|sub\s+\$0x(\w+),%rsp)", text):
                size = int(frame[1] or frame[2], 16)
            elif saved := re.match(r"mov\s+%(rbx|rbp|r1[2-5]),0x(\w+)\(%rsp\)", text):
                offsets[saved[1]] = int(saved[2], 16)
            elif re.match(r"mov\s+%rdi,%rsp", text):
                break
        if size is None or len(offsets) != 6:
            raise gdb.GdbError("jump_fcontext saves its registers in a way that is not known here")
        return offsets, size

    @classmethod
    def read(cls, machine):
        """The registers, by name, of a context whose stack pointer was left at `machine`."""
        if cls._layout is None:
            cls._layout = cls._read_layout()
        offsets, size = cls._layout
        word = gdb.lookup_type("unsigned long")
        registers = {name: at(machine + offset, word) for name, offset in offsets.items()}
        registers["rip"] = at(machine + size, word)
        registers["rsp"] = gdb.Value(machine + size + 8).cast(word)
        return registers

    @classmethod
    def forget_layout(cls, _event):
        cls._layout = None


class Unwinder(gdb.unwinder.Unwinder):
    """While a greenlet is chosen: the caller of its thread's innermost frame is where the greenlet waits."""

    class FrameId:
        def __init__(self, sp, pc):
            self.sp, self.pc = sp, pc

    def __init__(self):
        super().__init__("greenrt")
        self.thread = None
        self.machine = None

    def choose(self, thread, machine):
        self.thread, self.machine = thread, machine
        gdb.invalidate_cached_frames()

    def applies(self):
        thread = gdb.selected_thread()
        return self.thread is not None and thread is not None and thread.ptid == self.thread.ptid

    def __call__(self, pending):
        if pending.level() != 0 or not self.applies():
            return None
        # gdb takes a stack for damaged whose outer frames lie below the inner ones: the frame pretends to lie below.
        sp = gdb.Value(self.machine).cast(gdb.lookup_type("unsigned long"))
        unwound = pending.create_unwind_info(self.FrameId(sp, pending.read_register("rip")))
        for name, value in SavedRegisters.read(self.machine).items():
            unwound.add_saved_register(name, value)
        return unwound


class FrameFilter:
    """Leaves the thread's own frame out of a greenlet's backtrace."""

    def __init__(self):
        self.name, self.priority, self.enabled = "greenrt", 100, True

    def filter(self, frames):
        for frame in frames:
            if frame.inferior_frame().level() != 0 or not unwinder.applies():
                yield frame


class Greenlet(Object):
    def __init__(self, number, thread, hub, address):
        super().__init__(address, class_named("greenrt::Greenlet"))
        self.number, self.thread, self.hub = number, thread, hub
        self.by_number = {}  # the numbers here of all that live

    @property
    def name(self):
        return self.text("name_") or "(no name yet)"

    @property
    def running(self):
        return int(self.hub["running_"]) == self.address

    @property
    def has_begun(self):
        return self.enumerator("state_") == "kRunning"

    @property
    def state(self):
        if self.running:
            return "running"
        if not self.has_begun:
            return {"kStarted": "not begun", "kEnded": "ended"}.get(self.enumerator("state_"), "unknown")
        if self["queued_"]:
            return "ready"
        what = self["waiting_for_"]
        if not int(what):
            return "waits"
        owner = self.by_number.get((self.thread.num, self.waits_on), "")
        return f"waits for {what.string(errors='replace')} {owner}".rstrip()

    @property
    def waits_on(self):
        """The number of the greenlet that would have to end, or to let the lock go; 0 if there is none."""
        where = int(self["waiting_in_"])
        return int(Object(where, class_named("greenrt::WaitList"))["owner_"]) if where else 0

    @property
    def in_state(self):
        if self.running:
            return ""
        return duration_text(max(nanoseconds(self.hub["now_"]) - nanoseconds(self["since_"]), 0))

    def __str__(self):
        return f'Greenlet {self.number} "{self.name}", {self.state}, of thread {self.thread.num}'

    @property
    def spawner(self):
        number = int(self["spawner_"])
        return str(self.by_number.get((self.thread.num, number), "ended")) if number else "hub"

    def choose(self):
        """Has the frames of its thread be those of the greenlet. Returns the innermost one."""
        self.thread.switch()
        if self.running:
            unwinder.choose(None, None)
            return gdb.newest_frame()
        if not self.has_begun:
            raise gdb.GdbError(f"greenlet {self.number} has no stack: {self.state}")
        unwinder.choose(self.thread, address_of(self.member("context_")["machine_"]))
        frame = gdb.newest_frame().older()
        if frame is None:
            raise gdb.GdbError(f"the stack of greenlet {self.number} cannot be read")
        return frame

    def place(self):
        """Function and line of the innermost frame that is not the runtime's."""
        if not self.has_begun:
            return ""
        innermost = frame = self.choose()
        while frame is not None and (frame.name() is None or RUNTIME.match(frame.name())):
            frame = frame.older()
        return describe(frame or innermost)


def describe(frame):
    sal = frame.find_sal()
    line = f" at {sal.symtab.filename}:{sal.line}" if sal.symtab else ""
    return f"{frame.name() or hex(frame.pc())}{line}"


def greenlets_of(hub):
    """The addresses of a hub's greenlets, in the order in which they were started."""
    hook = Object(0, class_named("greenrt::Greenlet")).member("all_hook").address
    end = hub.member("all_").member("data_").member("root_plus_size_").member("m_header")
    node, seen = end["next_"], set()
    while int(node) not in (0, end.address):
        if int(node) in seen:
            raise gdb.GdbError("the hub's list of greenlets is damaged")
        seen.add(int(node))
        yield int(node) - hook
        node = node["next_"]


def hubs():
    """(thread, hub) for each thread that has one, in the order of the threads."""
    if not gdb.selected_inferior().threads():
        raise gdb.GdbError("there is neither a process nor a core file")
    kind = class_named("greenrt::Hub")
    for thread in sorted(gdb.selected_inferior().threads(), key=lambda each: each.num):
        thread.switch()
        try:
            with gdb.with_parameter("language", "c++"):
                hub = int(gdb.parse_and_eval("greenrt::Hub::current_hub"))
        except gdb.error as error:
            print(f"thread {thread.num}: its hub cannot be read: {error}")
            continue
        if hub:
            yield thread, Object(hub, kind)


def all_greenlets():
    found = [(thread, hub, address) for thread, hub in list(hubs()) for address in greenlets_of(hub)]
    everybody = [Greenlet(number, *each) for number, each in enumerate(found, 1)]
    by_number = {(each.thread.num, int(each["number_"])): each.number for each in everybody}
    for each in everybody:
        each.by_number = by_number
    return everybody


def greenlets_numbered(numbers):
    with Selection():
        found = {each.number: each for each in all_greenlets()}
    missing = [number for number in numbers if number not in found]
    if missing:
        raise gdb.GdbError(f"there is no greenlet {missing[0]}")
    return [found[number] for number in numbers]


def run(command):
    print(NO_RTTI.sub("", gdb.execute(command, to_string=True)), end="")


class Selection:
    """Brings back thread, greenlet and frame at the end of a `with`."""

    def __enter__(self):
        self.thread, self.chosen = gdb.selected_thread(), (unwinder.thread, unwinder.machine)
        self.level = gdb.selected_frame().level() if self.thread else 0

    def __exit__(self, *_failure):
        unwinder.choose(*self.chosen)
        if self.thread:
            self.thread.switch()
            frame = gdb.newest_frame()
            while frame.level() < self.level and frame.older():
                frame = frame.older()
            frame.select()


class InfoGreenlets(gdb.Command):
    """List the greenlets of every thread: info greenlets [REGEX]"""

    def __init__(self):
        super().__init__("info greenlets", gdb.COMMAND_STATUS)

    def invoke(self, argument, _from_tty):
        try:
            wanted = re.compile(argument)
        except re.error as error:
            raise gdb.GdbError(f"not a regular expression: {error}")
        rows = []
        with Selection():
            for each in all_greenlets():
                row = (str(each.number), str(each.thread.num), each.name, each.state, each.in_state,
                       each.spawner, each.place())
                if wanted.search("  ".join(row)):
                    rows.append(row)
        if not rows:
            print("No greenlets.")
            return
        rows.insert(0, ("Id", "Thread", "Name", "State", "For", "Spawner", "Where"))
        widths = [max(len(row[column]) for row in rows) for column in range(6)]
        for row in rows:
            cells = [cell.ljust(width) for cell, width in zip(row[1:], widths[1:])]
            print("  ".join([row[0].rjust(widths[0]), *cells, row[-1]]).rstrip())


class ChooseGreenlet(gdb.Command):
    """Print the backtrace of a greenlet, and have frame commands work in it: greenlet NUMBER
Without a number: back to what the thread itself runs."""

    def __init__(self):
        super().__init__("greenlet", gdb.COMMAND_STACK, prefix=True)

    def invoke(self, argument, _from_tty):
        if not argument:
            unwinder.choose(None, None)
            run("frame")
            return
        if not argument.isdigit():
            raise gdb.GdbError("greenlet takes a number of `info greenlets`")
        [chosen] = greenlets_numbered([int(argument)])
        chosen.choose().select()
        print(chosen)
        run("backtrace")


class ApplyToGreenlets(gdb.Command):
    """Run a command in several greenlets: greenlet apply all|NUMBER... COMMAND"""

    def __init__(self):
        super().__init__("greenlet apply", gdb.COMMAND_STACK)

    def invoke(self, argument, _from_tty):
        words = re.fullmatch(r"\s*(all|\d+(?:\s+\d+)*)\s+(\D.*)", argument)
        if not words:
            raise gdb.GdbError("greenlet apply takes `all` or numbers of `info greenlets`, and a command")
        with Selection():
            chosen = all_greenlets() if words[1] == "all" else greenlets_numbered([int(each) for each in words[1].split()])
            for each in chosen:
                print(f"\n{each}")
                if each.running or each.has_begun:
                    each.choose().select()
                    run(words[2])


unwinder = Unwinder()
gdb.unwinder.register_unwinder(None, unwinder, replace=True)
gdb.frame_filters["greenrt"] = FrameFilter()
gdb.events.cont.connect(lambda _event: unwinder.choose(None, None))
gdb.events.exited.connect(lambda _event: unwinder.choose(None, None))
gdb.events.new_objfile.connect(SavedRegisters.forget_layout)
InfoGreenlets()
ChooseGreenlet()
ApplyToGreenlets()
