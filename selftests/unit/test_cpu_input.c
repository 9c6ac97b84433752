// SPDX-License-Identifier: GPL-2.0-only
/*
 * Descriptions of CPUs: every format, what is told apart by content, and bad input, which is an error
 * that names the line or the field.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cpu_help.h"
#include "cpu_input.h"
#include "cpu_model.h"
#include "cpu_print.h"
#include "cpu_resolve.h"
#include "lib/cpu/combine.h"
#include "tap.h"

static struct cpu_host h;
static struct error err;

static int read_text_as(const char *text)
{
	cpu_host_free(&h);
	err = (struct error){ 0 };
	return cpu_host_parse(&h, "file", text, strlen(text), &err);
}

static void text_formats(void)
{
	ok_eq(read_text_as("# name: Test CPU\n00000000 00000000 0000000d 756e6547 6c65746e 49656e69\n"
			   "00000001 00000000 000306c3 05100800 7ffafbff bfebfbff\n"
			   "# msr: 0000010a 0000000000000005\n"), 0, "the data set's text");
	ok(h.nr == 1 && h.cpu[0].nr_leaves == 2 && !strcmp(h.label, "Test CPU"), "leaves and a name");
	ok(cpu_policy_has(&h.cpu[0], CPU_F_AES) && cpu_policy_vendor(&h.cpu[0]) == CPU_VENDOR_INTEL,
	   "features and a vendor");
	ok_eq(cpu_policy_reg(&h.cpu[0], 1, 0, CPU_EBX) >> 24, 0, "APIC ids are forgotten");
	ok(cpu_policy_find_msr(&h.cpu[0], 0x10a) && cpu_policy_find_msr(&h.cpu[0], 0x10a)->value == 5,
	   "MSRs behind # msr:");
	ok_eq(read_text_as("CPU 0:\n   0x00000000 0x00: eax=0x00000001 ebx=0x756e6547 ecx=0x6c65746e "
			   "edx=0x49656e69\n   0x00000001 0x00: eax=0x000306c3 ebx=0x00100800 "
			   "ecx=0x7ffafbff edx=0xbfebfbff\nCPU 1:\n   0x00000000 0x00: eax=0x00000001 "
			   "ebx=0x756e6547 ecx=0x6c65746e edx=0x49656e69\n   0x00000001 0x00: "
			   "eax=0x000306c3 ebx=0x02100800 ecx=0x7ffafbff edx=0xbfebfbff\nCPU 2:\n"
			   "   0x00000000 0x00: eax=0x00000001 ebx=0x756e6547 ecx=0x6c65746e "
			   "edx=0x49656e69\n   0x00000001 0x00: eax=0x000306c3 ebx=0x04100800 "
			   "ecx=0x7ffafbf7 edx=0xbfebfbff\n"), 0, "cpuid -r");
	ok(h.logical == 3 && h.nr == 2 && h.count[0] == 2 && h.first[1] == 2,
	   "three CPUs of two kinds: firmware left MONITOR off on one");
	ok_eq(read_text_as("0 0 5 756e6547 6c65746e 49656e69\r\n1 0 6fb 0 0 1\r\n"
			   "80860000 0 1 2 3 4\n00000009 0 1 1 1 1\n"), 0, "short numbers, CRLF");
	ok(!cpu_policy_find(&h.cpu[0], 0x80860000, 0) && !cpu_policy_find(&h.cpu[0], 9, 0),
	   "entries beyond the CPU's ranges say nothing");
}

static void msr_files(void)
{
	static const struct {
		const char *text;
		const char *says;
	} bad[] = {
		{ "# x\n0x10a 0x2f 0x0\n", "line 2: MSR 0x10a: was given before with another value" },
		{ "10a 2f\n10a 0\n", "line 2: MSR 0x10a: was given before" },
		{ "10a 2f junk\n", "line 1: value" },
		{ "10a 2fx\n", "line 1: value" },
		{ "10a\n", "line 1: value" },
		{ "cf 1\n", "line 1: MSR 0xcf: was given before" },
	};
	unsigned int i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		read_text_as("1 0 1 2 3 4\n# msr: cf 4\n");
		ret = cpu_parse_msrs(&h, "x.msr", bad[i].text, strlen(bad[i].text), &err);
		ok(ret == FERRY_X_BAD_FILE && strstr(err.text, bad[i].says), "x.msr: %s", bad[i].says);
	}
	read_text_as("1 0 1 2 3 4\n# msr: cf 4\n# cpu: 1\n1 0 1 2 3 5\n# msr: cf 4\n");
#define GOOD "10a 2f 0x2F\t2f # thrice\r\ncf 4\n48c GP\ne7 1 2 junk\n"
	ret = cpu_parse_msrs(&h, "x.msr", GOOD, strlen(GOOD), &err);
	ok(!ret && h.nr == 2 && cpu_policy_find_msr(&h.cpu[1], 0x10a)->value == 0x2f && h.cpu[1].nr_msrs == 2,
	   "x.msr: values that agree, with the dump's, too: %s", err.text);
}

static void xml_formats(void)
{
	ok_eq(read_text_as("<!-- Test -->\n<cpudata arch='x86'>\n"
			   "<cpuid eax_in='0x00000000' ecx_in='0x00' eax='0x0000000d' ebx='0x756e6547' "
			   "ecx='0x6c65746e' edx='0x49656e69'/>\n"
			   "<cpuid eax_in='0x00000001' ecx_in='0x00' eax='0x000306c3' ebx='0x00100800' "
			   "ecx='0x7ffafbff' edx='0xbfebfbff'/>\n"
			   "<cpuid eax_in='0x00000007' ecx_in='0x00' ebx='0x27ab' edx='0x20000000'/>\n"
			   "<msr index='0x10a' edx='0x00000000' eax='0x0000000b'/>\n</cpudata>"), 0,
	      "libvirt's CPUID XML");
	ok(cpu_policy_has(&h.cpu[0], CPU_F_AVX2) && cpu_policy_has(&h.cpu[0], CPU_F_SKIP_L1DFL_VMENTRY),
	   "leaves and MSRs");
	ok_eq(read_text_as("<cpu mode='custom' match='exact'><model fallback='forbid'>Broadwell-IBRS"
			   "</model><vendor>Intel</vendor><feature policy='disable' name='pcid'/>"
			   "<feature policy='require' name='monitor'/></cpu>"), 0, "a <cpu> definition");
	ok(cpu_policy_has(&h.cpu[0], CPU_F_SPEC_CTRL) && cpu_policy_has(&h.cpu[0], CPU_F_MONITOR) &&
		   !cpu_policy_has(&h.cpu[0], CPU_F_PCID) && h.names_only,
	   "its model with features added and taken away");
	ok_eq(read_text_as("<capabilities><host><uuid>x</uuid><cpu><arch>x86_64</arch><model>SandyBridge"
			   "</model><vendor>Intel</vendor><topology sockets='1' cores='2' threads='2'/>"
			   "<feature name='vmx'/></cpu></host><guest/></capabilities>"), 0, "capabilities");
	ok(cpu_policy_has(&h.cpu[0], CPU_F_VMX) && cpu_policy_has(&h.cpu[0], CPU_F_AVX), "its host CPU");
	ok_eq(read_text_as("<domain type='kvm'><name>x</name><cpu mode='host-model'>"
			   "<feature policy='disable' name='monitor'/></cpu></domain>"), 0, "a domain");
	ok(h.mode == CPU_MODE_HOST_MODEL && !h.nr, "... of the host's CPU");
	ok_eq(read_text_as("<cpu><vendor>AMD</vendor><signature family='25' model='17' stepping='1'/>"
			   "<feature name='npt'/><feature name='svm'/></cpu>"), 0, "no model at all");
	ok(cpu_policy_signature(&h.cpu[0]).family == 25 && cpu_policy_signature(&h.cpu[0]).model == 17,
	   "a signature");
}

static void json_formats(void)
{
	struct cpu_policy *guest = calloc(1, sizeof(*guest));

	ok_eq(read_text_as("{\"vendor\":\"Intel\",\"model\":\"SandyBridge\",\"arch\":\"x86_64\","
			   "\"features\":[\"pcid\",\"monitor\",\"ds_cpl\"],\"topology\":{\"cores\":8}}"),
	      0, "OpenStack's cpu_info");
	ok(cpu_policy_has(&h.cpu[0], CPU_F_MONITOR) && cpu_policy_has(&h.cpu[0], CPU_F_AVX),
	   "model and features");
	ok_eq(read_text_as("{\"cpu_info\": \"{\\\"vendor\\\": \\\"AMD\\\", \\\"model\\\": \\\"EPYC\\\", "
			   "\\\"features\\\": []}\"}"), 0, "JSON within a JSON string");
	ok_eq(read_text_as("+----------+-----+\n| cpu_info | {\"vendor\": \"Intel\", \"model\": "
			   "\"SandyBridge\", \"features\": [\"pc\n|          | id\", monitor, \"vme\"]} |\n"),
	      0, "a wrapped table with a name that lost its quotes");
	ok(cpu_policy_has(&h.cpu[0], CPU_F_PCID) && cpu_policy_has(&h.cpu[0], CPU_F_MONITOR) &&
		   h.nr_notes == 2,
	   "both are read, and it is said");
	ok_eq(read_text_as("{\"ferry_cpu\":1,\"cpus\":[{\"cpu\":0,\"cpuid\":[{\"leaf\":\"0x0\",\"eax\":"
			   "\"0x1\",\"ebx\":\"0x756e6547\",\"ecx\":\"0x6c65746e\",\"edx\":\"0x49656e69\"},"
			   "{\"leaf\":1,\"eax\":1,\"ebx\":2,\"ecx\":3,\"edx\":4}],\"msrs\":[]}]}"), 0,
	      "our JSON of a host");
	ok_eq(cpu_policy_reg(&h.cpu[0], 1, 0, CPU_EDX), 4, "numbers as numbers, too");
	ok_eq(read_text_as("{\"ferry_policy\":1,\"mode\":\"custom\",\"model\":\"intel-haswell\","
			   "\"features\":{\"avx2\":\"disable\",\"monitor\":\"require\"}}"), 0,
	      "our policy by a model");
	ok(!cpu_resolve(guest, &h, NULL, &err) && !cpu_policy_has(guest, CPU_F_AVX2) &&
		   cpu_policy_has(guest, CPU_F_MONITOR) && cpu_policy_has(guest, CPU_F_FMA),
	   "with features as said");
	free(guest);
}

static void modes(void)
{
	struct cpu_policy *out = calloc(1, sizeof(*out));
	struct cpu_host host = { 0 };

	host.name = strdup("host");
	host.cpu = calloc(1, sizeof(*host.cpu));
	host.nr = 1;
	make_cpu(&host.cpu[0], "Intel", 6, 0x4f, 1, 46, BDW);
	read_text_as("{\"ferry_policy\":1,\"mode\":\"passthrough\"}");
	ok_eq(cpu_resolve(out, &h, NULL, &err), FERRY_X_USAGE, "passthrough needs a host");
	ok(!cpu_resolve(out, &h, &host, &err) && cpu_policy_has(out, CPU_F_MONITOR) &&
		   cpu_policy_has(out, CPU_F_VMX),
	   "passthrough is all of it");
	read_text_as("{\"ferry_policy\":1,\"mode\":\"host-model\",\"features\":{\"adx\":\"disable\","
		     "\"avx512f\":\"optional\",\"smap\":\"optional\",\"sha-ni\":\"force\"}}");
	ok(!cpu_resolve(out, &h, &host, &err) && !cpu_policy_has(out, CPU_F_MONITOR) &&
		   !cpu_policy_has(out, CPU_F_VMX) && cpu_policy_has(out, CPU_F_AVX2),
	   "host-model is what Ferry virtualises");
	ok(!cpu_policy_has(out, CPU_F_ADX) && !cpu_policy_has(out, CPU_F_AVX512F) &&
		   cpu_policy_has(out, CPU_F_SMAP) && cpu_policy_has(out, CPU_F_SHA_NI),
	   "disable, optional without and with, force");
	cpu_host_free(&host);
	free(out);
}

static void bad_input(void)
{
	static const struct {
		const char *text;
		const char *says;
	} bad[] = {
		{ "", "empty" },
		{ " \n\t\n", "empty" },
		{ "# nothing\n", "no CPUID leaf" },
		{ "00000000 00000000 0000000d 756e6547 6c65746e\n", "line 1: EDX: missing" },
		{ "00000000 00000000 0000000d 756e6547 6c65746e 49656e69\n"
		  "0000000g 00000000 0000000d 756e6547 6c65746e 49656e69\n", "line 2: leaf" },
		{ "00000000 00000000 0000000d 756e65470 6c65746e 49656e69\n", "line 1: EBX" },
		{ "00000000 00000000 0000000d 756e6547 6c65746e 49656e69 junk\n", "after EDX" },
		{ "1 0 1 2 3 4\n1 0 1 2 3 5\n", "line 2: leaf 0x1 sub-leaf 0x0: was given before" },
		{ "# until: end\n1 0 1 2 3 4\n# ending\n", "cut off after line 3" },
		{ "hello world\n", "line 1: leaf" },
		{ "CPU one:\n", "CPU number" },
		{ "   0x00000000 0x00: eax=0x00000001 ebx=0x756e6547 ecx=0x6c65746e\n", "edx" },
		{ "   0x00000000 0x00 eax=0x00000001 ebx=0x1 ecx=0x1 edx=0x1\n", "colon" },
		{ "# msr: 10a xyz\n", "line 1: msr" },
		{ "1 0 1 2 3 4\n# msr: 10a 2f\n# msr: 10a 2f\n# msr: 10a 0\n",
		  "line 4: MSR 0x10a: was given before with another value" },
		{ "<cpudata><cpuid eax_in='0x1' eax='0x1'", "line 1: XML" },
		{ "<cpudata arch='arm'/>", "arch: only x86" },
		{ "<cpudata arch='x86'>\n<cpuid ecx_in='0' eax='1'/></cpudata>", "line 2: <cpuid> eax_in" },
		{ "<cpudata arch='x86'>\n\n<cpuid eax_in='1' eax='0x1ffffffff'/></cpudata>",
		  "line 3: <cpuid> eax" },
		{ "<cpudata arch='x86'><cpuid eax_in='1' eax='1'/><cpuid eax_in='1' eax='2'/></cpudata>",
		  "given before" },
		{ "<cpudata arch='x86'><msr index='0x10a' eax='1' edx='0'/>\n<msr index='0x10a' eax='1' edx='1'/>"
		  "<cpuid eax_in='1' eax='1'/></cpudata>", "line 2: <msr> index: this MSR was given before" },
		{ "<cpudata arch='x86'></cpudata>", "no <cpuid>" },
		{ "<cpudata arch='x86'><what/></cpudata>", "<cpuid> and <msr>" },
		{ "<html></html>", "is expected" },
		{ "<cpu><model>NoSuchModel</model></cpu>", "no CPU model NoSuchModel" },
		{ "<cpu>\n<model>Haswell</model>\n<feature name='nosuch'/></cpu>",
		  "line 3: <feature> name: unknown feature nosuch" },
		{ "<cpu><model>Haswell</model><feature name='avx' policy='maybe'/></cpu>", "policy" },
		{ "<cpu><model>Haswell</model><vendor>Acme</vendor></cpu>", "vendor" },
		{ "<cpu><model>Haswell</model><vendor>AMD</vendor></cpu>", "one of Intel" },
		{ "<cpu><model>../../etc/passwd</model></cpu>", "CPU model" },
		{ "<cpu><arch>aarch64</arch><model>cortex</model></cpu>", "x86_64" },
		{ "<cpu mode='weird'/>", "mode" },
		{ "<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]><cpu><model>&b;</model></cpu>",
		  "model" },
		{ "<capabilities/>", "<host><cpu>" },
		{ "{", "line 1: JSON: it ends too early" },
		{ "{\n\"ferry_policy\": 1,\n oops }", "line 3: JSON" },
		{ "{} {}", "follows its end" },
		{ "[1,2]", "object is expected" },
		{ "{\"a\":1}", "not a description" },
		{ "{\"ferry_policy\":2,\"cpuid\":[]}", "version 2" },
		{ "{\"ferry_policy\":\"x\"}", "version number" },
		{ "{\"ferry_policy\":1,\"cpuid\":[{\"leaf\":\"0x1\"}]}", "cpuid" },
		{ "{\"ferry_policy\":1,\"cpuid\":[]}", "no leaf" },
		{ "{\"ferry_policy\":1,\"mode\":\"custom\"}", "model" },
		{ "{\"ferry_policy\":1,\"mode\":\"other\"}", "mode" },
		{ "{\"ferry_policy\":1,\"mode\":\"host-model\",\"features\":{\"nosuch\":\"require\"}}",
		  "unknown feature nosuch" },
		{ "{\"ferry_policy\":1,\"mode\":\"host-model\",\"features\":{\"avx\":1}}", "avx: force" },
		{ "{\"ferry_cpu\":1,\"cpus\":[]}", "cpus" },
		{ "{\"ferry_cpu\":1,\"cpus\":[7]}", "line 1: cpus[0]: an object" },
		{ "{\"ferry_policy\":1,\"cpuid\":[{\"leaf\":0,\"eax\":1,\"ebx\":1,\"ecx\":1,"
		  "\"edx\":1},\n{\"leaf\":1,\"eax\":1,\"ebx\":1,\n\"ecx\":\"}]\",\"edx\":1}]}",
		  "line 3: cpuid[1].ecx: a 32-bit number" },
		{ "{\"name\":[{\"y\":\"\\\"{\"}],\"ferry_cpu\":1,\n\"cpus\":[\n{\"cpuid\":[\n[]]}]}",
		  "line 4: cpus[0].cpuid[0]: an object" },
		{ "{\"ferry_policy\":1,\"cpuid\":[{\"leaf\":1,\"eax\":1,\"ebx\":1,\"ecx\":1,\"edx\":1},"
		  "\n{\"leaf\":1,\"eax\":1,\"ebx\":1,\"ecx\":1,\"edx\":1}]}",
		  "line 2: cpuid[1].leaf: this leaf was given before" },
		{ "{\"ferry_policy\":1,\"cpuid\":[],\n\"msrs\":[{\"index\":1}]}",
		  "line 2: msrs[0].value" },
		{ "<cpu><model>Haswell</model>\n<maxphysaddr mode='emulate' bits='99'/></cpu>",
		  "line 2: <maxphysaddr> bits" },
		{ "{\"ferry_cpu\":1,\"cpus\":[{\"cpuid\":[{\"leaf\":\"0x1ffffffff\",\"eax\":1,\"ebx\":1,"
		  "\"ecx\":1,\"edx\":1}]}]}", "cpus[0]" },
		/* A member that is not known: what it was meant to say must not be lost. */
		{ "{\"ferry_policy\":1,\"mode\":\"host-model\",\n\"exlude\":[]}",
		  "line 2: exlude: there is no such member; there are ferry_policy, mode, " },
		{ "{\"ferry_policy\":1,\"mode\":\"custom\",\"model\":\"Haswell\",\"fetures\":{}}", "fetures: there is no" },
		{ "{\"ferry_policy\":1,\"cpuid\":[{\"leaf\":1,\"eax\":1,\"ebx\":1,\"ecx\":1,\"edx\":1}],\n\"msr\":[]}",
		  "line 2: msr: there is no such member" },
		{ "{\"ferry_policy\":1,\"cpuid\":[{\"leaf\":7,\"eax\":1,\"ebx\":1,\"ecx\":1,\"edx\":1,\"sublaef\":1}]}",
		  "cpuid[0].sublaef: there is no such member; there are leaf, subleaf, eax, ebx, ecx, edx" },
		{ "{\"ferry_policy\":1,\"cpuid\":[],\"msrs\":[{\"index\":1,\"value\":1,\"mask\":1}]}",
		  "msrs[0].mask: there is no such member" },
		{ "{\"ferry_policy\":1,\"mode\":\"passthrough\",\"msrs\":[]}", "msrs: there is no such member" },
		{ "{\"ferry_policy\":1,\"mode\":\"host-model\",\"vendor\":\"AMD\"}", "vendor: there is no such member" },
		{ "{\"ferry_cpu\":1,\"cpu\":[]}", "cpu: there is no such member; there are ferry_cpu," },
		{ "{\"ferry_cpu\":1,\"cpus\":[\n{\"cpuid\":[{\"leaf\":1,\"eax\":1,\"ebx\":1,\"ecx\":1,\"edx\":1}],"
		  "\"msr\":[]}]}", "line 2: cpus[0].msr: there is no such member; there are cpu, count, cpuid," },
		{ "{\"ferry_policy\":1,\"mode\":5,\"cpuid\":[{\"leaf\":1,\"eax\":1,\"ebx\":1,\"ecx\":1,\"edx\":1}]}",
		  "mode: data, passthrough" },
		{ "{\"ferry_policy\":1,\"mode\":\"custom\",\"model\":\"Haswell\",\"vendor\":5}", "vendor: Intel" },
		/* Names that look like places, and comments with brackets: the line is found, or a start. */
		{ "{\"ferry_policy\":1,\"mode\":\"host-model\",\n\"exclude\":[{\"foo[bar\":1,\"foo\":[1,2]}]}",
		  "line 2: exclude[0].foo[bar" },
		{ "{\"ferry_policy\":1,\"mode\":\"host-model\",\n\"exclude\":[{\"foo[9.\":1,\"foo\":[]}]}",
		  "line 2: exclude[0].foo[9." },
		{ "{/* ] */\"ferry_policy\":1,\"mode\":\"host-model\",\"exclude\":[1]}",
		  "line 1: exclude[0]: an object" },
		{ "{\"ferry_policy\":1,\"mode\":\"host-model\",\"exclude\":[{\"foo[99999999999999999\":1,"
		  "\"foo\":[/* } */]}]}", "line 1: exclude[0].foo[9" },
		{ "{\"model\":\"Haswell\",\"features\":[\"avx\"]}", "vendor" },
		{ "{\"vendor\":\"Intel\",\"model\":\"Haswell\",\"features\":[\"avx\",7]}", "features[1]" },
		{ "{\"vendor\":\"Intel\",\"model\":\"Haswell\",\"features\":[\"nosuch\"]}",
		  "features[0]: unknown feature nosuch" },
		{ "{\"vendor\":\"Intel\",\"model\":\"Haswell\",\"arch\":\"s390x\",\"features\":[]}",
		  "arch" },
	};
	char *big;
	unsigned int i;
	size_t n = 5u << 20;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		int ret = read_text_as(bad[i].text);

		if (!ok(ret == FERRY_X_BAD_FILE && strstr(err.text, bad[i].says), "bad input: %s",
			bad[i].says))
			diag("%d: %s", ret, err.text);
	}
	ok_eq(cpu_host_parse(&h, "file", "1 0 1 2 3 4\0\n", 13, &err), FERRY_X_BAD_FILE, "a zero byte");
	big = malloc(n);
	memset(big, 'a', n);
	ok_eq(cpu_host_parse(&h, "file", big, n, &err), FERRY_X_BAD_FILE, "five megabytes of one line");
	memset(big, '[', n);
	ok_eq(cpu_host_parse(&h, "file", big, n, &err), FERRY_X_BAD_FILE, "deeply nested JSON");
	memset(big, '<', n);
	ok_eq(cpu_host_parse(&h, "file", big, n, &err), FERRY_X_BAD_FILE, "no XML at all");
	for (i = 0; i + 26 < n; i += 26)
		sprintf(big + i, "%08x 0 00000001 1 1 1\n\n\n", 0x80000000 + i / 26);
	ok_eq(cpu_host_parse(&h, "file", big, i, &err), FERRY_X_BAD_FILE, "leaves without end");
	free(big);
}

