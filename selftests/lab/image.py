# SPDX-License-Identifier: GPL-2.0-only
"""What is in a host's and a guest's initramfs.

A host's is two cpio archives one behind the other: the base (busybox, libc, the kernel's modules)
depends on the kernel alone and is cached; the rest (ferry.ko, the tool, the tests, the job) is made
for each boot. Archives are written here, in Python, so that neither root nor cpio is needed.
"""
import contextlib
import errno
import hashlib
import os
import re
import shlex
import shutil
import signal
import stat
import subprocess
import tempfile
import time

from kernels import LabError, cache_dir

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.join(TOP, "build")
BUSYBOX = "/bin/busybox"
TEST_DIRS = ("api", "guest", "migrate", "bench")


class Cpio:
    """A newc archive in memory."""

    def __init__(self):
        self.parts = []
        self.dirs = set()
        self.ino = 0

    def _entry(self, name, mode, data=b"", rdev=(0, 0)):
        self.ino += 1
        raw = name.encode() + b"\0"
        fields = (self.ino, mode, 0, 0, 1, 0, len(data), 0, 0, rdev[0], rdev[1], len(raw), 0)
        head = b"070701" + b"".join(b"%08X" % f for f in fields) + raw
        self.parts += [head, b"\0" * (-len(head) % 4), data, b"\0" * (-len(data) % 4)]

    def directory(self, name):
        name = name.strip("/")
        if name and name not in self.dirs:
            self.directory(os.path.dirname(name))
            self.dirs.add(name)
            self._entry(name, stat.S_IFDIR | 0o755)

    def data(self, name, data, mode=0o644):
        name = name.strip("/")
        self.directory(os.path.dirname(name))
        self._entry(name, stat.S_IFREG | mode, data)

    def file(self, name, path):
        with open(path, "rb") as f:
            self.data(name, f.read(), 0o755 if os.access(path, os.X_OK) else 0o644)

    def link(self, name, target):
        name = name.strip("/")
        self.directory(os.path.dirname(name))
        self._entry(name, stat.S_IFLNK | 0o777, target.encode())

    def device(self, name, major, minor):
        name = name.strip("/")
        self.directory(os.path.dirname(name))
        self._entry(name, stat.S_IFCHR | 0o600, rdev=(major, minor))

    def bytes(self):
        self._entry("TRAILER!!!", 0)
        body = b"".join(self.parts)
        return body + b"\0" * (-len(body) % 512)


def add_busybox(cpio):
    if not os.path.exists(BUSYBOX):
        raise LabError("%s is missing; run .ci/setup" % BUSYBOX)
    cpio.file("bin/busybox", BUSYBOX)
    applets = subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True, check=True)
    for applet in applets.stdout.split():
        if applet != "busybox":
            cpio.link("bin/" + applet, "busybox")
    for d in ("proc", "sys", "dev", "tmp", "run", "root", "etc"):
        cpio.directory(d)
    cpio.link("sbin", "bin")
    cpio.device("dev/console", 5, 1)
    cpio.data("etc/hosts", b"127.0.0.1 localhost\n10.0.0.1 a\n10.0.0.2 b\n")
    cpio.data("etc/passwd", b"root::0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n")
    cpio.data("etc/group", b"root:x:0:\nnogroup:x:65534:\n")


def libraries(programs):
    """The shared libraries that these programs load, by the paths they are loaded from."""
    programs = [p for p in programs if os.path.exists(p)]
    if not programs:
        return []
    out = subprocess.run(["ldd"] + programs, capture_output=True, text=True).stdout
    return sorted(set(re.findall(r"(?:=> )?(/\S+) \(0x", out)))


def base(kernel):
    """The cached part of a host's image."""
    with open(__file__, "rb") as f:
        made_by = hashlib.sha256(f.read() + b"%d" % os.stat(BUSYBOX).st_mtime_ns).hexdigest()[:12]
    path = os.path.join(cache_dir(), "base-%s-%s" % (os.path.basename(kernel.dir), made_by))
    if not os.path.exists(path):
        cpio = Cpio()
        add_busybox(cpio)
        for name in sorted(os.listdir(kernel.modules)):
            cpio.file("lib/modules/%s/%s" % (kernel.release, name),
                      os.path.join(kernel.modules, name))
        with tempfile.TemporaryDirectory(prefix="tmp-", dir=cache_dir()) as tmp:
            with open(tmp + "/base", "wb") as f:
                f.write(cpio.bytes())
            os.rename(tmp + "/base", path)
        prune()
    os.utime(path)  # for prune()
    with open(path, "rb") as f:
        return f.read()


