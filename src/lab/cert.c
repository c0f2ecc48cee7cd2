#include "lab/cert.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "io/tls.h"
#include "server/exits.h"

static const char usage[] =
	"usage: heapgate cert [--out DIR] [--name NAME]\n\n"
	"Writes DIR/tls.crt and DIR/tls.key: a key and a certificate that it signed\n"
	"itself, good for 30 days, for NAME, localhost, 127.0.0.1 and [::1].\n\n"
	"  --out DIR    where, made if need be; the current directory without it\n"
	"  --name NAME  whom it is for; localhost without it\n";

static int make(const char *dir, const char *name)
{
	char cert[PATH_MAX], key[PATH_MAX], err[256] = "";
	int n = snprintf(cert, sizeof(cert), "%s/tls.crt", dir);

	snprintf(key, sizeof(key), "%s/tls.key", dir);
	if (n >= (int)sizeof(cert)) {
		fprintf(stderr, "heapgate cert: the path is too long\n");
		return EXITS_USAGE;
	}
	if (mkdir(dir, 0755) != 0 && errno != EEXIST) {
		fprintf(stderr, "heapgate cert: cannot make %s: %s\n", dir,
			strerror(errno));
		return EXITS_FAILURE;
	}
	if (tls_make_cert(cert, key, name, err, sizeof(err)) != 0) {
		fprintf(stderr, "heapgate cert: %s\n", err);
		return EXITS_FAILURE;
	}
	printf("%s\n%s\n", cert, key);
	return EXITS_OK;
}

int cert_main(int argc, char **argv)
{
	static const struct option longs[] = {{"out", required_argument, NULL, 'o'},
					      {"name", required_argument, NULL, 'n'},
					      {"help", no_argument, NULL, 'h'},
					      {NULL, 0, NULL, 0}};
	const char *dir = ".", *name = "localhost";
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 'o') {
			dir = optarg;
		} else if (c == 'n') {
			name = optarg;
		} else {
			fputs(usage, c == 'h' ? stdout : stderr);
			return c == 'h' ? EXITS_OK : EXITS_USAGE;
		}
	}
	if (optind == argc)
		return make(dir, name);
	fputs(usage, stderr);
	return EXITS_USAGE;
}