/* What a list of names does not tell is not made up, and what it demands is heard. */
static void names_alone(void)
{
	struct cpu_combine_scratch *s = calloc(1, sizeof(*s));
	struct cpu_policy *p = calloc(3, sizeof(*p));
	const struct cpu_policy *m[2] = { &p[0], &p[1] };
	const struct cpu_combine_options opt = { 0 };
	struct cpu_host two[2] = { 0 };
	u32 culprit;

	read_text_as("<cpu><model>Haswell</model></cpu>");
	ok(cpu_policy_hides_widths(&h.cpu[0]), "a definition tells no widths");
	p[0] = p[1] = h.cpu[0];
	ok(!cpu_combine(&p[2], m, 2, &opt, s, &culprit) && cpu_policy_hides_widths(&p[2]),
	   "nor does a baseline of definitions");
	read_text_as("<cpu><model>Haswell</model><maxphysaddr mode='emulate' bits='42'/></cpu>");
	ok_eq(cpu_policy_phys_bits(&h.cpu[0]), 42, "maxphysaddr does");
	p[0] = h.cpu[0];
	ok(!cpu_combine(&p[2], m, 2, &opt, s, &culprit) && cpu_policy_phys_bits(&p[2]) == 36,
	   "one that tells and one that does not: the worst");

	cpu_host_parse(&two[0], "a", "<cpu><model>Haswell</model><vendor>Intel</vendor></cpu>", 55, &err);
	cpu_host_parse(&two[1], "b", "<cpu><model>EPYC</model><vendor>AMD</vendor></cpu>", 50, &err);
	ok_eq(cpu_same_demands(two, 2, &err), FERRY_X_NO, "definitions that demand two vendors");
	ok(strstr(err.text, "GenuineIntel") && strstr(err.text, "--identity"), "and what to do");
	ok_eq(cpu_same_demands(two, 1, &err), 0, "one alone is content");
	cpu_host_free(&two[1]);
	cpu_host_parse(&two[1], "b", "<capabilities><host><cpu><model>EPYC</model><vendor>AMD</vendor>"
		       "</cpu></host></capabilities>", 92, &err);
	ok(two[1].nr && !cpu_same_demands(two, 2, &err), "capabilities demand nothing");
	cpu_host_free(&two[0]);
	cpu_host_free(&two[1]);
	free(s);
	free(p);
}