def prune():
    """Takes base images that nobody has used for a day out of the cache, and what was left half made."""
    for name in os.listdir(cache_dir()):
        path = os.path.join(cache_dir(), name)
        with contextlib.suppress(OSError):  # another lab was faster
            if not name.startswith(("base-", "tmp")) or time.time() - os.path.getmtime(path) < 86400:
                continue
            if os.path.isdir(path):
                shutil.rmtree(path)
            else:
                os.unlink(path)


def module_path(kernel):
    return os.path.join(BUILD, kernel.release, "ferry.ko")


def stale(kernel):
    """A source of the module that is newer than ferry.ko, or None."""
    built_at = os.path.getmtime(module_path(kernel))
    for top in ("module", "uapi"):
        for where, _, names in os.walk(os.path.join(TOP, top)):
            for name in names:
                path = os.path.join(where, name)
                if name.endswith((".c", ".h", ".S")) and os.path.getmtime(path) > built_at:
                    return os.path.relpath(path, TOP)
    return None


_scratch = []


def scratch():
    """This lab's own directory for what goes when it goes. A short path: sockets live in it."""
    if not _scratch:
        top = tempfile.gettempdir()
        for name in os.listdir(top):  # of labs that were killed
            if (m := re.fullmatch(r"ferry-lab-(\d+)-\w+", name)) and not os.path.exists("/proc/" + m[1]):
                shutil.rmtree(os.path.join(top, name), ignore_errors=True)
        _scratch.append(tempfile.mkdtemp(prefix="ferry-lab-%d-" % os.getpid()))
    return _scratch[0]


def clean_up():
    while _scratch:
        shutil.rmtree(_scratch.pop(), ignore_errors=True)


def stripped(path):
    with tempfile.TemporaryDirectory(dir=scratch()) as tmp:
        out = os.path.join(tmp, "stripped")
        got = subprocess.run(["strip", "-g", "-o", out, path], env=dict(os.environ, LC_ALL="C"),
                             stderr=subprocess.PIPE, text=True)
        if got.returncode == -signal.SIGXFSZ or os.strerror(errno.ENOSPC) in got.stderr:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), out)
        if got.returncode:
            raise LabError("%s cannot be stripped: %s" % (path, got.stderr.strip()))
        with open(out, "rb") as f:
            return f.read()


def built(directory):
    """(name, path) of what was built from selftests/DIRECTORY and still has its source."""
    here = os.path.join(TOP, "selftests", directory)
    for source in sorted(os.listdir(here)) if os.path.isdir(here) else []:
        stem, dot = os.path.splitext(source)
        name = {".c": stem, ".S": stem + ".bin", ".sh": source}.get(dot)
        path = os.path.join(BUILD, "selftests", directory, name or "")
        if name and os.path.isfile(path):
            yield name, path


def guest_initrd():
    """A guest's initramfs: busybox, an init that does what guest.run= says, our guest programs."""
    cpio = Cpio()
    add_busybox(cpio)
    cpio.file("init", os.path.join(TOP, "selftests/guest/init"))
    for name, path in built("guest"):
        if not name.endswith(".bin"):
            cpio.file("bin/" + name, path)
    return cpio.bytes()


def host_image(kernel, env, jobs, guests=(), files=(), module=True):
    """All of a host's initramfs.

    env: variables for the job; jobs: (seconds, command line); guests: kernels to put under /guest;
    files: (path here, path there).
    """
    cpio = Cpio()
    programs = []
    cpio.data("init", open(os.path.join(HERE, "init"), "rb").read(), 0o755)
    cpio.file("bin/lab", os.path.join(BUILD, "selftests/lab/client"))
    if module:
        if not os.path.exists(module_path(kernel)):
            raise LabError("%s is missing; run make modules-all" % module_path(kernel))
        cpio.data("lib/ferry.ko", stripped(module_path(kernel)))
    tool = os.path.join(TOP, "userspace/ferry")
    if os.path.exists(tool):
        cpio.file("bin/ferry", tool)
        programs.append(tool)
    for d in TEST_DIRS:
        for name, path in built(d):
            cpio.file("tests/%s/%s" % (d, name), path)
            programs.append(path)
    for here, there in files:
        cpio.file(there, here)
        programs.append(here)
    for lib in libraries([p for p in programs if os.access(p, os.X_OK)]):
        cpio.file(lib, os.path.realpath(lib))
    for guest in guests:
        cpio.file("guest/%s/bzImage" % guest.series, guest.bzimage)
        cpio.file("guest/%s/vmlinux" % guest.series, guest.vmlinux)
    if guests:
        cpio.data("guest/initrd", guest_initrd())
    cpio.data("lab/env", "".join("export %s=%s\n" % (k, shlex.quote(str(v)))
                                 for k, v in env.items()).encode())
    cpio.data("lab/jobs", "".join("%d %s\n" % job for job in jobs).encode())
    return base(kernel) + cpio.bytes()
