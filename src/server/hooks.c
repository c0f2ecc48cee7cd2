#include "server/hooks.h"

#include <ares.h>
#include <event2/event.h>
#include <jansson.h>
#include <nghttp2/nghttp2.h>
#include <openssl/crypto.h>
#include <openssl/opensslv.h>
#include <stdio.h>
#include <string.h>

#include "io/conn.h"

/*
 * Of this order is one block alone that lives: the SSL of each connection, 7,624
 * bytes in OpenSSL 3.0. Two pages for it are little more than it would get anyhow,
 * and of an allocator that aligns them it has no byte on anybody else's page. So
 * a quiet connection can give all of it back (allocators/fold.h); of what is not
 * aligned only the page or none that lies within.
 */
#define PAGE_BYTES 4096u

static void *alloc_pages(size_t size)
{
	char *p = mem_alloc(MEM_OPENSSL, 2 * PAGE_BYTES);

	/* What nobody has asked for packs to nothing. */
	if (p)
		memset(p + size, 0, 2 * PAGE_BYTES - size);
	return p;
}

/* OpenSSL says which of its lines asks; the table has no use for that. */
static void *openssl_alloc_cb(size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	if (size > PAGE_BYTES && size <= 2 * PAGE_BYTES)
		return alloc_pages(size);
	return mem_alloc(MEM_OPENSSL, size);
}

static void *openssl_realloc_cb(void *p, size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	if (size)
		return mem_realloc(MEM_OPENSSL, p, size);
	mem_free(MEM_OPENSSL, p); /* CRYPTO_realloc(3) */
	return NULL;
}

static void openssl_free_cb(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	conn_on_openssl_free(p);
	mem_free(MEM_OPENSSL, p);
}

static void *libevent_alloc_cb(size_t size)
{
	return mem_alloc(MEM_LIBEVENT, size);
}

static void *libevent_realloc_cb(void *p, size_t size)
{
	return mem_realloc(MEM_LIBEVENT, p, size);
}

static void libevent_free_cb(void *p)
{
	mem_free(MEM_LIBEVENT, p);
}

static void *cares_alloc_cb(size_t size)
{
	return mem_alloc(MEM_CARES, size);
}

static void *cares_realloc_cb(void *p, size_t size)
{
	return mem_realloc(MEM_CARES, p, size);
}

static void cares_free_cb(void *p)
{
	mem_free(MEM_CARES, p);
}

static void *jansson_alloc_cb(size_t size)
{
	return mem_alloc(MEM_JANSSON, size);
}

static void jansson_free_cb(void *p)
{
	mem_free(MEM_JANSSON, p);
}

int hooks_install(char *err, size_t err_cap)
{
	int status;

	if (CRYPTO_set_mem_functions(openssl_alloc_cb, openssl_realloc_cb,
				     openssl_free_cb) != 1) {
		snprintf(err, err_cap, "OpenSSL has allocated before it was hooked");
		return -1;
	}
	event_set_mem_functions(libevent_alloc_cb, libevent_realloc_cb,
				libevent_free_cb);
	json_set_alloc_funcs(jansson_alloc_cb, jansson_free_cb);
	status = ares_library_init_mem(ARES_LIB_INIT_ALL, cares_alloc_cb, cares_free_cb,
				       cares_realloc_cb);
	if (status == ARES_SUCCESS)
		return 0;
	snprintf(err, err_cap, "c-ares: %s", ares_strerror(status));
	return -1;
}

void hooks_remove(void)
{
	ares_library_cleanup();
	libevent_global_shutdown();
}

static void say_version(struct library_version *v, const char *name, const char *built,
			const char *running)
{
	v->name = name;
	snprintf(v->built, sizeof(v->built), "%s", built);
	snprintf(v->running, sizeof(v->running), "%s", running);
}

void hooks_versions(struct library_version to[HOOKS_N_LIBRARIES])
{
	say_version(&to[0], "nghttp2", NGHTTP2_VERSION,
		    nghttp2_version(0)->version_str);
	say_version(&to[1], "libevent", LIBEVENT_VERSION, event_get_version());
	say_version(&to[2], "openssl", OPENSSL_VERSION_STR,
		    OpenSSL_version(OPENSSL_VERSION_STRING));
	say_version(&to[3], "c-ares", ARES_VERSION_STR, ares_version(NULL));
	say_version(&to[4], "jansson", JANSSON_VERSION, jansson_version_str());
}
