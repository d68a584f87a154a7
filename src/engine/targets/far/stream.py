# The log stream of a target, in python3: the same as stream.pl. Words: the folder of our records.
import os
import select
import sys
import time

root = sys.argv[1]
jobs = {}
active = beat = -60.0
pending = b""
waiting = False


def put(data):
    while data:
        data = data[os.write(1, data):]


def send_log(uid, job, stream):
    """Sends what is new in one log, a megabyte at most; true if more is there."""
    global active
    path = root + "/log/" + uid + (".err" if stream == "err" else "")
    try:
        if os.stat(path).st_size <= job[stream]:
            return False
        with open(path, "rb", buffering=0) as log:
            log.seek(job[stream])
            for _ in range(16):
                data = log.read(65536)
                if not data:
                    return False
                active = time.monotonic()
                put(("L %s %s %d %d\n" % (uid, stream, job[stream], len(data))).encode() + data)
                job[stream] += len(data)
                if len(data) < 65536:
                    return False
    except FileNotFoundError:
        return False
    return True


def end_record(uid):
    try:
        with open(root + "/end/" + uid, "rb") as end:
            return end.readline().rstrip()
    except FileNotFoundError:
        return None


def used(uid):
    """The start of the file `usage` of a job: the job may have put a FIFO there, or a file without an end."""
    path = root + "/job/" + uid + "/usage"
    try:
        if not os.path.isfile(path):
            return b""
        with open(path, "rb") as usage:
            return usage.read(1000).replace(b"\n", b"|")
    except OSError:
        return b""


try:
    while True:
        now = time.monotonic()
        nap = 0 if waiting else 2 if not jobs else 0.1 if now - active < 10 else 0.25
        if select.select([0], [], [], nap)[0]:
            got = os.read(0, 65536)
            if not got:
                break
            lines = (pending + got).split(b"\n")
            pending = lines.pop()
            active = time.monotonic()
            for line in lines:
                # the end of the program, which some shells leave for us to read
                if not line:
                    continue
                verb, uid, *offsets = line.decode().split(" ")
                if verb == "W":
                    jobs[uid] = {"out": int(offsets[0])}
                    if offsets[1] != "-":
                        jobs[uid]["err"] = int(offsets[1])
                elif verb == "X":
                    jobs.pop(uid, None)
        waiting = False
        for uid, job in jobs.items():
            # the end is looked at first: all bytes of before are there then
            record = None if "ended" in job else end_record(uid)
            more = [send_log(uid, job, stream) for stream in ("out", "err") if stream in job]
            waiting = waiting or any(more)
            if record is not None and not any(more):
                job["ended"] = True
                put(b"E " + record + b"|" + used(uid) + b"\n")
        if time.monotonic() - beat >= 2:
            beat = time.monotonic()
            put(b"H\n")
except BrokenPipeError:
    pass
