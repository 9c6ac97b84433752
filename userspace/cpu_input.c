// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading descriptions of CPUs: files, formats told apart, this machine. See cpu_input.h.
 *
 * Owns: nothing between calls. Locks: none.
 */
#include <cpuid.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cpu_input.h"
#include "lib/cpu/exclude.h"
#include "lib/cpu/read.h"

const char *const cpu_feature_policy_names[CPU_NR_FEATURE_POLICIES] = {
	[CPU_FORCE] = "force",	   [CPU_REQUIRE] = "require", [CPU_OPTIONAL] = "optional",
	[CPU_DISABLE] = "disable", [CPU_FORBID] = "forbid",
};

bool cpu_parse_feature_policy(const char *word, enum cpu_feature_policy *how)
{
	unsigned int i;

	for (i = 0; i < CPU_NR_FEATURE_POLICIES; i++)
		if (!strcmp(word, cpu_feature_policy_names[i])) {
			*how = i;
			return true;
		}
	return false;
}

void cpu_host_set_feature(struct cpu_host *h, unsigned int nr, enum cpu_feature_policy how)
{
	unsigned int i;

	for (i = 0; i < CPU_NR_FEATURE_POLICIES; i++)
		cpu_set_put(&h->features[i], nr, i == how);
}

void cpu_host_note(struct cpu_host *h, const char *fmt, ...)
{
	va_list ap;
	char *text;

	if (h->nr_notes == CPU_HOST_MAX_NOTES)
		return;
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) >= 0)
		h->note[h->nr_notes++] = text;
	va_end(ap);
}

void cpu_host_free(struct cpu_host *h)
{
	u32 i;

	for (i = 0; i < h->nr_notes; i++)
		free(h->note[i]);
	free(h->raw);
	free(h->raw_cpu);
	free(h->excluded);
	free(h->cpu);
	free(h->name);
	memset(h, 0, sizeof(*h));
}

bool cpu_is_feature_msr(u32 index)
{
	unsigned int i;

	for (i = 0; i < CPU_NR_WORDS; i++)
		if (cpu_words[i].source == CPU_SOURCE_MSR && cpu_words[i].index == index)
			return true;
	return false;
}

/* ------------------------------------------------------------- logical CPUs */

/*
 * A CPU answers for leaves above its highest with something else's values, and some programs write
 * that down. Such entries say nothing.
 */
static void drop_out_of_range(struct cpu_policy *p)
{
	u32 i = 0;

	if (!cpu_policy_find(p, 0, 0))
		return;
	while (i < p->nr_leaves) {
		u32 leaf = p->leaf[i].leaf, range = leaf & 0xffff0000;

		if (leaf == CPU_LEAF_SETTINGS || leaf == CPU_LEAF_EXCLUDED || range == CPU_LEAF_HYPERVISOR ||
		    (leaf <= cpu_policy_max_leaf(p, range) &&
		     (range == CPU_LEAF_BASIC || range == CPU_LEAF_EXTENDED ||
		      range == CPU_LEAF_CENTAUR)))
			i++;
		else
			cpu_policy_del(p, leaf, p->leaf[i].subleaf);
	}
}

int cpu_host_add(struct cpu_host *h, const struct cpu_policy *p, u32 number, struct error *err)
{
	struct cpu_policy *copy = xcalloc(1, sizeof(*copy));
	u32 i;

	if (!cpu_exclusion_valid(p, &i)) {
		free(copy);
		return fail(err, FERRY_X_BAD_FILE, "%s: leaf 0x%x sub-leaf 0x%x: not an excluded CPU as policies "
			    "have them", h->name, CPU_LEAF_EXCLUDED, p->leaf[i].subleaf);
	}
	*copy = *p;
	cpu_policy_forget_ids(copy);
	drop_out_of_range(copy);
	if (++h->logical > CPU_HOST_MAX_CPUS) {
		free(copy);
		return fail(err, FERRY_X_BAD_FILE, "%s: more than %u logical CPUs", h->name,
			    CPU_HOST_MAX_CPUS);
	}
	for (i = 0; i < h->nr; i++)
		if (cpu_policy_equal(&h->cpu[i], copy))
			break;
	if (i == h->nr) {
		if (h->nr == CPU_HOST_MAX_DISTINCT) {
			free(copy);
			return fail(err, FERRY_X_BAD_FILE, "%s: more than %u different CPUs",
				    h->name, CPU_HOST_MAX_DISTINCT);
		}
		h->cpu = xrealloc(h->cpu, (h->nr + 1) * sizeof(*h->cpu));
		h->cpu[h->nr] = *copy;
		h->first[h->nr] = number;
		h->count[h->nr] = 0;
		h->nr++;
	}
	h->count[i]++;
	free(copy);
	return 0;
}

/* ------------------------------------------------------------- this machine */

static void read_leaf(u32 leaf, u32 subleaf, u32 reg[CPU_NR_REGS])
{
	__cpuid_count(leaf, subleaf, reg[0], reg[1], reg[2], reg[3]);
}

