/*
 * replay: the plain main of every fuzzer. Feeds it each file that the command
 * line names (a folder stands for the files in it), so that seeds and old
 * crashes stay tests without a fuzzing compiler.
 *
 * Exit: 0 when all files were fed; 1 when one could not be read.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
__attribute__((weak)) int LLVMFuzzerInitialize(int *argc, char ***argv);

static int replay_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	if (!f) {
		perror(path);
		return -1;
	}
	/* A block of exactly the file's size, so that ASan sees each overrun. */
	struct stat st;
	int rc = fstat(fileno(f), &st);
	size_t size = rc == 0 ? (size_t)st.st_size : 0;
	uint8_t *data = malloc(size ? size : 1);
	if (rc == 0 && data && fread(data, 1, size, f) == size)
		LLVMFuzzerTestOneInput(data, size);
	else
		rc = -1;
	free(data);
	fclose(f);
	return rc;
}

/* Returns: how many files were fed, -1 when one could not be read. */
static int replay_dir(const char *path)
{
	DIR *d = opendir(path);
	if (!d)
		return replay_file(path) ? -1 : 1;
	int n = 0;
	for (struct dirent *e; n >= 0 && (e = readdir(d));) {
		char file[4096];
		if (e->d_name[0] == '.')
			continue;
		snprintf(file, sizeof(file), "%s/%s", path, e->d_name);
		n = replay_file(file) ? -1 : n + 1;
	}
	closedir(d);
	return n;
}

int main(int argc, char **argv)
{
	int total = 0;

	if (LLVMFuzzerInitialize)
		LLVMFuzzerInitialize(&argc, &argv);
	for (int i = 1; i < argc; i++) {
		int n = replay_dir(argv[i]);
		if (n < 0)
			return 1;
		total += n;
	}
	printf("%d inputs replayed\n", total);
	return 0;
}
