#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The tool with a tiny Multiboot kernel (multiboot.S): what the loader hands over, each way a run
# can end, the UART both ways, consoles. Takes seconds; needs no Debian guest.
n=0
check() { # check STATUS WANTED TEXT
	n=$((n + 1))
	if [ "$1" = "$2" ]; then
		echo "ok $n - $3"
	else
		echo "not ok $n - $3"
		echo "# got '$1', wanted '$2'"
		cut -c1-200 /tmp/err /tmp/con 2>/dev/null | sed 's/^/# /'
		echo
	fi
}
has() { # has FILE WORDS TEXT
	grep -q -- "$2" $1
	check $? 0 "$3"
}
kernel=/tests/guest/multiboot.bin
up() { # wait until the VM runs: that takes a host under KASAN ten seconds
	for i in $(seq 150); do
		ferry list | grep -q "^mb *running" && return
		sleep 0.2
	done
}
run() { # run LETTER [OPTIONS]
	letter=$1
	shift
	timeout 60 ferry run --name mb --kernel $kernel --memory 4M --append "one two do:$letter" \
		"$@" >/tmp/con 2>/tmp/err </dev/null
	status=$?
}

# --- what it is handed
echo "first module" >/tmp/mod1
echo "second module" >/tmp/mod2
run p --initrd "/tmp/mod1 with words" --module /tmp/mod2
check $status 0 "S5 ends a run with 0"
has /tmp/con "^multiboot: up" "the kernel runs"
has /tmp/con "multiboot.bin one two do:p$" "its command line"
has /tmp/con "^/tmp/mod1 with words=first module" "its first module"
has /tmp/con "^/tmp/mod2=second module" "its second module"
has /tmp/con "^memory KiB 3711$" "its memory map: 4 MiB less 385 KiB for tables and adapters"
run m; has /tmp/con "^all ones" "empty addresses and ports read all ones"

# --- ends
run x --debug-exit; check $status 33 "--debug-exit: 0x10 becomes 33"
run x --debug-exit=0x501 --no-reboot & up; sleep 1; ferry stop --force mb 2>/dev/null; wait
check "$(ls /run/ferry)" "" "at another port nothing happens"
run x & up; sleep 1; ferry list >/tmp/list
ferry stat mb >/tmp/stat; ferry stat --json mb >/tmp/seen
ferry stop --force mb 2>/dev/null; wait
has /tmp/list "^mb *running" "without --debug-exit the port is nobody's"
has /tmp/stat "cr4_ever_set *0x" "ferry stat: bits of CR4 that were ever set"
has /tmp/stat "never_enabled:" "ferry stat: what the guest never enabled"
ferry cpu check @host @host --seen /tmp/seen >/tmp/err
check $? 2 "ferry cpu check reads what ferry stat wrote: it has no kvmclock"
has /tmp/err "raw-tsc: the guest keeps time by a TSC" "... and a description does not tell this host's rate"
run t; check $status 22 "a triple fault ends a run with 22"
has /tmp/err "triple fault" "... and says so"
has /tmp/err "rip 0010:0000000000100" "... with the registers"
run r --no-reboot; check $status 0 "reset by the keyboard controller"
run c --no-reboot; check $status 0 "reset by port 0xcf9"
run c &
for i in 1 2 3 4 5 6 7 8; do
	sleep 2
	ferry list --json >/tmp/list
	boots=$(sed 's/.*"boots":\([0-9]*\).*/\1/' /tmp/list)
	[ "${boots:-0}" -le 3 ] 2>/dev/null || break
done
ferry stop --force mb 2>/dev/null; wait
[ "$boots" -gt 3 ]; check $? 0 "without --no-reboot it starts again and again ($boots times)"

# --- the console
printf 'hello\nq' >/tmp/in
timeout 120 ferry run --name mb --kernel $kernel --memory 4M --append do:e >/tmp/con 2>/tmp/err \
	</tmp/in
check $? 0 "typed bytes arrive by interrupt"
has /tmp/con "^hello$" "... and come back"
head -c 3000 /dev/zero | tr '\0' x >/tmp/in; echo q >>/tmp/in
timeout 120 ferry run --name mb --kernel $kernel --memory 4M --append do:e >/tmp/con 2>/tmp/err \
	</tmp/in
