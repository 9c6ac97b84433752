// SPDX-License-Identifier: GPL-2.0-only
/*
 * ferry info: what this host and its module can do.
 */
#include "command.h"
#include "hostinfo.h"
#include "opts.h"

static const struct {
	u64 bit;
	const char *name;
	const char *text;
} caps[] = {
	{ FERRY_CAP_DIRTY_AD, "dirty-ad", "dirty pages from accessed/dirty bits" },
	{ FERRY_CAP_DIRTY_WP, "dirty-wp", "dirty pages by write protection" },
	{ FERRY_CAP_DIRTY_PML, "dirty-pml", "dirty pages from the CPU's page-modification log" },
	{ FERRY_CAP_NEXT_RIP, "next-rip", "the CPU reports instruction lengths" },
	{ FERRY_CAP_MIGRATE, "migrate", "live migration, suspend and resume" },
	{ FERRY_CAP_TSC_SCALE, "tsc-scale", "the CPU scales guests' time-stamp counters" },
	{ FERRY_CAP_TSC_STABLE, "tsc-stable", "this host keeps time by its time-stamp counter" },
};

static int set_json(void *ctx, const char *v, struct error *err)
{
	*(bool *)ctx = true;
	return 0;
}

static const char *backend_name(u32 backend)
{
	return backend == FERRY_BACKEND_SVM ? "svm" : backend == FERRY_BACKEND_VMX ? "vmx" : "?";
}

static void add(json_object *o, const char *key, const char *value)
{
	json_object_object_add(o, key, json_object_new_string(value));
}

static void print_facts_json(const struct host_facts *f, const struct host_verdict *v)
{
	json_object *o = json_object_new_object(), *m = NULL, *list;
	size_t i;

	add(o, "vendor", f->vendor);
	add(o, "model", f->model);
	add(o, "virtualisation", f->vmx ? "vmx" : f->svm ? "svm" : "none");
	add(o, "firmware", v->firmware);
	json_object_object_add(o, "under_hypervisor", json_object_new_boolean(f->under_hypervisor));
	add(o, "other_hypervisors", f->owners);
	if (f->module == MODULE_OK) {
		m = json_object_new_object();
		add(m, "version", (const char *)f->info.version);
		add(m, "backend", backend_name(f->info.backend));
		add(m, "hardware", (const char *)f->info.hardware);
		json_object_object_add(m, "api", json_object_new_int(f->info.api_version));
		json_object_object_add(m, "max_vcpus", json_object_new_int(f->info.max_vcpus));
		json_object_object_add(m, "phys_bits", json_object_new_int(f->info.phys_bits));
		json_object_object_add(m, "npt_levels", json_object_new_int(f->info.npt_levels));
		json_object_object_add(m, "tsc_khz", json_u64(f->info.tsc_khz));
		json_object_object_add(m, "xcr0", json_u64(f->info.xcr0));
		list = json_object_new_array();
		for (i = 0; i < ARRAY_SIZE(caps); i++)
			if (f->info.caps & caps[i].bit)
				json_object_array_add(list, json_object_new_string(caps[i].name));
		json_object_object_add(m, "capabilities", list);
	}
	json_object_object_add(o, "module", m);
	json_object_object_add(o, "usable", json_object_new_boolean(!v->code));
	json_object_object_add(o, "exit_code", json_object_new_int(v->code));
	add(o, "advice", v->advice);
	print_json(stdout, o);
	json_object_put(o);
}

static void print_facts(const struct host_facts *f, const struct host_verdict *v)
{
	size_t i;

	printf("CPU              %s (%s)\n", *f->model ? f->model : "unknown", f->vendor);
	printf("virtualisation   %s\n", f->vmx ? "VT-x" : f->svm ? "SVM" : "none");
	printf("firmware         %s\n", !strcmp(v->firmware, "unknown") ?
	       "unknown (modprobe msr, and be root, to see)" : v->firmware);
	printf("running under    %s\n", f->under_hypervisor ? "a hypervisor" : "bare hardware");
	printf("others loaded    %s\n", *f->owners ? f->owners : "none");
	if (f->module == MODULE_OK) {
		printf("module           %s, backend %s (%s)\n", f->info.version,
		       backend_name(f->info.backend), f->info.hardware);
		printf("guests           up to %u vCPUs, %u address bits, nested tables of %u levels\n",
		       f->info.max_vcpus, f->info.phys_bits, f->info.npt_levels);
		for (i = 0; i < ARRAY_SIZE(caps); i++)
			printf("%-16s %s %s\n", i ? "" : "capabilities",
			       f->info.caps & caps[i].bit ? "yes" : "no ", caps[i].text);
	} else {
		printf("module           not usable\n");
	}
	printf("\n%s\n", v->code ? v->advice : "This host can run VMs.");
}

int cmd_info(int argc, char **argv)
{
	static const struct opt opts[] = {
		{ "json", NULL, "answer in JSON", set_json },
		{ NULL }
	};
	static const struct usage usage = {
		.command = "info",
		.args = "",
		.help = "Says whether this host can run VMs and what is in the way if not. The exit\n"
			"code is 0 if it can.",
		.opts = opts,
	};
	struct host_facts f;
	struct host_verdict v;
	struct error err = { 0 };
	bool json = false;
	int nr, ret;

	ret = opts_parse(&usage, &json, argc, argv, NULL, 0, &nr, &err);
	if (ret)
		return ret == OPTS_HELP ? FERRY_X_OK : report(&err, json);
	host_gather(&f);
	host_judge(&f, &v);
	if (json)
		print_facts_json(&f, &v);
	else
		print_facts(&f, &v);
	return v.code;
}
