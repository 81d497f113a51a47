#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Tries what doed's sandbox is to forbid, and prints for each attempt its name and "succeeded" or the reason.

    probe.py MODULE       the file of a kernel module to load

What succeeded is undone. Outside of a sandbox, as root, everything has to succeed: that is what shows that it is the
sandbox that stops an attempt.
"""

import ctypes
import mmap
import os
import signal
import socket
import sys
import time

libc = ctypes.CDLL(None, use_errno=True)
SYS = {"ptrace": 101, "personality": 135, "sched_setscheduler": 144, "mount": 165, "umount2": 166, "sethostname": 170,
       "iopl": 172, "init_module": 175, "delete_module": 176, "clock_settime": 227, "kexec_load": 246, "unshare": 272,
       "bpf": 321}  # of x86-64


def call(name, *arguments):
    if libc.syscall(SYS[name], *arguments) == -1:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def read(path):
    with open(path, "rb") as file:
        file.read(1)


def write_again(path):
    """Opens a file of the kernel for writing and writes what it says already."""
    with open(path, "r+", encoding="ascii") as file:
        value = file.read().strip()
        file.seek(0)
        file.write(value)


def create_in(folder):
    path = os.path.join(folder, "doed-probe")
    with open(path, "w", encoding="ascii"):
        pass
    os.unlink(path)


def in_child(action):
    """For what cannot be undone in this process; by its exit status, since the pipe of a lost child says nothing."""
    child = os.fork()
    if child == 0:
        try:
            action()
        except OSError as error:
            os._exit(error.errno or 255)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if status != 0:
        error = os.waitstatus_to_exitcode(status)
        raise OSError(error, os.strerror(error) if error > 0 else f"signal {-error}")


def ptrace_sibling():
    child = os.fork()
    if child == 0:
        signal.pause()
    try:
        call("ptrace", 16, child, 0, 0)  # PTRACE_ATTACH
        os.waitpid(child, os.WUNTRACED)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def load_module(path):
    with open(path, "rb") as file:
        image = file.read()
    call("init_module", image, ctypes.c_ulong(len(image)), b"")
    call("delete_module", os.path.basename(path).removesuffix(".ko").encode(), os.O_NONBLOCK)


def mount_something():
    call("mount", b"probe", b"/mnt", b"tmpfs", 0, None)
    call("umount2", b"/mnt", 0)


def set_clock():
    seconds, nanoseconds = divmod(time.time_ns(), 10**9)
    call("clock_settime", 0, (ctypes.c_long * 2)(seconds, nanoseconds))


def make_setuid_file():
    path = "/tmp/doed-probe"
    with open(path, "w", encoding="ascii"):
        pass
    try:
        os.chmod(path, 0o4755)
    finally:
        os.unlink(path)


def become_root():
    os.setresuid(0, 0, 0)


def attempts(module):
    yield "read /etc/shadow", lambda: read("/etc/shadow")
    for folder in ("/usr", "/etc", "/var", "/home", "/root", "/opt", "/boot", "/run"):
        yield f"create a file in {folder}", lambda folder=folder: create_in(folder)
    yield "write to /sys/kernel", lambda: write_again("/sys/kernel/mm/ksm/pages_to_scan")
    yield "write to /sys/module", lambda: write_again("/sys/module/kernel/parameters/panic_on_warn")
    yield "write to /proc/sys", lambda: write_again("/proc/sys/vm/swappiness")
    yield "list /home", lambda: os.listdir("/home")
    yield "read a disk", lambda: read("/dev/vda")
    yield "read the kernel's log", lambda: os.close(os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK))
    yield "open an AF_INET socket", lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM).close()
    yield "open an AF_INET6 socket", lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).close()
    yield "open an AF_PACKET socket", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close()
    yield "load a module", lambda: load_module(module)
    yield "trace a process", ptrace_sibling
    yield "load another kernel", lambda: call("kexec_load", ctypes.c_ulong(0), ctypes.c_ulong(0), None, ctypes.c_ulong(0))
    yield "mount a file system", mount_something
    yield "make a user namespace", lambda: in_child(lambda: call("unshare", 0x10000000))
    yield "make a mount namespace", lambda: in_child(lambda: call("unshare", 0x00020000))
    yield "set the clock", set_clock
    yield "set the host's name", lambda: call("sethostname", os.uname().nodename.encode(), len(os.uname().nodename))
    yield "make a BPF map", lambda: call("bpf", 0, (ctypes.c_uint32 * 18)(2, 4, 4, 1), 72)
    yield "have memory written and executed", lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC).close()
    yield "become a real-time process", lambda: in_child(lambda: call("sched_setscheduler", 0, 1, (ctypes.c_int * 1)(1)))
    yield "make a setuid file", make_setuid_file
    yield "change the execution domain", lambda: in_child(lambda: call("personality", ctypes.c_ulong(0x0040000)))
    yield "get at I/O ports", lambda: in_child(lambda: call("iopl", 3))
    yield "become root", lambda: in_child(become_root)


for name, attempt in attempts(sys.argv[1]):
    try:
        attempt()
        print(f"{name}: succeeded", flush=True)
    except OSError as problem:
        print(f"{name}: {problem.strerror}", flush=True)
