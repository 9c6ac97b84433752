# SPDX-License-Identifier: GPL-2.0-only
#
# For checks that carry files from every kind of host to every other, read with ".". A check sets
#
#	save		the job that leaves a file, and saved its name there
#	load		the job that takes such a file: its name is put behind
#	options		more of the lab's options, an array
#
# and calls carry_all HOST..., names from the table. The hosts hand their files on, each to those that come
# after it; the first hear from the others at the end. Files go by the host's disk: a serial line of Bochs's
# carries 35 kB/s.
bochs="--emulator bochs --smp 1 --timeout 300 --job-timeout 280 --mem 256 --cpu"
declare -A host=(
	[amd-max]="--cpu max --smp 1 --mem 512 --timeout 120"
	[amd-epyc]="--cpu EPYC --smp 1 --mem 512 --timeout 120"
	[amd-ryzen]="$bochs ryzen"
	[amd-trinity]="$bochs trinity_apu"
	[intel-haswell]="$bochs corei7_haswell_4770"
	[intel-skylake]="$bochs corei7_skylake_x"
	[intel-ivybridge]="$bochs corei7_ivy_bridge_3770k"
	[intel-arrandale]="$bochs corei5_arrandale_m520"
	[intel-lynnfield]="$bochs corei5_lynnfield_750"
)
all_hosts=(amd-max intel-haswell amd-ryzen intel-skylake amd-epyc intel-ivybridge amd-trinity
	intel-arrandale intel-lynnfield)
options=()
n=0
failed=0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

result() { # STATUS NAME LOG
	n=$((n + 1))
	if [ "$1" = 0 ]; then
		echo "ok $n - $2"
	else
		echo "not ok $n - $2"
		grep -E '^(not ok|#|Bail)' "$3" | head -n 60 | sed 's/^#* */# /'
		failed=1
	fi
}
finish() {
	echo "1..$n"
	exit $failed
}
# An empty disk with space for so many bytes more than are in these files: SPACE FILE...
disk() {
	local cylinder=516096 space=$1
	shift
	rm -f "$tmp/disk"
	[ $# = 0 ] || tar -C "$tmp" -cf "$tmp/disk" "$@"
	: >>"$tmp/disk"
	truncate -s $((($(stat -c %s "$tmp/disk") + space + cylinder) / cylinder * cylinder)) "$tmp/disk"
}
leave() { # FILE: a job that puts it on the disk
	echo "/bin/sh -c 'gzip -1 -c $1 >\$LAB_DISK && sync && echo ok 1 && echo 1..1'"
}
left() { # What such a job has put there: FILE. The rest of the disk is zeros, of which gzip only warns.
	gzip -dcq "$tmp/disk" >"$1"
	[ $? != 1 ]
}
# carry_boot HOST SAVE FROM...: load what these left; SAVE is 1 if it is to leave a file as well.
carry_boot() {
	local name=$1 save_too=$2 log="$tmp/log.$1.$2"
	shift 2
	local jobs=() from
	[ $# = 0 ] || jobs=("/bin/sh -c 'tar -C /run -xf \$LAB_DISK && echo ok 1 && echo 1..1'")
	for from; do
		jobs+=("/bin/sh -c 'gzip -dc /run/$from >/run/from && exec /tests/$load /run/from'")
	done
	[ "$save_too" = 0 ] || jobs+=("$save" "$(leave "$saved")")
	disk 64000000 "$@"
	# shellcheck disable=SC2086
	selftests/lab/lab run ${host[$name]} "${options[@]}" --disk "$tmp/disk" -- "${jobs[@]}" >"$log" 2>&1
	result $? "$name${*:+, with what came from $*}: $(grep -c "^ok" "$log") rows" "$log"
	[ "$save_too" = 0 ] || left /dev/stdout | gzip >"$tmp/$name"
	rm -f "$log" "$tmp/disk"
}
carry_all() { # HOST...
	local earlier=() name
	for name; do
		carry_boot "$name" 1 ${earlier[@]+"${earlier[@]}"}
		earlier+=("$name")
	done
	while [ $# -gt 1 ]; do
		name=$1
		shift
		carry_boot "$name" 0 "$@"
	done
}
