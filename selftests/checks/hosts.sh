# SPDX-License-Identifier: GPL-2.0-only
#
# For checks that carry files from every kind of host to every other, read with ".". A check sets
#
#	save		the job that leaves a file, and saved its name there
#	load		the job that takes such a file: its name is put behind
#	packed		1 if it takes it as it was carried, by gzip
#	options		more of the lab's options, an array
#
# and calls carry_all HOST..., names from the table. The hosts hand their files on through the serial line, each
# to those that come after it; the first hear from the others at the end.
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
packed=0
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
		grep -E '^(not ok|#|Bail)' "$3" | grep -v carry: | head -n 60 | sed 's/^#* */# /'
		failed=1
	fi
}
finish() {
	echo "1..$n"
	exit $failed
}
# What a job "carry FILE" has printed: LOG.
carried() {
	tr -d '\r' <"$1" | sed -n 's/^carry://p' | base64 -d
}
carry() { # FILE: a job that prints it
	echo "/bin/sh -c 'gzip -c $1 | base64 | sed s/^/carry:/; echo ok 1; echo 1..1'"
}
# carry_boot HOST SAVE FROM...: load what these left; SAVE is 1 if it is to leave a file as well.
carry_boot() {
	local name=$1 save_too=$2 from suffix="" log="$tmp/log.$1.$2"
	shift 2
	[ $packed = 0 ] || suffix=.gz
	local words=() jobs=()
	for from; do
		words+=(--file "$tmp/$from$suffix:/from-$from")
		jobs+=("$load /from-$from")
	done
	[ "$save_too" = 0 ] || jobs+=("$save" "$(carry "$saved")")
	# shellcheck disable=SC2086
	selftests/lab/lab run ${host[$name]} "${options[@]}" "${words[@]}" --raw -- "${jobs[@]}" >"$log" 2>&1
	result $? "$name${*:+, with what came from $*}: $(grep -c "^ok" "$log") rows and more" "$log"
	if [ "$save_too" = 1 ]; then
		carried "$log" >"$tmp/$name.gz"
		[ $packed = 1 ] || gzip -dc "$tmp/$name.gz" >"$tmp/$name"
	fi
	rm -f "$log"
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
