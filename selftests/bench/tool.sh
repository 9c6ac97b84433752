#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What the process of one VM takes beside its guest's memory, while a Debian guest of 128 MiB sleeps:
# its private pages and its share of libraries, without the mapping of guest memory.
ferry run --name tool --kernel /guest/6.1/bzImage --initrd /guest/initrd --memory 128M \
	--append "console=ttyS0 quiet cryptomgr.notests guest.end=sleep" --console file:/tmp/tool.con \
	>/tmp/tool.log 2>&1 &
run=$!
i=0
until grep -q 'guest: up' /tmp/tool.con 2>/dev/null; do
	i=$((i + 1))
	[ $i -lt 1000 ] && kill -0 $run 2>/dev/null || break
	sleep 0.2
done
if grep -q 'guest: up' /tmp/tool.con; then
	awk '/^[0-9a-f]+-/ { guest = /ferry-vm/ } /^Pss:/ { if (guest) g += $2; else own += $2 }
		END { print "# guest memory mapped " g " KiB"; print "row tool-memory KiB " own ".0" }' \
		/proc/$run/smaps
	echo "ok 1 - the tool's memory was measured"
else
	sed 's/^/# /' /tmp/tool.log
	tail -n 20 /tmp/tool.con | sed 's/^/# guest: /'
	echo "not ok 1 - the guest comes up"
fi
echo 1..1
kill $run
wait $run
true