/* A kernel for more CPUs than a cpu_set_t holds, and a cpuset without one: these stand in for those of libc. */
static size_t least_mask;
static int forbidden = -1;

int sched_getaffinity(pid_t pid, size_t size, cpu_set_t *mask)
{
	if (size < least_mask) {
		errno = EINVAL;
		return -1;
	}
	memset(mask, 0, size);
	return syscall(SYS_sched_getaffinity, pid, size, mask) < 0 ? -1 : 0;
}

int sched_setaffinity(pid_t pid, size_t size, const cpu_set_t *mask)
{
	if (forbidden >= 0 && CPU_ISSET_S(forbidden, size, mask) && CPU_COUNT_S(size, mask) == 1) {
		errno = EINVAL;
		return -1;
	}
	return syscall(SYS_sched_setaffinity, pid, size, mask);
}

static void live(void)
{
	cpu_set_t all, one, after;
	int first = 0, last = CPU_SETSIZE - 1;

	memset(&all, 0xff, sizeof(all));
	if (sched_setaffinity(0, sizeof(all), &all) || sched_getaffinity(0, sizeof(all), &all) ||
	    CPU_COUNT(&all) < 2) {
		skip("this machine has one CPU", "every CPU is asked");
		return;
	}
	while (!CPU_ISSET(first, &all))
		first++;
	while (!CPU_ISSET(last, &all))
		last--;
	CPU_ZERO(&one);
	CPU_SET(first, &one);
	sched_setaffinity(0, sizeof(one), &one);
	cpu_host_free(&h);
	err = (struct error){ 0 };
	cpu_host_live(&h, true, &err);
	ok(!err.code && h.logical == (u32)CPU_COUNT(&all) && h.nr_raw == h.logical &&
		   (int)h.raw_cpu[h.nr_raw - 1] == last,
	   "every CPU is asked by a process that is kept to one: %u", h.logical);
	ok(!sched_getaffinity(0, sizeof(after), &after) && CPU_EQUAL(&one, &after), "... and is on it afterwards");
	cpu_host_free(&h);
	least_mask = 1024;
	cpu_host_live(&h, false, &err);
	ok(!err.code && h.logical == (u32)CPU_COUNT(&all), "a kernel for 8192 CPUs: %s", err.text);
	cpu_host_free(&h);
	forbidden = last;
	cpu_host_live(&h, false, &err);
	ok(!err.code && h.logical == (u32)CPU_COUNT(&all) - 1 && h.nr_notes &&
		   strstr(h.note[0], "1 of "),
	   "a CPU that a cpuset forbids is told of: %s", h.nr_notes ? h.note[0] : err.text);
	least_mask = 0;
	forbidden = -1;
	sched_setaffinity(0, sizeof(all), &all);
}

