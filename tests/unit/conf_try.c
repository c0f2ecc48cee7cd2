#include "conf_try.h"

#include <check.h>
#include <ftw.h>
#include <stdlib.h>
#include <unistd.h>

char try_dir[256];

static void print(struct try *t)
{
	FILE *to = fmemopen(t->printed, sizeof(t->printed), "w");

	t->printed[0] = '\0';
	if (t->s)
		snapshot_print(t->s, to);
	fclose(to);
}

void try_text(struct try *t, const char *text)
{
	FILE *report = fmemopen(t->errors, sizeof(t->errors), "w");

	t->errors[0] = '\0';
	t->s = snapshot_parse("t.conf", text, strlen(text), report);
	fclose(report);
	print(t);
}

void try_file(struct try *t, const char *path)
{
	FILE *report = fmemopen(t->errors, sizeof(t->errors), "w");

	t->errors[0] = '\0';
	t->s = snapshot_load(path, report);
	fclose(report);
	print(t);
}

void try_end(struct try *t)
{
	snapshot_free(&t->s);
}

void try_dir_new(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(try_dir, sizeof(try_dir), "%.200s/conf.XXXXXX", tmp ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(try_dir));
}

const char *try_path(const char *name)
{
	static char path[320];

	snprintf(path, sizeof(path), "%s/%s", try_dir, name);
	return path;
}

void try_write(const char *name, const char *text)
{
	FILE *f = fopen(try_path(name), "w");

	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path);
}

void try_dir_free(void)
{
	ck_assert_int_eq(nftw(try_dir, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}
