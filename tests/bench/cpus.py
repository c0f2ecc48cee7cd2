"""What the CPUs do that have nothing to do while a bench measures: they poll.

A virtual CPU that halts is given back to the hypervisor. Then whoever has something
for a process that sleeps there pays for its coming back, and where proxy, client and
server take turns this is most of what the proxy seems to cost; how much, changes with
the host's other guests (docs/decisions/008-idle-cpus-poll.md).

The kernel lets CPUs poll as long as somebody holds its file open with the number 0
in it, so this ends with the process, whatever that dies of.
"""

import os
import struct

LATENCY = "/dev/cpu_dma_latency"
_polling = False
_told = "idle CPUs do as the machine is set"


def start(opts):
    """From now on, and until this process ends, if that can be had."""
    global _polling, _told
    if opts.idle_cpus != "poll":
        return
    try:
        fd = os.open(LATENCY, os.O_RDWR | os.O_CLOEXEC)
        os.write(fd, struct.pack("i", 0))
        _polling, _told = True, "idle CPUs poll"
    except OSError as e:
        _told += ", they cannot be told to poll: %s" % e


def polling():
    """Is it so?"""
    return _polling


def told():
    """What they do, in words."""
    return _told
