#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The tool's moves on one host, over its loopback: suspend and resume, migrate and receive, refusals,
# cancelling, time-outs. Two directories for running VMs stand for two hosts. Run with --guest SERIES.
. /tests/migrate/hosts.sh

start() { # start NAME WORDS
	rm -f /tmp/con
	ferry run --name $1 --kernel $dir/bzImage --initrd /guest/initrd --memory 128M \
		--append "$append $2" --console file:/tmp/con </dev/null 2>/tmp/run.err &
	pid=$!
}
lines() { sed -n 's/^compute: step \([0-9]*\),.*/\1/p' /tmp/con | tr -d '\r' | uniq; }
# Every step was printed once and in order, whichever process printed it.
unbroken() { [ "$(lines | tr '\n' ' ')" = "$(seq $1 | tr '\n' ' ')" ]; }

# --- a file
here
start sleeper guest.run=compute,60,4
said /tmp/con "step 10," 200; check $? 0 "a guest computes"
run suspend sleeper /tmp/vm.ferry --verify; check $status 0 "suspend"
grep -q "^VM sleeper: moved" /tmp/out; check $? 0 "... reports"
wait $pid; check $? 0 "its process ends with 0"
check "$(ls $FERRY_RUN_DIR)" "" "and leaves nothing behind"
test -s /tmp/vm.ferry; check $? 0 "the file is there ($(stat -c %s /tmp/vm.ferry) bytes)"
run suspend sleeper /tmp/vm.ferry; check $status 6 "a VM that is gone cannot be suspended"
run resume /bin/busybox; check $status 16 "resume of something else"
run resume /nowhere; check $status 16 "resume of nothing"
head -c 200000 /tmp/vm.ferry >/tmp/cut.ferry
run resume /tmp/cut.ferry; check $status 26 "resume of half a file"
says "took\|taken in" "... says that nothing was taken in"
ferry resume --clone /tmp/vm.ferry --name twin --console file:/tmp/con2 </dev/null 2>/tmp/err
check $? 0 "resume --clone runs to the guest's end"
grep -q "done, 60 steps, nothing lost" /tmp/con2; check $? 0 "... with nothing lost"
ferry resume /tmp/vm.ferry </dev/null 2>/tmp/err; check $? 0 "resume"
said /tmp/con "done, 60 steps, nothing lost" 1; check $? 0 "nothing was lost"
unbroken 60; check $? 0 "the console has no gap and no repetition"
run resume /tmp/vm.ferry; check $status 36 "a file is resumed once"
says clone "... and the message names --clone"
check "$(ls $FERRY_RUN_DIR)" "" "nothing is left behind"

# --- another host
here
start mover guest.run=compute,100000,4
said /tmp/con "step 10," 200; check $? 0 "a guest computes"
run migrate mover 127.0.0.1:7000 --plain; check $status 32 "migrate to nobody"
says "ferry receive" "... says what must run there"
sleep 1000 | nc -l -p 7001 >/dev/null 2>&1 &
silent=$!
sleep 1
run migrate mover 127.0.0.1:7001 --plain --timeout 3; check $status 30 "migrate to somebody silent"
kill $silent 2>/dev/null
run list; grep -q "^mover *running" /tmp/out; check $? 0 "the VM runs on"
there
ferry receive 127.0.0.1:7002 --plain --json --console file:/tmp/con >/tmp/receive.log 2>&1 </dev/null &
receiver=$!
sleep 1
here
run migrate mover 127.0.0.1:7002 --plain --dry-run; check $status 0 "migrate --dry-run"
grep -q "accepts VM mover" /tmp/out; check $? 0 "... says that it fits"
run list; grep -q "^mover *running" /tmp/out; check $? 0 "... and moves nothing"
there
check "$(ls $FERRY_RUN_DIR 2>/dev/null; ls $FERRY_STATE_DIR/journal)" id "... and leaves nothing there"
ferry run --name mover --kernel $dir/bzImage --memory 96M --console none </dev/null >/tmp/other.log 2>&1 &
other=$!
for try in $(seq 50); do
	ferry list | grep -q "^mover *running" && break
	sleep 0.1
done
here
run migrate mover 127.0.0.1:7002 --plain --dry-run; check $status 26 "a dry run to where the name is taken"
says "named mover runs already" "... which it says"
there
kill $other
wait $other
here
run list --json
uuid=$(sed -n 's/.*"uuid": *"\([^"]*\)".*/\1/p' /tmp/out)
test -n "$uuid" && >/tmp/state-b/journal/$uuid.18446744073709551614
run migrate mover 127.0.0.1:7002 --plain --dry-run; check $status 26 "... to where a later one has been"
says "was here before" "... which it says"
rm -f /tmp/state-b/journal/$uuid.*
run list; grep -q "^mover *running" /tmp/out; check $? 0 "... it runs on"
ferry migrate mover 127.0.0.1:7002 --plain --bandwidth 1M --json >/tmp/out 2>/tmp/err &
move=$!
for try in $(seq 60); do
	sleep 0.5
	moves=$(sed -n 's/.*"rounds": *1,.*"bytes": *\([0-9]*\),.*/\1/p' /tmp/out | sort -nu | wc -l)
	[ "$moves" -lt 2 ] || break
done
grep -q '"progress":' /tmp/out; check $? 0 "progress in JSON"
[ "$moves" -gt 1 ]; check $? 0 "... that moves inside a round ($moves values in the first)"
run list; grep -q "^mover *migrating" /tmp/out; check $? 0 "list shows it"
run pause mover; check $status 34 "no pause meanwhile"
run migrate mover 127.0.0.1:7002 --plain; check $status 34 "no second move"
run migrate --cancel mover; check $status 0 "migrate --cancel"
wait $move; check $? 26 "the first one ends as aborted"
ferry migrate mover 127.0.0.1:7002 --plain --bandwidth 1M >/tmp/out 2>/tmp/err &
move=$!
sleep 2
kill -INT $move
wait $move; check $? 26 "Ctrl-C cancels too"
run list; grep -q "^mover *running" /tmp/out; check $? 0 "the VM runs on"
here
ferry receive 127.0.0.1:7003 --plain --console file:/tmp/con >/tmp/receive2.log 2>&1 </dev/null &
receiver2=$!
run migrate mover 127.0.0.1:7002 --plain --verify; check $status 0 "migrate"
cat /tmp/out | sed 's/^/# /'
wait $pid; check $? 0 "its process ends with 0"
for i in 1 2 3 4; do
	there
	run migrate mover 127.0.0.1:7003 --plain; check $status 0 "back, move $((2 * i))"
	here
	run migrate mover 127.0.0.1:7002 --plain; check $status 0 "and forth, move $((2 * i + 1))"
done
there
run migrate mover 127.0.0.1:7003 --plain; check $status 0 "back, move 10"
from=$(lines | tail -n 1)
said /tmp/con "step $((from + 5))," 100; check $? 0 "after ten moves the guest goes on"
here
run stop --force mover; check $status 0 "stop"
grep -q LOST /tmp/con; check $? 1 "nothing was lost in ten moves"
unbroken $(lines | tail -n 1); check $? 0 "the console has no gap and no repetition ($from steps)"
sleep 2
check "$(ls /run/ferry-a /run/ferry-b | grep -v :)" "" "nothing is left behind"
kill $receiver $receiver2
wait $receiver $receiver2 2>/dev/null
cat /tmp/receive.log /tmp/receive2.log >/tmp/out
check "$(pidof ferry)" "" "no process is left"
echo "1..$n"
[ -z "$bad" ]
