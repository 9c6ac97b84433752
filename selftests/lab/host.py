# SPDX-License-Identifier: GPL-2.0-only
"""An emulated host: one emulator process, its image, its serial lines and its time limit.

Each emulator is a class with the same face: command() is what to run, start() runs it, and the
serial log tells what happened. How the process ended tells nothing (QEMU ended by SIGTERM exits 0,
Bochs calls a normal power-off a panic).
"""
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import time

import image
from kernels import LabError

CMDLINE = ("console=ttyS0,115200 panic=-1 oops=panic quiet loglevel=2 cryptomgr.notests audit=0 "
           "selinux=0 apparmor=0 random.trust_cpu=on no_timer_check "
           "initcall_blacklist=load_system_certificate_list,blacklist_init")
CYLINDER = 16 * 63 * 512  # of a disk: Bochs takes whole ones
ADDRESSES = {"a": "10.0.0.1", "b": "10.0.0.2"}
running = set()  # every host that was started, for the lab's own sudden end


def kill_all():
    for host in list(running):
        if host.running():
            host.kill()


class Host:
    """What all emulators share. Options are the lab's command-line options."""

    emulator = None
    network = ("virtio_pci", "virtio_net")  # the kernel's modules for the card between two hosts
    disk = "/dev/vda", "virtio_pci", "virtio_blk"  # what the disk is called, and its modules

    def __init__(self, kernel, options, directory, name="a", pair=None):
        self.kernel = kernel
        self.options = options
        self.dir = directory
        self.name = name
        self.pair = pair  # directory of the sockets that connect two hosts, or None
        self.process = None
        self.notes = []  # for the report
        self.log = os.path.join(directory, name + ".log")
        self.control_path = os.path.join(pair or directory, name + ".ctl")
        self.initrd = os.path.join(directory, name + ".initrd")

    def modprobe(self):
        wanted = list(self.network) if self.pair else []
        wanted += self.disk[1:] if self.options.disk else []
        wanted += self.options.modprobe
        return [m for m in dict.fromkeys(wanted) if self.kernel.needs_loading(m)]

    def drivers(self):
        """Modules that are not of the packaged kernel: paths here."""
        return []

    def spare_cpu(self):
        """True where CPU 0 may not run guests, so that the host has one more than it was asked for."""
        return False

    def boots_alone(self):
        """True where the other CPUs start when the kernel has booted; /init does that."""
        return False

    def nudged(self):
        """True where a CPU may miss an interrupt until the next one; /init sees to that one."""
        return False

    def peer(self):
        return "b" if self.name == "a" else "a"

    def build(self, jobs):
        o = self.options
        drivers = {"/lib/" + os.path.basename(path): path for path in self.drivers()}
        env = {"LAB_HOST": self.name, "LAB_KERNEL": self.kernel.series,
               "LAB_EMULATOR": self.emulator, "LAB_CPU": o.cpu,
               "LAB_ICOUNT": int(o.icount), "LAB_INSMOD": int(o.module and o.insmod),
               "LAB_MODULE_OPTIONS": o.module_options, "LAB_SHELL": int(o.shell),
               "LAB_SPARE_CPU": int(self.spare_cpu()), "LAB_NUDGED": int(self.nudged()),
               "LAB_MODPROBE": " ".join(self.modprobe()), "LAB_DRIVERS": " ".join(drivers)}
        if self.pair:
            env.update(LAB_ADDRESS=ADDRESSES[self.name], LAB_PEER=ADDRESSES[self.peer()],
                       LAB_PEER_NAME=self.peer())
        if o.disk:
            if os.path.getsize(o.disk) % CYLINDER:
                raise LabError("%s: the size is no multiple of %d; truncate -s %%%d makes it one"
                               % (o.disk, CYLINDER, CYLINDER))
            env["LAB_DISK"] = self.disk[0]
        for word in o.env:
            key, _, value = word.partition("=")
            env[key] = value
        if o.module and os.path.exists(image.module_path(self.kernel)):
            if newer := image.stale(self.kernel):
                self.notes.append("ferry.ko is older than %s: make modules-all?" % newer)
        with open(self.initrd, "wb") as f:
            files = o.files + [(here, there) for there, here in drivers.items()]
            f.write(image.host_image(self.kernel, env, jobs, o.guest, files, o.module))

    def cmdline(self):
        o = self.options
        words = [CMDLINE]
        if not o.mitigations:
            words.append("mitigations=off")
        if o.icount:
            words.append("nokaslr")
        if self.boots_alone():
            words.append("maxcpus=1 noreplace-smp")
        if self.nudged():
            words.append("tsc=reliable")
            if not self.spare_cpu():
                words.append("hpet=disable")  # under an HPET the RTC's alarm is 64 interrupts a second
        if o.append:
            words.append(o.append)
        return " ".join(words)

    def start(self):
        with open(os.path.join(self.dir, self.name + ".command"), "w") as f:
            f.write(shlex.join(self.command()) + "\n")
        self.stderr = open(os.path.join(self.dir, self.name + ".stderr"), "wb")
        if self.options.shell:
            self.launch(self.command(), stderr=self.stderr)
        else:
            self.launch(self.command(), stdin=subprocess.DEVNULL, stdout=self.stderr,
                        stderr=self.stderr)

    def launch(self, command, **how):
        """Starts the emulator. Should the lab be killed, it ends too."""
        if not self.options.shell:
            command = ["setpriv", "--pdeathsig", "TERM", "timeout", "-k", "5",
                       str(self.options.timeout + 15)] + command
            how["start_new_session"] = True
        self.process = subprocess.Popen(command, **how)
        self.deadline = time.monotonic() + self.options.timeout
        running.add(self)

    def running(self):
        return self.process is not None and self.process.poll() is None

    def stop(self):
        if self.running():
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.kill()
                self.process.wait()

    def kill(self):
        if self.options.shell:
            self.process.kill()
        else:
            os.killpg(self.process.pid, signal.SIGKILL)

    def output(self, last=None):
        """All that it has said, or the last so many bytes."""
        try:
            with open(self.log, "rb") as f:
                if last:
                    f.seek(max(0, os.path.getsize(self.log) - last))
                return f.read().decode(errors="replace").replace("\r", "")
        except OSError:
            return ""

    def errors(self):
        with open(os.path.join(self.dir, self.name + ".stderr"), errors="replace") as f:
            return f.read()


