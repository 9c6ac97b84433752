#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# A guest that echoes what is typed is carried in a file from one kind of CPU to another:
#
#	carry.sh save POLICY	run it under this policy, type a line, suspend it; leaves /tmp/mb.ferry
#	carry.sh load FILE	resume it, type another line
#
# slow-cross does both.
kernel=/tests/guest/multiboot.bin
. /tests/api/tap.sh
# Waits until the guest has printed a line: FILE, LINE.
said() {
	i=100
	while [ $i -gt 0 ]; do
		tr -d '\r' <"$1" | grep -q "^$2\$" && return 0
		sleep 0.2
		i=$((i - 1))
	done
	sed 's/^/# guest: /' "$1"
	sed 's/^/# tool: /' /tmp/err
	return 1
}
echo "# $(uname -r), a CPU by $(sed -n 's/^vendor_id.*: //p' /proc/cpuinfo | head -n 1)"
rm -f /tmp/keys /tmp/con /tmp/mb.ferry* # of another run
mkfifo /tmp/keys
exec 3<>/tmp/keys
if [ "$1" = save ]; then
	ferry run --name mb --kernel $kernel --memory 4M --append do:e --policy "$2" \
		<&3 >/tmp/con 2>/tmp/err &
	run=$!
	echo "typed before" >&3
	ok "the guest echoes" said /tmp/con "typed before"
	ok "it is suspended" ferry suspend mb /tmp/mb.ferry --verify
	wait $run
else
	timeout 60 ferry resume "$2" --allow-warnings <&3 >/tmp/con 2>/tmp/err &
	run=$!
	echo "typed after" >&3
	ok "the guest goes on and echoes" said /tmp/con "typed after"
	echo q >&3
	wait $run
	status=$?
	ok "it ends as it is told ($status)" test $status = 0
	[ $status = 0 ] || sed 's/^/# tool: /' /tmp/err
fi
end
