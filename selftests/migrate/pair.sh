#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Two hosts whose CPUs differ: b lacks features that a has. A VM made for a is refused by b, in words,
# and runs on; one made for both, from dumps of their CPUs, moves back and forth, and is suspended on a
# and resumed on b. The guest checks its memory and its clocks; what it printed on both hosts together
# must be whole. Run with --guest SERIES on both; an argument is the number of moves.
moves=${1:-2}
con=/tmp/con
. /tests/migrate/hosts.sh
end() {
	echo "1..$n"
	[ -z "$bad" ]
	exit
}
sum() { sha256sum <"$1" | cut -c1-64; }
# Files for the other host: published here, announced by a note with size and sum, fetched until the sum
# is right. A server closes when it is through; nc at the end of its input does not, and busybox's wget
# does not work without libnss.
give() { # give FILE
	cp "$1" /tmp/public/
	lab put "file-${1##*/}" "$(stat -c %s "$1") $(sum "$1")"
}
take() { # take FILE
	wanted=$(lab get "file-${1##*/}") || return 1
	for try in $(seq 50); do
		printf 'GET /%s HTTP/1.0\r\n\r\n' "${1##*/}" | nc -w 10 "$LAB_PEER" 8000 |
			tail -c "${wanted% *}" >"$1"
		[ "$(sum "$1")" = "${wanted#* }" ] && return
		sleep 0.2
	done
	echo "# ${1##*/} did not come over"
	return 1
}
begin() { # begin NAME OPTIONS
	name=$1
	shift
	ferry run --name "$name" --kernel "$dir/bzImage" --initrd /guest/initrd \
		--memory 96M --append "$append guest.run=compute,100000,8" "$@" </dev/null 2>/tmp/run.err &
}
# What the guest printed here since the last time: a piece of its whole console.
piece() { # piece NUMBER
	had=${had:-0}
	tail -c +$((had + 1)) $con >/tmp/piece/"$1"
	had=$(stat -c %s $con)
}
steps() { sed -n 's/^compute: step \([0-9]*\),.*/\1/p' "$@" | tr -d '\r'; }
export LAB_WAIT=400
mkdir -p /tmp/piece /tmp/public
httpd -p 8000 -h /tmp/public
: >$con
here=10.0.0.1
[ "$LAB_HOST" = a ] || here=10.0.0.2
ferry receive $here --plain --console file:$con >/tmp/receive.log 2>&1 </dev/null &
receiver=$!
ferry cpu dump -o /tmp/$LAB_HOST.dump

if [ "$LAB_HOST" = b ]; then
	give /tmp/b.dump
else
	take /tmp/b.dump
	ferry cpu features /tmp/a.dump >/tmp/a.features
	ferry cpu features /tmp/b.dump >/tmp/b.features
	missing=$(grep -vxFf /tmp/b.features /tmp/a.features | tr '\n' ' ')
	test -n "$missing"; check $? 0 "b lacks what a has: $missing"
	cpu=$(ferry cpu show /tmp/b.dump | sed -n \
		's,^identity  *\([^ ]*\) family \([0-9]*\) model \([0-9]*\) stepping \([0-9]*\).*,\1/\2/\3/\4,p')
	run cpu baseline /tmp/a.dump --exclude "$cpu=stepping of ill fame" -o /tmp/no-b
	check $status 0 "a policy that excludes b, $cpu"
	run cpu baseline /tmp/b.dump --exclude "$cpu=stepping of ill fame" -o /tmp/never
	check $status 3 "... is none for b"
	begin misfit --policy /tmp/no-b --console file:/tmp/misfit.con
	for try in $(seq 50); do
		ferry list | grep -q '^misfit *running' && break
		sleep 0.1
	done
	for how in --dry-run ""; do
		run migrate misfit "$LAB_PEER" --plain $how
		check $status 20 "a VM made for a is refused by b${how:+, $how}"
		unsaid=
		for f in $missing; do
			grep -q "^  $f: " /tmp/err || unsaid="$unsaid $f"
		done
		grep -q "^  [a-z0-9]*: .*[.] .*[.] " /tmp/err
		check "$?$unsaid" 0 "... and each of these is named, with a reason and a remedy"
		grep -q "^  excluded CPU: .* reason: stepping of ill fame[.] Choose" /tmp/err
		check $? 0 "... as is what the policy says of b"
	done
	grep '^  [a-z0-9]*: ' /tmp/err | sed 's/^/#/'
	run list; grep -q '^misfit *running' /tmp/out; check $? 0 "... it runs on"
	run stop --force misfit
	run cpu baseline /tmp/a.dump /tmp/b.dump -o /tmp/policy
	check $status 0 "a policy for both"
	begin rover --policy /tmp/policy --console file:$con
	said $con "step 5," 300; check $? 0 "a guest that has it computes"
	[ -z "$bad" ] || { lab put go no; end; }
	lab put go yes
fi
if [ "$LAB_HOST" = b ] && [ "$(lab get go)" != yes ]; then
	end
fi

# --- back and forth
i=0
while [ $i -lt "$moves" ]; do
	i=$((i + 1))
	turn=a
	[ $((i % 2)) = 1 ] || turn=b
	if [ "$LAB_HOST" = $turn ]; then
		said $con "step [0-9]*," 60 # it has just come, and may not have said a whole line here
		from=$(steps $con | tail -n 1)
		said $con "step $((from + 2))," 120; check $? 0 "move $i: the guest computes on $turn"
		run migrate rover "$LAB_PEER" --plain $([ $i -gt 2 ] || echo --verify)
		check $status 0 "move $i, from $turn: $(sed -n 's/ *blackout */blackout /p' /tmp/out)"
		piece $(printf %03d $i)
	fi
	lab barrier move$i
done

# --- over a file
i=$((i + 1))
if [ "$LAB_HOST" = a ]; then
	run suspend rover /tmp/rover.ferry
	check $status 0 "suspend on a"
	piece $(printf %03d $i)
	give /tmp/rover.ferry
	take /tmp/b.tar
	tar -xf /tmp/b.tar -C /tmp/piece
	cat /tmp/piece/* >/tmp/whole
	last=$(steps /tmp/whole | tail -n 1)
	# Unquoted: the last line may have no end, its step was being printed.
	check "$(echo $(steps /tmp/whole))" "$(echo $(seq $last))" \
		"after $moves moves and a file the console is whole: $last steps on two hosts"
	grep -q "LOST\|went back" /tmp/whole; check $? 1 "no memory was lost and no clock went back"
else
	take /tmp/rover.ferry
	ferry resume /tmp/rover.ferry --console file:$con </dev/null 2>/tmp/err &
	resumed=$!
	sleep 2
	from=$(steps $con | tail -n 1)
	said $con "step $((from + 10))," 120; check $? 0 "resumed on b the guest goes on"
	run resume /tmp/rover.ferry; check $status 36 "... once"
	run stop --force rover; check $status 0 "stop"
	wait $resumed
	piece $(printf %03d $((i + 1)))
	tar -cf /tmp/b.tar -C /tmp/piece .
	give /tmp/b.tar
fi
kill $receiver
for try in $(seq 50); do
	pidof ferry >/dev/null || break
	sleep 0.2
done
check "$(pidof ferry)" "" "no process is left"
lab barrier over
end
