/*
 * The texts that a config is made of.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/loader.h"

#define READ_BYTES 16384u

/* at NULL: the file that was asked for on the command line. */
static const struct source *refuse(struct loader *ld, const struct place *at,
				   const char *name, const char *why)
{
	struct source self = {.name = name};
	struct place here = {.source = &self};

	if (at)
		report_error(&ld->report, at, "cannot read %s: %s", name, why);
	else
		report_error(&ld->report, &here, "cannot read the config: %s", why);
	ld->report.blind = true;
	ld->report.source = NULL; /* it may be self, which ends here */
	return NULL;
}

/* "conf/" of "conf/heapgate.conf", "" of "heapgate.conf". */
static const char *dir_of(struct loader *ld, const char *name)
{
	const char *slash = strrchr(name, '/');

	return slash ? room_copy(&ld->scratch, name, (size_t)(slash - name) + 1) : "";
}

/* Absolute, so that the effective config means the same wherever it is read. */
static const char *absolute(struct loader *ld, const char *dir)
{
	char cwd[4096];

	if (*dir == '/' || !getcwd(cwd, sizeof(cwd)))
		return dir;
	return room_printf(&ld->scratch, "%s/%s", cwd, dir);
}

static struct source *new_source(struct loader *ld, const char *name,
				 const struct place *at)
{
	struct source *s = room_alloc(&ld->scratch, sizeof(*s));

	s->name = room_copy(&ld->scratch, name, strlen(name));
	s->dir = s->file_dir = dir_of(ld, name);
	if (at) {
		s->from = at->source;
		s->from_line = at->line;
	}
	return s;
}

/* Reads ld->fd to its end, which may be a pipe. Returns: NULL, or why not. */
static const char *slurp(struct loader *ld, struct source *s, size_t size)
{
	size_t cap = size + READ_BYTES, len = 0;
	char *text = room_alloc(&ld->scratch, cap);
	ssize_t n;

	while ((n = read(ld->fd, text + len, cap - len)) > 0) {
		len += (size_t)n;
		if (len > LOADER_MAX_FILE_BYTES)
			return "larger than 16 MiB";
		if (len == cap) {
			char *more = room_alloc(&ld->scratch, cap * 2);

			memcpy(more, text, len);
			text = more;
			cap *= 2;
		}
	}
	s->text = str_of(text, len);
	return n < 0 ? strerror(errno) : NULL;
}

/* Returns: NULL, or why not. */
static const char *read_source(struct loader *ld, struct source *s)
{
	struct stat st;

	if (fstat(ld->fd, &st) < 0)
		return strerror(errno);
	if (S_ISDIR(st.st_mode))
		return "it is a directory";
	/* A device or pipe that is included may have no end. */
	if (s->from && !S_ISREG(st.st_mode))
		return "not a regular file";
	if (st.st_size > LOADER_MAX_FILE_BYTES)
		return "larger than 16 MiB";
	s->dev = st.st_dev;
	s->ino = st.st_ino;
	for (const struct source *up = s->from; up; up = up->from)
		if (up->ino && up->ino == s->ino && up->dev == s->dev)
			return "it includes itself";
	return slurp(ld, s, S_ISREG(st.st_mode) ? (size_t)st.st_size : 0);
}

const struct source *loader_read(struct loader *ld, const char *name,
				 const struct place *at)
{
	bool is_stdin = !at && strcmp(name, "-") == 0;
	struct source *s = new_source(ld, is_stdin ? "<stdin>" : name, at);
	const char *why;

	s->file_dir = absolute(ld, s->dir);
	if (++ld->n_files > LOADER_MAX_FILES)
		return refuse(ld, at, name, "too many files");
	/* Not to wait for a writer, should it be a pipe that is included. */
	ld->fd = is_stdin ? dup(STDIN_FILENO)
			  : open(name, O_RDONLY | O_CLOEXEC | (at ? O_NONBLOCK : 0));
	if (ld->fd < 0)
		return refuse(ld, at, name, strerror(errno));
	why = read_source(ld, s);
	close(ld->fd);
	ld->fd = -1;
	return why ? refuse(ld, at, name, why) : s;
}

const struct source *loader_text(struct loader *ld, const char *name, const char *text,
				 size_t len)
{
	struct source *s = new_source(ld, name, NULL);

	s->text = str_of(room_copy(&ld->scratch, text, len), len);
	return s;
}