/* What explain says to do next can be done: its words are the shell's, and name what was named. */
static void next_command(void)
{
	static const struct {
		const char *name, *word;
	} words[] = {
		{ "a/b-1.cpuid", "a/b-1.cpuid" }, { "@host", "@host" },	     { "-", "-" },
		{ "a b", "'a b'" },		  { "it's", "'it'\\''s'" }, { "", "''" },
		{ "$(x)", "'$(x)'" },		  { "~", "'~'" },
	};
	static const char guest[] = "0 0 1 756e6547 6c65746e 49656e69\n1 0 306c3 0 7ffafbff bfebfbff\n";
	static const char host[] = "0 0 1 756e6547 6c65746e 49656e69\n1 0 306c3 0 7dfafbff bfebfbff\n";
	char dir[] = "/tmp/ferry-words-XXXXXX", name[64], out[8192] = "", want[160];
	char *argv[] = { "explain", name, "-", NULL };
	int i, code, in = dup(0), old = dup(1), fd[2];

	for (i = 0; i < (int)ARRAY_SIZE(words); i++) {
		char *word = shell_word(words[i].name);

		ok_str(word, words[i].word, "a word of the shell");
		free(word);
	}
	if (!mkdtemp(dir))
		bail_out("mkdtemp");
	snprintf(name, sizeof(name), "%s/of a guest", dir);
	snprintf(want, sizeof(want), "ferry cpu baseline '%s' \\\n    - -o POLICY\n", name);
	if (write_file_durably(name, guest, strlen(guest), &err) || pipe(fd))
		bail_out("%s", err.text);
	fd[1] = (write(fd[1], host, strlen(host)), close(fd[1]), memfd_create("out", 0));
	fflush(stdout);
	dup2(fd[0], 0);
	dup2(fd[1], 1);
	code = cpu_cmd_explain(3, argv);
	fflush(stdout);
	dup2(in, 0);
	dup2(old, 1);
	i = pread(fd[1], out, sizeof(out) - 1, 0);
	if (!ok(i > 0 && code == FERRY_X_NO && strstr(out, want), "explain says what to do: %.60s...", want))
		diag("%d: %s", code, out);
	close(fd[0]);
	close(fd[1]);
	close(in);
	close(old);
	unlink(name);
	rmdir(dir);
}

