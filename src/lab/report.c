#include "lab/report.h"

#include <errno.h>
#include <string.h>

static const struct {
	const char *name;
	void (*write)(const struct report *r, FILE *to);
} files[] = {
	{"report.html", report_html},       {"summary.json", report_summary},
	{"rounds.csv", report_rounds_csv},  {"samples.csv", report_samples_csv},
	{"metrics.om", report_openmetrics}, {"bench.txt", report_bench},
};

int report_write(const struct report *r, const char *dir, char *err, size_t err_cap)
{
	for (unsigned int i = 0; i < sizeof(files) / sizeof(*files); i++) {
		char path[1024];
		bool good;
		FILE *f;

		snprintf(path, sizeof(path), "%s/%s", dir, files[i].name);
		f = fopen(path, "we");
		if (f)
			files[i].write(r, f);
		good = f && !ferror(f);
		if (f && fclose(f) != 0)
			good = false;
		if (!good) {
			snprintf(err, err_cap, "%s: %s", path, strerror(errno));
			return -1;
		}
	}
	return 0;
}
