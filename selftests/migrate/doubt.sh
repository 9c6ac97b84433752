#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Moves over a link that fails at the worst moments (migrate/cutter), with a Debian guest that prints
# as it computes: whatever happens it runs on one host at most, and goes on where it is told to, or
# where it is safe. Two directories for running VMs stand for two hosts. Run with --guest SERIES.
. /tests/migrate/hosts.sh
cutter=/tests/migrate/cutter
append="$append guest.run=compute,100000,4"

step() { sed -n 's/^compute: step \([0-9]*\),.*/\1/p' /tmp/con | tail -n 1; }
goes_on() { # goes_on TEXT
	from=$(step)
	said /tmp/con "step $((from + 5))," 60
	check $? 0 "$1"
}
stands_still() {
	from=$(step)
	sleep 1.5
	check "$(step)" "$from" "$1"
}
where() { # where NAME: which of the two shows it, and how
	for host in a b; do
		FERRY_RUN_DIR=/run/ferry-$host ferry list | sed -n "s/^$1 *\([a-z-]*\) .*/$host \1/p"
	done
}
until_is() { # until_is WANTED SECONDS TEXT: of VM sailor
	i=$(($2 * 5))
	while [ $i -gt 0 ] && [ "$(where sailor)" != "$1" ]; do
		sleep 0.2
		i=$((i - 1))
	done
	check "$(where sailor)" "$1" "$3"
}
link() { # link PORT ...: a cutter in front of the receiver
	$cutter "$@" >/tmp/cutter.log 2>&1 &
	cut=$!
	sleep 0.3
}
unlink() {
	kill $cut 2>/dev/null
	wait $cut 2>/dev/null
}
receive() {
	there
	ferry receive 127.0.0.1:7000 --plain --console file:/tmp/con >>/tmp/receive.log 2>&1 </dev/null &
	receiver=$!
	sleep 0.5
	here
}

here
rm -f /tmp/con
ferry run --name sailor --kernel $dir/bzImage --initrd /guest/initrd --memory 96M \
	--append "$append" --console file:/tmp/con </dev/null 2>/tmp/run.err &
pid=$!
said /tmp/con "step 5," 200; check $? 0 "a guest computes"
receive

# --- before COMMIT: the guest runs on here
link 7001 7000 hold FREEZE
run migrate sailor 127.0.0.1:7001 --plain
check $status 30 "the link stalls while the guest is frozen: given up"
says "stood still for" "... and it is said for how long"
goes_on "... the guest goes on"
until_is "a running" 30 "... here alone"
unlink
link 7001 7000 cut END
run migrate sailor 127.0.0.1:7001 --plain
check $status 32 "the link is cut before END"
goes_on "... the guest goes on"
until_is "a running" 30 "... here alone"
unlink
link 7001 7000 cut PREPARED
run migrate sailor 127.0.0.1:7001 --plain
check $status 32 "the link is cut before PREPARED is heard"
goes_on "... the guest goes on"
until_is "a running" 30 "... here alone"
unlink

# --- COMMIT is lost: the journal over there says ABORTED
link 7001 7000 cut COMMIT
run migrate sailor 127.0.0.1:7001 --plain
check $status 26 "COMMIT is lost: the other host is asked, and it did not run there"
says "did not run on" "... as is said"
goes_on "... the guest goes on"
until_is "a running" 30 "... here alone"
unlink

# --- nobody can say: the process over there is killed when COMMIT is under way
link 7001 7000 run COMMIT "kill -9 \$(cat /proc/$receiver/task/$receiver/children)"
ferry migrate sailor 127.0.0.1:7001 --plain >/tmp/out 2>/tmp/err </dev/null &
move=$!
until_is "a in-doubt" 60 "the other host dies before it runs: in doubt"
stands_still "... the guest stands still"
run continue sailor; check $status 34 "... and cannot be continued"
says "force-resume sailor" "... but for --force-resume, it says"
run migrate sailor 127.0.0.1:7000 --plain; check $status 34 "... or moved"
run migrate --cancel sailor; check $status 34 "... and a move that is committed cannot be cancelled"
says "in doubt: it may run on 127.0.0.1" "... for a reason"
sleep 3
check "$(grep -c "in doubt: 127.0.0.1 itself does not know" /tmp/run.err)" 1 \
	"... its process says what the other host says, once"
check "$(where sailor)" "a in-doubt" "... no cancelling ends it, nor that the other host does not know"
run migrate --force-resume sailor; check $status 26 "... --force-resume does"
wait $move
goes_on "... the guest goes on"
until_is "a running" 30 "... here alone"
unlink

# --- RUNNING is lost: it runs there
link 7001 7000 cut RUNNING
run migrate sailor 127.0.0.1:7001 --plain
check $status 0 "RUNNING is lost: the other host is asked, and it runs there"
goes_on "... the guest goes on"
until_is "b running" 30 "... there alone"
wait $pid; check $? 0 "... and its process here has ended"
unlink

# --- a stream that was heard is of no use to whoever plays it again
kill $receiver; wait $receiver 2>/dev/null
here
ferry receive 127.0.0.1:7000 --plain --console file:/tmp/con >>/tmp/receive.log 2>&1 </dev/null &
receiver=$!
sleep 0.5
link 7001 7000 tap /tmp/stream
there
run migrate sailor 127.0.0.1:7001 --plain; check $status 0 "a move that somebody listens to"
until_is "a running" 30 "... it runs on the other host"
unlink
goes_on "... the guest goes on"
here
run stop --force sailor; check $status 0 "stop"
until_is "" 30 "... it is gone"
$cutter 0 7000 play /tmp/stream >/tmp/out 2>/tmp/err
grep -q "REFUSE" /tmp/out; check $? 0 "played again it is refused: $(tail -n 1 /tmp/out)"
until_is "" 1 "... and nothing runs"
lost=$(grep -c LOST /tmp/con)
check "$lost" 0 "nothing was lost in all this"
steps=$(sed -n 's/^compute: step \([0-9]*\),.*/\1/p' /tmp/con | tr -d '\r')
last=$(echo "$steps" | tail -n 1)
check "$(echo "$steps" | tr '\n' ' ')" "$(seq $last | tr '\n' ' ')" \
	"and the console has no gap and no repetition ($last steps)"
kill $receiver; wait $receiver 2>/dev/null
for i in $(seq 50); do
	pidof ferry >/dev/null || break
	sleep 0.2
done
check "$(pidof ferry)" "" "no process is left"
echo "1..$n"
[ -z "$bad" ]