/* A policy is the same after print and parse. */
static void round_trip(void)
{
	unsigned int seed = 7, i, bad = 0;
	struct cpu_policy *p = calloc(1, sizeof(*p));

	for (i = 0; i < 300; i++) {
		json_object *o;
		const char *text;

		random_cpu(p, &seed);
		cpu_policy_forget_ids(p);
		o = cpu_policy_file(p, "test");
		text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY);
		if (read_text_as(text) || h.nr != 1) {
			diag("%s", err.text);
			bad++;
		} else if (!cpu_policy_equal(&h.cpu[0], p)) {
			/* leaves beyond the highest are not read back */
			u32 k;

			for (k = 0; k < p->nr_leaves; k++)
				if (!cpu_policy_find(&h.cpu[0], p->leaf[k].leaf, p->leaf[k].subleaf))
					bad += p->leaf[k].leaf <=
					       cpu_policy_max_leaf(p, p->leaf[k].leaf & 0xffff0000);
		}
		json_object_put(o);
	}
	ok(!bad, "parse(print(policy)) is the policy, 300 times");
	free(p);
}

static void models(void)
{
	const struct cpu_model *m;
	struct cpu_model *found = calloc(1, sizeof(*found));
	struct cpu_set closed;
	unsigned int i, n = 0, odd = 0;

	for (i = 0; (m = cpu_model_get(i)); i++, n++) {
		if (cpu_model_find(m->name, found, &err) || strcmp(found->name, m->name)) {
			diag("%s", m->name);
			odd++;
		}
		if (*m->vendor && !cpu_vendor_id(m->vendor))
			odd++;
		/* No level has a feature without what it depends on. */
		closed = m->set;
		if (strncmp(m->source, "libvirt", 7)) {
			struct cpu_set all;
			unsigned int w;

			for (w = 0; w < CPU_NR_WORDS; w++)
				all.w[w] = cpu_words[w].defined;
			cpu_set_put(&all, CPU_F_MONITOR, cpu_set_has(&closed, CPU_F_MONITOR));
			if (cpu_set_close(&closed, &all)) {
				diag("%s is not closed", m->name);
				for (w = 0; w < cpu_nr_features; w++)
					if (cpu_set_has(&m->set, cpu_features[w].nr) &&
					    !cpu_set_has(&closed, cpu_features[w].nr))
						diag("  %s", cpu_features[w].names);
				odd++;
			}
		}
	}
	ok(n > 100 && !odd, "%u models and levels, all found by their names", n);
	ok(!cpu_model_find("Haswell-v2", found, &err) && !strcmp(found->name, "Haswell-noTSX"),
	   "by an alias");
	ok(!cpu_model_find("x86-64-v3", found, &err) && cpu_set_has(&found->set, CPU_F_AVX2) &&
		   !cpu_set_has(&found->set, CPU_F_AVX512F),
	   "x86-64-v3 has AVX2 and no AVX-512");
	ok(cpu_model_find("Haswell-v", found, &err) == FERRY_X_BAD_FILE, "half a name is none");
	ok(cpu_model_find("../x86_Haswell", found, &err) == FERRY_X_BAD_FILE, "no way out of the map");
	free(found);
}

int main(void)
{
	text_formats();
	msr_files();
	xml_formats();
	json_formats();
	modes();
	bad_input();
	names_alone();
	live();
	next_command();
	round_trip();
	models();
	cpu_host_free(&h);
	return done();
}