check "$(tr -cd x </tmp/con | wc -c)" 3000 "3000 bytes at once: none is lost"

ferry run --name mb --kernel $kernel --memory 4M --append do:e --console socket:/tmp/sock \
	2>/tmp/err </dev/null &
up
test -S /tmp/sock; check $? 0 "a console on a socket"
ferry stop --force mb; wait
test -e /tmp/sock; check $? 1 "... is removed with the VM"
ferry run --name mb --kernel $kernel --memory 4M --append do:e --console pty:/tmp/link \
	2>/tmp/err </dev/null &
up
cat /tmp/link >/tmp/con &
reader=$!
printf 'over the pty\nq' >/tmp/link
wait %1 2>/dev/null
# The pty's end is the reader's: it has read everything when it goes.
i=0
while [ $i -lt 50 ] && kill -0 $reader 2>/dev/null; do
	sleep 0.2
	i=$((i + 1))
done
kill $reader 2>/dev/null
has /tmp/con "over the pty" "a console on a pseudo-terminal"
test -e /tmp/link; check $? 1 "... whose link is removed"
run p --console nowhere; check $status 64 "a console of no kind"
run p --console none; check $status 0 "no console"
check "$(cat /tmp/con)" "" "... prints nothing"
run p --boot pvh; check $status 16 "--boot pvh with a Multiboot image"
run p --boot multiboot; check $status 0 "--boot multiboot"
check "$(ls /run/ferry)" "" "nothing is left behind"

# --- over the loopback to "another host": what a VM brings along stays away from that host's files
there() { FERRY_RUN_DIR=/run/there FERRY_STATE_DIR=/tmp/there "$@"; }
is_there() { # is_there STATE: wait until the VM is that on the other host
	for i in $(seq 50); do
		there ferry list | grep -q "^mb *$1" && return
		sleep 0.2
	done
	false
}
over() { # over KERNEL FILE: one VM comes over that was booted from there, and has the console file
	ferry run --name mb --uuid 11111111-2222-3333-4444-555555555555 --kernel $1 --memory 4M --append do:e --console file:$2 2>/tmp/err </dev/null &
	vm=$!
	up
	rm $2
	ferry migrate mb 127.0.0.1:7002 --plain >/tmp/con 2>&1
	check $? 0 "a move"
	wait $vm
	is_there running
}
reset() { # reset WORDS TEXT: it resets over there, and the receiver says that
	echo '!' >$(there ferry list | sed -n 's/^mb .* //p')
	for i in $(seq 50); do
		grep -q "asked for a reboot, but: $1" /tmp/receive && break
		sleep 0.2
	done
	has /tmp/receive "asked for a reboot, but: $1" "$2"
	for i in $(seq 50); do # it says so while it still has its name
		there ferry list | grep -q "^mb" || break
		sleep 0.2
	done
}
stopped() { # stopped TEXT: what "ferry stop" in the background ended with
	wait $stop; check $? 6 "$1"
	has /tmp/stop "not stopped.*runs on 127.0.0.1 now" "... but says where the VM is"
	is_there running; check $? 0 "... for there it runs"
	there ferry stop --force mb; check $? 0 "... until it is stopped there"
}
mkdir /tmp/boot
there ferry receive 127.0.0.1:7002 --plain --boot-files /tmp/boot >/tmp/receive 2>&1 </dev/null &
receiver=$!
over $kernel /tmp/ours
there ferry list >/tmp/con
has /tmp/con "^mb *running.* /dev/pts/" "... makes the console a pty, whatever the VM's was"
test -e /tmp/ours; check $? 1 "... and touches no file"
has /tmp/receive "comes with the console file:/tmp/ours" "... which is said"
has /tmp/receive "a reboot of the guest will end it here: $kernel is not in /tmp/boot" "... as is that it cannot reboot"
reset "$kernel is not in /tmp/boot" "... nor does it"
cp $kernel /tmp/boot/mb
over /tmp/boot/mb /tmp/ours
check "$(grep -c 'will end it here' /tmp/receive)" 1 "... with a kernel file that may be read"
echo '!' >$(there ferry list | sed -n 's/^mb .* //p')
for i in $(seq 50); do
	there ferry list --json >/tmp/con
	grep -q '"boots":2' /tmp/con && break
	sleep 0.2
