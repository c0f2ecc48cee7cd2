/*
 * memcheck: what ASan and Valgrind are told about memory that we cut up
 * ourselves. Costs nothing in a plain build.
 *
 * ASan is a property of the build. Valgrind requests are compiled in with
 * -DMEMCHECK_VALGRIND=1, or always outside of hot paths (a few no-ops each).
 */
#ifndef HEAPGATE_MEMCHECK_H
#define HEAPGATE_MEMCHECK_H

#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#define MEMCHECK_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MEMCHECK_ASAN 1
#endif
#endif

#if defined(MEMCHECK_VALGRIND) && MEMCHECK_VALGRIND
#include <valgrind/memcheck.h>
#endif

#ifdef MEMCHECK_ASAN
#include <sanitizer/asan_interface.h>
#define MEMCHECK_REDZONE 16 /* bytes left unusable between objects */
#elif defined(MEMCHECK_VALGRIND) && MEMCHECK_VALGRIND
#define MEMCHECK_REDZONE 16
#else
#define MEMCHECK_REDZONE 0
#endif

/* Nobody may touch [p, p+n) until one of the other two says so. */
static inline void memcheck_noaccess(const void *p, size_t n)
{
	(void)p, (void)n;
#ifdef MEMCHECK_ASAN
	ASAN_POISON_MEMORY_REGION(p, n);
#elif defined(MEMCHECK_VALGRIND) && MEMCHECK_VALGRIND
	VALGRIND_MAKE_MEM_NOACCESS(p, n);
#endif
}

/* Handed out, content unknown. */
static inline void memcheck_undefined(const void *p, size_t n)
{
	(void)p, (void)n;
#ifdef MEMCHECK_ASAN
	ASAN_UNPOISON_MEMORY_REGION(p, n);
#elif defined(MEMCHECK_VALGRIND) && MEMCHECK_VALGRIND
	VALGRIND_MAKE_MEM_UNDEFINED(p, n);
#endif
}

/* Ours to read and write again (list links, headers). */
static inline void memcheck_defined(const void *p, size_t n)
{
	(void)p, (void)n;
#ifdef MEMCHECK_ASAN
	ASAN_UNPOISON_MEMORY_REGION(p, n);
#elif defined(MEMCHECK_VALGRIND) && MEMCHECK_VALGRIND
	VALGRIND_MAKE_MEM_DEFINED(p, n);
#endif
}

#endif