/* MSRs of one CPU, where this process may read them and the CPU has them. */
static bool read_msrs(struct cpu_policy *p, int cpu)
{
	char path[64];
	unsigned int i;
	int fd;

	snprintf(path, sizeof(path), "/dev/cpu/%d/msr", cpu);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	for (i = 0; i < CPU_NR_WORDS; i++) {
		unsigned int needs = cpu_word_needs(i);
		u32 index = cpu_words[i].index;
		u64 value;

		if (cpu_words[i].source != CPU_SOURCE_MSR || cpu_policy_find_msr(p, index))
			continue;
		if (needs != CPU_F_NONE && !cpu_policy_has(p, needs))
			continue;
		if (pread(fd, &value, sizeof(value), index) == sizeof(value))
			cpu_policy_add_msr(p, index, value);
	}
	close(fd);
	return true;
}

/* The microcode revision that the kernel says of a CPU; 0 not known. */
static u32 microcode_of(const char *cpuinfo, int cpu)
{
	u32 revision = 0;
	const char *p;
	int n = -1;

	for (p = cpuinfo; p && *p; p = strchr(p, '\n'), p = p ? p + 1 : NULL)
		if (sscanf(p, "processor : %d", &n) != 1 && n == cpu)
			sscanf(p, "microcode : %x", &revision);
	return revision;
}

static bool wants_msrs(const struct cpu_policy *p)
{
	return cpu_policy_has(p, CPU_F_ARCH_CAPABILITIES) ||
	       cpu_policy_has(p, CPU_F_CORE_CAPABILITY) || cpu_policy_has(p, CPU_F_VMX);
}

/* The CPUs that this thread may run on; NULL: not known. The kernel wants room for all it could have. */
static cpu_set_t *affinity(size_t *size)
{
	cpu_set_t *mask = NULL;
	u32 cpus;

	for (cpus = CPU_SETSIZE; cpus <= 1 << 20; cpus *= 2) {
		*size = CPU_ALLOC_SIZE(cpus);
		mask = xrealloc(mask, *size);
		if (!sched_getaffinity(0, *size, mask))
			return mask;
		if (errno != EINVAL)
			break;
	}
	free(mask);
	return NULL;
}

/* Is it in a list as "0-3,8,10-11"? */
static bool in_list(const char *list, unsigned long cpu)
{
	unsigned long lo, hi;
	char *p = (char *)list;

	for (;; p++) {
		lo = hi = strtoul(p, &p, 10);
		if (*p == '-')
			hi = strtoul(p + 1, &p, 10);
		if (cpu >= lo && cpu <= hi)
			return true;
		if (*p != ',')
			return false;
	}
}

int cpu_host_live(struct cpu_host *h, bool keep_raw, struct error *err)
{
	struct cpu_policy *p = xcalloc(1, sizeof(*p));
	struct error ignored = { 0 };
	char *cpuinfo = read_text("/proc/cpuinfo", CPU_FILE_MAX, "CPUs", &ignored);
	char *online = read_text("/sys/devices/system/cpu/online", 1 << 20, "CPUs", &ignored);
	size_t size;
	cpu_set_t *old = affinity(&size), *one = NULL;
	u32 cpu, not_asked = 0;
	bool blind = false;
	int ret = 0;

	memset(h, 0, sizeof(*h));
	h->name = xstrdup("this host");
	h->format = "this host's CPUID";
	if (!old) {
		ret = fail_errno(err, FERRY_X_SYSTEM, "sched_getaffinity");
		goto out;
	}
	/* A guest may run where this process does not, by taskset or by what started it. */
	one = xcalloc(1, size);
	for (cpu = 0; cpu < 8 * size && !ret; cpu++) {
		if (online ? !in_list(online, cpu) : !CPU_ISSET_S(cpu, size, old))
			continue;
		CPU_ZERO_S(size, one);
		CPU_SET_S(cpu, size, one);
		if (sched_setaffinity(0, size, one)) {
			not_asked++;
			continue;
		}
		if (cpu_policy_read(p, read_leaf)) {
			ret = fail(err, FERRY_X_SYSTEM, "the CPUID of CPU %u does not fit a policy", cpu);
			break;
		}
		if (!read_msrs(p, cpu))
			blind |= wants_msrs(p);
		cpu_policy_set_settings(p, &(struct cpu_settings){ .microcode = microcode_of(cpuinfo, cpu) });
		ret = cpu_host_add(h, p, cpu, err);
		if (!ret && keep_raw) {
			h->raw = xrealloc(h->raw, (h->nr_raw + 1) * sizeof(*h->raw));
			h->raw_cpu = xrealloc(h->raw_cpu, (h->nr_raw + 1) * sizeof(*h->raw_cpu));
			h->raw[h->nr_raw] = *p;
			h->raw_cpu[h->nr_raw++] = cpu;
		}
	}
	if (!ret && !h->logical)
		ret = fail_errno(err, FERRY_X_SYSTEM, "cannot run on any CPU of this host");
	sched_setaffinity(0, size, old);
	if (not_asked)
		cpu_host_note(h, "%u of %u CPUs were not asked what they can do: this process may not run there, by "
				 "its cpuset", not_asked, h->logical + not_asked);
	if (blind)
		cpu_host_note(h, "feature MSRs could not be read (as root, with 'modprobe msr', they "
				 "can); what they would tell is taken to be the worst");
out:
	free(one);
	free(old);
	free(online);
	free(cpuinfo);
	free(p);
	return ret;
}

