# SPDX-License-Identifier: GPL-2.0-only
#
# For the tests that move a Debian guest with processes of every kind (selftests/guest/crew.c): what it
# is started with, and what its console must have said in the end. Read with ".", after tap.sh; not a test.
# Where the way is slow, memory that was freed need not travel: init_on_free.
con=/tmp/console
kernel=$(echo /guest/[56].*)
crew_append="console=ttyS0 quiet cryptomgr.notests panic=-1 init_on_free=1 guest.run=crew,1000000,1"

say() {
	echo "# $*"
}
steps() {
	sed -n 's/^compute: step \([0-9]*\), .* s\(, MEMORY LOST\)*\r*$/\1/p' "$@"
}
# Waits until a step after this one is printed here: STEP, SECONDS.
beyond() {
	i=$(($2 * 5))
	while [ $i -gt 0 ]; do
		[ "$(steps $con | tail -n 1)" -gt "$1" ] 2>/dev/null && return 0
		sleep 0.2
		i=$((i - 1))
	done
	return 1
}
# Waits until every process has said here that it works: WAYS, SECONDS.
all_work() {
	i=$2
	while [ "$i" -gt 0 ]; do
		missing=
		for kind in $1 long; do
			tr -d '\r' <$con | grep -q "^crew: $kind round" || missing="$missing $kind"
		done
		[ -n "$missing" ] || return 0
		sleep 1
		i=$((i - 1))
	done
	say "nothing yet from:$missing"
	return 1
}
last_words() {
	for log in /tmp/run.log /tmp/receive.log /tmp/resume.log; do
		[ ! -s $log ] || tail -n 15 $log | cut -c1-400 | sed 's/^/# tool: /'
	done
	tail -n 15 $con | tr -d '\r' | sed 's/^/# console: /'
}
# What 32-bit code executes and this host's CPU has not, the host carries out: VM, WAYS, TEXT.
ok_foreign() {
	grep -q '^vendor_id.*GenuineIntel' /proc/cpuinfo && theirs=syscall || theirs=sysenter
	case " $2 " in
	*" $theirs "*) ;;
	*) return 0 ;;
	esac
	theirs=$(echo "$theirs" | tr a-z A-Z)
	ok "$3 $theirs of 32-bit code" sh -c \
		"ferry stat --json $1 | grep -o '\"foreign_instructions\":{[^}]*}' | grep -q '\"$theirs\":'"
}
# Bochs's SYSRET spoils SS in a way that the guest's processes know (crew32.c); no other CPU may: CONSOLE... of
# this host.
ok_stacks() {
	repaired=$(cat "$@" | grep -c 'SS repaired')
	if [ "$LAB_EMULATOR" = bochs ]; then
		say "stacks spoilt by Bochs: $repaired"
	else
		ok "no process found its stack spoilt here" test "$repaired" = 0
	fi
}
# The whole console, from all hosts, and what was said last, after the last move: ALL, LAST, WAYS.
ok_console() {
	ok "nothing in its memory was lost" sh -c "! grep -q 'LOST\|lost' $1"
	ok "its CPU has these ways into the kernel: $3" grep -q "^crew: long $3[^a-z]*\$" $1
	for kind in $3 long; do
		mine=$(tr -d '\r' <$1 | sed -n "s/^crew: $kind round \([0-9]*\)$/\1/p")
		ok "its $kind process worked on: every round to $(echo "$mine" | tail -n 1)" sh -c "
			test '$(echo $mine)' = '$(echo $(seq 16 16 "$(echo "$mine" | tail -n 1)"))' &&
			tr -d '\r' <$2 | grep -q '^crew: $kind round'"
	done
	ok "its clock never went back" sh -c "! grep -q 'time went back' $1"
	# Words, not bytes: the guest was stopped anywhere, and sed ends its last line as that of the file ends.
	last=$(steps $1 | tail -n 1)
	ok "the console has no gap: every step to $last once and in order" \
		test "$(echo $(steps $1))" = "$(echo $(seq "$last"))" || gap $1
}
# What stands around the first line that is not the next step.
gap() {
	at=$(steps $1 | awk '$1 != NR { print NR; exit }')
	grep -a -n -A 12 "^compute: step $((${at:-1} - 1))," $1 | cat -A | head -n 16 | sed 's/^/# gap: /'
}