class Qemu(Host):
    emulator = "qemu"

    def spare_cpu(self):
        # With a thread for each CPU, every FXRSTOR, XRSTOR and FLDENV of any CPU reads and writes back
        # CPU 0's hflags2 without a lock (cpu_clear_ignne() in target/i386, to be found in 7.2). Now and
        # then that undoes what VMRUN or #VMEXIT has just done to the flag for nested paging there, and
        # a guest goes on as its host or the other way round.
        return self.threads()

    def boots_alone(self):
        # A thread that translates code while another patches it may keep what stood there before, for
        # good (pages are locked before they are translated since 8.1, not in 7.2). Of what a kernel
        # patches in itself nearly all is patched as it boots; once in a hundred boots a CPU went on
        # finding the INT3 of a static key, and the host died of it. In both cases on record it was the
        # key of sched_clock(), which a busy machine flips much later: the clocks' watchdog reads TSC and HPET
        # too far apart and calls the TSC unstable. With tsc=reliable it does not look.
        return self.threads()

    def nudged(self):
        # VMRUN and #VMEXIT change a bit of interrupt_request without the lock that whoever raises an
        # interrupt holds (7.2). If both happen at once the interrupt waits in the local APIC,
        # and the CPU does not look there before it is told of another: where it was the timer's, and
        # nothing else comes, never. Seen as IRR 236 with the timer run out and the CPU in HLT with IF=1.
        # What wakes nobody but a CPU hides no wake-up that Ferry forgot.
        return self.options.accel == "tcg" and not self.options.icount

    def threads(self):
        """Whether each CPU is a thread of its own.

        One thread for all would be free of both of these, and has worse: VMRUN leaves the vector of an
        interrupt that it injects in exception_index, and a thread that is asked to look up before the
        next exception (every 100 ms by the one that gives each CPU its turn) delivers it once more.
        Three of nine guests of two vCPUs hung; the one whose console was read had died of that.
        """
        o = self.options
        return o.accel == "tcg" and not o.icount and o.smp > 1

    def command(self):
        o = self.options
        program = shutil.which("qemu-system-x86_64")
        if program is None:
            raise LabError("qemu-system-x86_64 is missing; run .ci/setup")
        if o.icount and o.smp > 1 and self.kernel.series == "6.1":
            raise LabError("6.1 hangs when it starts a second CPU under icount; use 6.12 or --smp 1")
        # Through PVH a kernel stays on four levels, the decompressor is what switches to five; and
        # KASAN is not ready for PVH's first C code.
        packed = o.la57 or self.kernel.series.endswith("-debug")
        kernel = self.kernel.bzimage if packed else self.kernel.vmlinux
        cpu = o.cpu
        if o.accel == "tcg":
            cpu += ",+svm,la57=" + ("on" if o.la57 else "off")
        command = [program, "-machine", "q35", "-cpu", cpu, "-smp", str(o.smp + self.spare_cpu()), "-m", str(o.mem),
                   "-kernel", kernel, "-initrd", self.initrd,
                   "-append", self.cmdline(), "-display", "none", "-nodefaults", "-no-reboot"]
        if o.accel == "kvm":
            command += ["-accel", "kvm"]
        elif o.icount:
            command += ["-accel", "tcg,thread=single", "-icount", "shift=0,sleep=off",
                        "-rtc", "base=2026-01-01T00:00:00,clock=vm", "-seed", "1"]
        else:
            command += ["-accel", "tcg,thread=multi"]
        command += ["-serial", "mon:stdio" if o.shell else "file:" + self.log]
        # Deterministic runs have no second line: when a reply comes depends on the machine.
        if not o.icount:
            command += ["-chardev", "socket,id=ctl,path=%s" % self.control_path,
                        "-serial", "chardev:ctl",
                        "-qmp", "unix:%s.qmp,server=on,wait=off" % self.control_path]
        if self.pair:
            command += ["-netdev", "dgram,id=net,local.type=unix,local.path={0}/{1}.net,"
                        "remote.type=unix,remote.path={0}/{2}.net".format(
                            self.pair, self.name, self.peer()),
                        "-device", "virtio-net-pci,netdev=net,romfile=,host_mtu=%d,mac=52:54:00:00:00:0%d"
                        % (o.mtu, 1 if self.name == "a" else 2)]
        if o.disk:
            command += ["-drive", "if=none,id=disk,file=%s,format=raw,cache=unsafe" % o.disk,
                        "-device", "virtio-blk-pci,drive=disk"]
        return command

    def qmp(self, *commands):
        """Sends commands to the emulator's own monitor."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(self.control_path + ".qmp")
            f = s.makefile("rw")
            f.readline()
            for command in ({"execute": "qmp_capabilities"},) + commands:
                f.write(json.dumps(command) + "\n")
                f.flush()
                while "event" in (reply := json.loads(f.readline())):
                    pass
                if "error" in reply:
                    raise LabError("QMP: %s" % reply["error"])

    def link(self, up):
        self.qmp({"execute": "set_link", "arguments": {"name": "net", "up": up}})

    def cut(self):
        """The power fails: nothing is flushed, nothing is told."""
        self.kill()


EMULATORS = {"qemu": Qemu}