/* ------------------------------------------------------------------- files */

int cpu_host_parse(struct cpu_host *h, const char *name, const char *text, size_t len,
		   struct error *err)
{
	size_t i = 0;
	int ret;

	memset(h, 0, sizeof(*h));
	h->name = xstrdup(name);
	if (len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
		i = 3;
	while (i < len && (text[i] == ' ' || text[i] == '\t' || text[i] == '\r' || text[i] == '\n'))
		i++;
	if (i == len)
		ret = fail(err, FERRY_X_BAD_FILE, "%s: the file is empty", name);
	else if (memchr(text, 0, len))
		ret = fail(err, FERRY_X_BAD_FILE,
			   "%s: not a text: there is a zero byte at offset %zu", name,
			   (size_t)((const char *)memchr(text, 0, len) - text));
	else if (text[i] == '<')
		ret = cpu_parse_xml(h, text + i, len - i, err);
	else if (text[i] == '{' || text[i] == '[' || text[i] == '|' || text[i] == '+' ||
		 text[i] == '"')
		ret = cpu_parse_json(h, text, len, err);
	else
		ret = cpu_parse_text(h, text, len, err);
	if (ret)
		cpu_host_free(h);
	return ret;
}

/* "dir/dumps/x.cpuid" has its MSRs in "dir/msrs/x.msr"; any dump may have a ".msr" beside it. */
static char *msr_path(const char *path, bool sibling)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	const char *dot = strrchr(base, '.');
	int stem = dot ? (int)(dot - base) : (int)strlen(base);

	if (!sibling)
		return xasprintf("%.*s%.*s.msr", (int)(base - path), path, stem, base);
	return xasprintf("%.*s../msrs/%.*s.msr", (int)(base - path), path, stem, base);
}

static int read_msr_file(struct cpu_host *h, const char *path, struct error *err)
{
	struct error ignored = { 0 };
	int i, ret = 0;

	for (i = 0; i < 2; i++) {
		char *name = msr_path(path, i);
		char *text = NULL;

		if (!access(name, R_OK))
			text = read_text(name, CPU_FILE_MAX, "MSRs", &ignored);
		if (text) {
			ret = cpu_parse_msrs(h, name, text, strlen(text), err);
			if (!ret)
				cpu_host_note(h, "feature MSRs read from %s", name);
			i = 2;
		}
		free(text);
		free(name);
	}
	return ret;
}

/* What has no size beforehand: standard input, a pipe. */
static int read_stream(struct cpu_host *h, int fd, const char *name, struct error *err)
{
	char *text = NULL;
	size_t used = 0, room = 0;
	ssize_t n;
	int ret;

	do {
		if (room - used < 4096)
			text = xrealloc(text, room += 65536);
		n = read(fd, text + used, room - used - 1);
		if (n > 0)
			used += n;
	} while (n > 0 && used <= CPU_FILE_MAX);
	text[used] = 0;
	if (n < 0)
		ret = fail_errno(err, FERRY_X_SYSTEM, "%s", name);
	else if (used > CPU_FILE_MAX)
		ret = fail(err, FERRY_X_BAD_FILE, "%s: larger than %u MiB: no description of a CPU",
			   name, CPU_FILE_MAX >> 20);
	else
		ret = cpu_host_parse(h, name, text, used, err);
	free(text);
	return ret;
}

static bool is_fifo(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISFIFO(st.st_mode);
}

int cpu_host_read(struct cpu_host *h, const char *path, struct error *err)
{
	struct blob b = { 0 };
	int fd, ret;

	if (!strcmp(path, "@host"))
		return cpu_host_live(h, false, err);
	memset(h, 0, sizeof(*h));
	if (!strcmp(path, "-"))
		return read_stream(h, STDIN_FILENO, "standard input", err);
	if (is_fifo(path)) {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return fail_errno(err, FERRY_X_BAD_FILE, "cannot open %s", path);
		ret = read_stream(h, fd, path, err);
		close(fd);
		return ret;
	}
	ret = blob_map(&b, path, "CPU description", err);
	if (ret)
		return ret;
	if (b.size > CPU_FILE_MAX)
		ret = fail(err, FERRY_X_BAD_FILE, "%s: larger than %u MiB: no description of a CPU",
			   path, CPU_FILE_MAX >> 20);
	else
		ret = cpu_host_parse(h, path, b.data, b.size, err);
	blob_unmap(&b);
	if (!ret && h->mode == CPU_MODE_DATA && !h->names_only) {
		ret = read_msr_file(h, path, err);
		if (ret)
			cpu_host_free(h);
	}
	return ret;
}
