#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
#	linux.sh SERIES IMAGE VCPUS MEMORY [APPEND...]
#
# Debian's kernel, as packaged, boots in a VM to its init, sees what it was given, computes, and powers
# off. SERIES is 6.1 or 6.12, IMAGE bzImage or vmlinux.
series=$1 image=$2 vcpus=$3 memory=$4
shift 4
. /tests/api/tap.sh
matches() {
	echo "$up" | grep -q "$1"
}
# What the kernel says of the CPU it was shown is not about us.
quiet() {
	! grep -v 'RETBleed: WARNING' "$con" |
		grep -A 12 -E 'WARNING|BUG:|Call Trace|Oops|rcu.*stall|lockup'
}
con=/tmp/linux.$$.console
ferry run --name linux --kernel "/guest/$series/$image" --initrd /guest/initrd --memory "$memory" \
	--vcpus "$vcpus" --console "file:$con" --no-reboot \
	--append "console=ttyS0 cryptomgr.notests guest.run=compute,20,8 $*" >/tmp/linux.$$.out 2>&1
status=$?
what="$series $image, $vcpus vCPUs, $memory${*:+, $*}"
up=$(grep -o 'guest: up,.*' "$con" | tr -d '\r')
ok "$what: comes up" test -n "$up"
ok "$what: is that kernel" matches "up, $series\."
ok "$what: sees its vCPUs" matches ", $vcpus cpus,"
ok "$what: computes and loses nothing" grep -q 'compute: done, 20 steps, nothing lost' "$con"
ok "$what: complains of nothing" quiet
ok "$what: powers off" test "$status" = 0
if [ $failed = 1 ]; then
	echo "# exit status $status"
	sed 's/^/# tool: /' /tmp/linux.$$.out
	tail -n 60 "$con" | tr -d '\r' | sed 's/^/# guest: /'
fi
rm -f "$con" /tmp/linux.$$.out
end
