# SPDX-License-Identifier: GPL-2.0-only
"""Debian's kernels, as the lab boots them.

A packaged kernel is fetched with apt once and kept outside the repository, in $FERRY_CACHE or
~/.cache/ferry: the bzImage as shipped, the ELF from inside it (it boots through PVH without a
decompressor), and the few modules a host needs, decompressed.
"""
import contextlib
import fcntl
import glob
import lzma
import os
import re
import shutil
import subprocess
import tempfile

# With everything they depend on. Hosts find them under /lib/modules for busybox's modprobe.
MODULES = ["virtio_pci", "virtio_net", "virtio_blk", "virtio_rng", "kvm", "kvm_amd", "kvm_intel", "msr",
           "cpuid", "tun", "vhost_net", "loop", "ata_piix", "sd_mod"]
LAYOUT = 4  # of a kernel's directory in the cache; a new number makes it anew

SERIES = ("6.1", "6.12", "6.1-debug")


class LabError(Exception):
    """Something the user can do something about."""


def cache_dir():
    path = os.environ.get("FERRY_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "ferry")
    os.makedirs(path, exist_ok=True)
    return path


@contextlib.contextmanager
def locked():
    """One process at a time fills the cache."""
    with open(os.path.join(cache_dir(), "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def version_key(text):
    return [int(n) for n in re.findall(r"\d+", text)]


def release(series):
    """The kernel release for "6.1": the newest whose headers are installed."""
    found = [os.path.basename(d)[len("linux-headers-"):]
             for d in glob.glob("/usr/src/linux-headers-%s.*-cloud-amd64" % series)]
    if not found:
        raise LabError("no kernel headers for %s; run .ci/setup" % series)
    return max(found, key=version_key)


class Kernel:
    """Attributes: series, release, dir, and the paths bzimage, vmlinux and modules."""

    def __init__(self, series):
        self.series = series
        if series.endswith("-debug"):
            self._debug()
        else:
            self._packaged()

    def _packaged(self):
        self.release = release(self.series)
        self.dir = os.path.join(cache_dir(), "%s.%d" % (self.release, LAYOUT))
        self.bzimage = os.path.join(self.dir, "bzImage")
        self.vmlinux = os.path.join(self.dir, "vmlinux")
        self.modules = os.path.join(self.dir, "modules")
        if not os.path.isdir(self.dir):
            with locked():
                if not os.path.isdir(self.dir):
                    self._fetch()

    def _debug(self):
        built = glob.glob("%s/%s.*/done" % (cache_dir(), self.series))
        if not built:
            raise LabError("the debug kernel is not built; run selftests/lab/debug-kernel")
        self.dir = os.path.dirname(max(built, key=os.path.getmtime))
        build = self.dir + "/build"
        with open(build + "/include/config/kernel.release") as f:
            self.release = f.read().strip()
        self.bzimage = build + "/arch/x86/boot/bzImage"
        self.vmlinux = build + "/vmlinux"
        self.modules = self.dir + "/modules"
        if not os.path.isdir(self.modules):
            with locked():
                if not os.path.isdir(self.modules):
                    self._pick_modules(self.dir + "/tree", self.modules)

    def needs_loading(self, name):
        """Whether a module is one to load; not if it is built in."""
        name = name.replace("-", "_")
        if os.path.exists("%s/%s.ko" % (self.modules, name)) or os.path.exists(
                "%s/%s.ko" % (self.modules, name.replace("_", "-"))):
            return True
        with open(self.modules + "/modules.builtin") as f:
            if name in (os.path.basename(line.strip())[:-3].replace("-", "_") for line in f):
                return False
        raise LabError("the lab has no module %s for %s; see MODULES in kernels.py"
                       % (name, self.series))

    def e1000(self):
        """The driver of Bochs's network card, which the cloud kernels come without: its path."""
        source = "/usr/src/linux-source-%s.tar.xz" % self.series
        headers = "/usr/src/linux-headers-" + self.release
        if not os.path.exists(source) or not os.path.isdir(headers):
            raise LabError("%s and %s are needed for Bochs's network card; run .ci/setup"
                           % (source, headers))
        out = os.path.join(cache_dir(), "e1000-%s-%x" % (self.release, os.stat(source).st_mtime_ns))
        with locked():
            if not os.path.isdir(out):
                self._build_e1000(source, headers, out)
        return out + "/e1000.ko"

    @staticmethod
    def _build_e1000(source, headers, out):
        with tempfile.TemporaryDirectory(prefix="tmp-", dir=cache_dir()) as tmp:
            where = "drivers/net/ethernet/intel/e1000"
            subprocess.run(["tar", "-C", tmp, "-xf", source, "--strip-components=1", "--wildcards",
                            "*/%s/*" % where], check=True)
            got = subprocess.run(["make", "-C", headers, "M=%s/%s" % (tmp, where), "CONFIG_E1000=m",
                                  "CONFIG_DEBUG_INFO_BTF_MODULES=", "modules"], capture_output=True,
                                 text=True)
            if got.returncode:
                raise LabError("the driver e1000 does not build: %s" % got.stderr[-2000:])
            os.mkdir(tmp + "/out")
            subprocess.run(["strip", "-g", "-o", tmp + "/out/e1000.ko",
                            "%s/%s/e1000.ko" % (tmp, where)], check=True)
            os.rename(tmp + "/out", out)

    def _fetch(self):
        package = "linux-image-" + self.release
        with tempfile.TemporaryDirectory(dir=cache_dir()) as tmp:
            got = subprocess.run(["apt-get", "-o", "DPkg::Lock::Timeout=300", "download", package],
                                 cwd=tmp, capture_output=True, text=True, stdin=subprocess.DEVNULL)
            debs = glob.glob(tmp + "/*.deb")
            if got.returncode or not debs:
                raise LabError("cannot download %s: %s\n(newer headers than images? run apt-get "
                               "update, then .ci/setup)" % (package, got.stderr.strip()))
            subprocess.run(["dpkg", "-x", debs[0], tmp + "/x"], check=True)
            out = tmp + "/out"
            os.mkdir(out)
            with open("%s/x/boot/vmlinuz-%s" % (tmp, self.release), "rb") as f:
                bzimage = f.read()
            with open(out + "/bzImage", "wb") as f:
                f.write(bzimage)
            with open(out + "/vmlinux", "wb") as f:
                f.write(unpack_bzimage(bzimage))
            self._pick_modules(tmp + "/x", out + "/modules")
            os.chmod(out, 0o755)
            os.rename(out, self.dir)

    def _pick_modules(self, tree, out):
        top = "%s/lib/modules/%s" % (tree, self.release)
        subprocess.run(["/sbin/depmod", "-b", tree, self.release], check=True)
        depends = {}
        with open(top + "/modules.dep") as f:
            for line in f:
                name, _, needs = line.partition(":")
                depends[name] = needs.split()
        by_name = {os.path.basename(p).split(".")[0].replace("-", "_"): p for p in depends}
        wanted = set()
        for name in MODULES:
            if name in by_name:  # otherwise it is built in
                wanted |= {by_name[name], *depends[by_name[name]]}
        final, out = out, out + ".new"
        shutil.rmtree(out, ignore_errors=True)
        os.makedirs(out)
        shutil.copy(top + "/modules.builtin", out)
        with open(out + "/modules.dep", "w") as dep:
            for path in sorted(wanted):
                plain = [re.sub(r"\.xz$", "", os.path.basename(p)) for p in [path] + depends[path]]
                dep.write("%s:%s\n" % (plain[0], "".join(" " + p for p in plain[1:])))
                opener = lzma.open if path.endswith(".xz") else open
                with opener(os.path.join(top, path), "rb") as src, \
                     open(os.path.join(out, plain[0]), "wb") as dst:
                    shutil.copyfileobj(src, dst)
                subprocess.run(["strip", "-g", os.path.join(out, plain[0])], check=True)
        os.rename(out, final)


def unpack_bzimage(image):
    """The vmlinux inside a bzImage (boot protocol 2.08: payload_offset, payload_length)."""
    setup_sects = image[0x1f1] or 4
    offset = int.from_bytes(image[0x248:0x24c], "little")
    length = int.from_bytes(image[0x24c:0x250], "little")
    payload = image[(setup_sects + 1) * 512 + offset:][:length]
    tools = {b"\x02\x21\x4c\x18": "lz4", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd",
             b"\x1f\x8b": "gzip", b"BZh": "bzip2"}
    tool = next((t for magic, t in tools.items() if payload.startswith(magic)), None)
    if tool is None:
        raise LabError("unknown compression in bzImage: %s" % payload[:6].hex())
    # The build appends the unpacked size, which the tools call trailing garbage.
    size = int.from_bytes(payload[-4:], "little")
    out = subprocess.run([tool, "-dc"], input=payload[:-4] if tool != "gzip" else payload,
                         capture_output=True).stdout
    if out[:4] != b"\x7fELF" or len(out) != size:
        raise LabError("%s gave %d of %d bytes of vmlinux" % (tool, len(out), size))
    return out
