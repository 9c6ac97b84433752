#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
#	cross.sh [ROUND-TRIPS [IDENTITY [MEMORY [VCPUS]]]]
#
# A Debian guest that computes and prints, in 64-bit and 32-bit processes, travels between the CPUs of two
# vendors while it runs: from host a to host b and back, as often as said (once). Run on both hosts of a
# pair with --guest SERIES, a an Intel CPU and b an AMD CPU. What it sees of a CPU is what both hosts' own
# descriptions have in common; whose it takes it for is IDENTITY: a, b or nobody's (artificial, which is
# what "ferry cpu baseline" chooses). Each 32-bit process enters its kernel in one of the ways that such a CPU has.
trips=${1:-1}
identity=${2:-auto}
memory=${3:-96M}
vcpus=${4:-1}
case $identity in
a) identity=/tmp/a.cpuid ways="int80 vdso sysenter" ;;
b) identity=/tmp/b.cpuid ways="int80 vdso syscall" ;;
*) ways="int80 vdso sysenter syscall" ;;
esac
legs=$((2 * trips))
. /tests/api/tap.sh
. /tests/migrate/crewed.sh
# Both hosts stop together: the other one reads of it in the next note.
end() {
	[ $failed = 0 ] || {
		for i in $(seq 0 $legs); do
			lab put leg-"$i" 1 0
		done
		last_words
	}
	echo "1..$n"
	exit $failed
}
show_console() {
	tail -n +1 -f $con | awk '/^compute|^guest|LOST/ { sub(/\r/, ""); print "#    guest: " $0; fflush() }' &
}
# A file to the other host, and one from it: the note says that it listens. nc would stop at the end of
# what it has to say itself.
give() {
	lab put "sum-$2" "$(md5sum <"$1" | cut -c1-32)"
	LAB_WAIT=120 lab get "ready-$2" >/dev/null
	nc "$LAB_PEER" 4000 <"$1"
}
take() {
	[ -p /tmp/silence ] || mkfifo /tmp/silence
	nc -l -p 4000 >"$1" <>/tmp/silence &
	sleep 1
	lab put "ready-$2" yes
	wait $!
	test "$(md5sum <"$1" | cut -c1-32)" = "$(lab get "sum-$2")"
}

me=$(ip addr show eth0 | sed -n 's/.*inet \([0-9.]*\).*/\1/p')
say "$(uname -r), a CPU by $(sed -n 's/^vendor_id.*: //p' /proc/cpuinfo | head -n 1)"
: >$con
ferry cpu dump -o "/tmp/$LAB_HOST.cpuid" || failed=1
if [ "$LAB_HOST" = b ]; then
	give /tmp/b.cpuid dump
else
	ok "the hosts exchange what their CPUs are" take /tmp/b.cpuid dump || end
	say "ferry cpu baseline a.cpuid b.cpuid --identity $identity -o pool"
	ok "the two hosts have something in common" \
		ferry cpu baseline /tmp/a.cpuid /tmp/b.cpuid --identity "$identity" -o /tmp/pool || end
fi
say "ferry receive $me --plain"
ferry receive "$me" --plain --console file:$con >/tmp/receive.log 2>&1 </dev/null &
receive=$!
show_console

if [ "$LAB_HOST" = a ]; then
	say "ferry run --name cross --policy pool --kernel vmlinux --initrd initrd --memory $memory --vcpus $vcpus"
	ferry run --name cross --policy /tmp/pool --kernel "$kernel/vmlinux" --initrd /guest/initrd \
		--memory "$memory" --vcpus "$vcpus" --console file:$con \
		--append "$crew_append" >/tmp/run.log 2>&1 </dev/null &
	ok "the guest boots and computes" beyond 5 240
	lab put leg-0 "$failed 5"
fi

# Leg 1 goes from a to b, leg 2 back, and so on. The notes carry how it went and the last step seen.
leg=0
seen=0
while [ $leg -lt $legs ]; do
	note=$(LAB_WAIT=900 lab get leg-$leg)
	[ "${note% *}" = 0 ] || { failed=1; end; }
	leg=$((leg + 1))
	case $LAB_HOST$((leg % 2)) in
	a1 | b0) ;;
	*) continue ;;
	esac
	if [ $leg -gt 1 ]; then
		ok "leg $((leg - 1)) over: the guest computes on" beyond "${note#* }" 60
		beyond $(($(steps $con | tail -n 1) + 5)) 60
	fi
	ok_foreign cross "$ways" "leg $leg of $legs: until then the host carries out"
	say "ferry migrate cross $LAB_PEER --plain --verify --max-blackout 2s"
	ferry migrate cross "$LAB_PEER" --plain --verify --max-blackout 2s --timeout 300s >/tmp/migrate.log 2>&1
	status=$?
	tr '\r' '\n' </tmp/migrate.log | grep . | tail -n 8 | sed 's/^/#    /'
	ok "leg $leg of $legs: it moves to the other vendor's CPU" test $status = 0
	tail -c +$((seen + 1)) $con >/tmp/part-$leg
	seen=$(stat -c %s $con)
	lab put leg-$leg "$failed $(steps $con | tail -n 1)"
done

if [ "$LAB_HOST" = b ]; then
	cat /dev/null $(for i in $(seq 2 2 $legs); do echo /tmp/part-$i; done) >/tmp/parts
	stat -c %s $(for i in $(seq 2 2 $legs); do echo /tmp/part-$i; done) >/tmp/sizes
	lab put sizes $(cat /tmp/sizes)
	give /tmp/parts parts
	ok_stacks /tmp/parts
	LAB_WAIT=120 lab get over >/dev/null
	ok "nothing of it is left here" sh -c '! ferry list | grep -qw cross'
else
	note=$(LAB_WAIT=900 lab get leg-$legs)
	[ "${note% *}" = 0 ] || { failed=1; end; }
	ok "leg $legs over: the guest computes on" beyond "${note#* }" 60
	beyond $(($(steps $con | tail -n 1) + 10)) 60
	ferry stop --force cross
	sleep 2
	tail -c +$((seen + 1)) $con >/tmp/part-$((legs + 1))
	ok_stacks /tmp/part-*
	ok "the other host's part of the console" take /tmp/parts parts
	at=1
	leg=1
	for size in $(lab get sizes); do
		cat /tmp/part-$leg
		tail -c +$at /tmp/parts | head -c "$size"
		at=$((at + size))
		leg=$((leg + 2))
	done >/tmp/all
	cat /tmp/part-$((legs + 1)) >>/tmp/all
	ok_console /tmp/all /tmp/part-$((legs + 1)) "$ways"
	lab put over yes
fi
kill $receive
wait $receive 2>/dev/null
end