done
has /tmp/con '"boots":2' "... it can reboot"
rm /tmp/boot/mb
reset "cannot read /tmp/boot/mb" "... while the file is there"
cp $kernel /tmp/boot/mb
ferry run --name mb --kernel /tmp/boot/mb --memory 4M --append do:e --console none 2>/tmp/err </dev/null &
up
ferry stop mb >/tmp/stop 2>&1 &
stop=$!
sleep 0.5
guest_ms() { there ferry list --json | sed -n 's/.*"guest_ms":\([0-9]*\),.*/\1/p'; }
ferry pause mb
ferry migrate mb 127.0.0.1:7002 --plain >/tmp/con 2>&1; check $? 0 "a move while it waits for a stop"
is_there paused; check $? 0 "a VM that is paused arrives so"
from=$(guest_ms)
sleep 0.3
check "$(guest_ms)" "$from" "... and its clock stands still ($from ms)"
there ferry continue mb
is_there running
[ "$(guest_ms)" -gt "$from" ]; check $? 0 "... until it goes on"
stopped "a stop whose VM moves away does not end well"
/tests/migrate/cutter 7003 7002 late RUNNING >/tmp/con 2>&1 &
cutter=$!
ferry run --name mb --kernel /tmp/boot/mb --memory 4M --append do:e --console none 2>/tmp/err </dev/null &
vm=$!
up
ferry migrate mb 127.0.0.1:7003 --plain >/tmp/con 2>&1 &
is_there running
ferry stop --force mb >/tmp/stop 2>&1 &
stop=$!
stopped "nor one by force between COMMIT and RUNNING"
wait $vm; check $? 0 "... the process here ends with 0"
has /tmp/err "runs on 127.0.0.1 now" "... and says it too"
kill $cutter
wait $cutter
check "$(ls /run/there)" "" "... nothing is left there"
kill $receiver
wait $receiver

# --- a guest that powers off while it moves
head -c 3000000 /dev/urandom >/tmp/mod1
mkfifo /tmp/keys
ferry run --name mb --kernel $kernel --memory 8M --append do:e --initrd /tmp/mod1 >/tmp/con \
	2>/tmp/err </tmp/keys &
vm=$!
exec 3>/tmp/keys
FERRY_RUN_DIR=/run/there FERRY_STATE_DIR=/tmp/there ferry receive 127.0.0.1:7001 --plain --once \
	>/tmp/receive 2>&1 </dev/null &
receiver=$!
up
head -c 200 /dev/zero | nc 127.0.0.1 7001 >/dev/null
there ferry run --name mb --kernel $kernel --memory 4M --append do:h --console none </dev/null &
is_there running
ferry migrate mb 127.0.0.1:7001 --plain >/tmp/con 2>&1; check $? 26 "a name that is taken there: refused"
has /tmp/receive "a VM named mb runs already" "... with the reason"
there ferry stop --force mb
ferry migrate mb 127.0.0.1:7001 --plain --bandwidth 100K >/tmp/move 2>&1 &
move=$!
for i in $(seq 100); do
	ferry list | grep -q "^mb *migrating" && break
	sleep 0.2
done
sleep 1
echo q >&3
exec 3>&-
wait $move; check $? 6 "the guest powers off while it moves: the move ends with 6"
tr '\r' '\n' </tmp/move >/tmp/con
has /tmp/con "the guest powered off while the VM was being moved; it runs nowhere" "... and says why"
wait $vm; check $? 0 "... its process with 0"
for i in $(seq 50); do
	grep -q powered /tmp/receive && break
	sleep 0.2
done
has /tmp/receive "the guest powered off" "... and the other side is told"
kill $receiver 2>/dev/null
wait $receiver
check "$(ls /run/ferry /run/there | grep -v :)" "" "... nothing is left on either"
ferry help nosuch >/tmp/con 2>/tmp/err; check $? 64 "help of a command that is none"
echo "1..$n"
